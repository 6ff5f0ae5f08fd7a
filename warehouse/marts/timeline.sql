-- What every machine did in a production day; neighbours that read the same are one bar.
-- Grain: machine x stretch. Looked at by: the timeline of the OEE page.
WITH marked AS (
    SELECT *, row_number() OVER (PARTITION BY machine ORDER BY start_at) - row_number() OVER (
            PARTITION BY machine, account, state, reason, reason_class, minor, order_id, product, shift, source
            ORDER BY start_at) AS island
    FROM silver.time_ledger
    WHERE production_day = $day
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
)
SELECT line, machine, min(start_at) AS start_at, max(end_at) AS end_at, sum(duration_us) / 1e6 AS duration_s,
    account, state, reason, reason_class, minor, order_id, product, shift, source
FROM marked
GROUP BY line, machine, account, state, reason, reason_class, minor, order_id, product, shift, source, island
ORDER BY line, machine, start_at
