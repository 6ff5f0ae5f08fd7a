-- Health of every source with the age of its last value. Grain: source. Looked at by: data trust.
SELECT *, epoch_us(now() - last_at) / 1e6 AS age_s FROM meta.sources
ORDER BY CASE state WHEN 'down' THEN 1 WHEN 'never seen' THEN 2 WHEN 'idle' THEN 3 ELSE 4 END, source
