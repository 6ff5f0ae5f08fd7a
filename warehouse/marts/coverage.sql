-- Share of planned busy time with a trustworthy signal, and samples silver does not trust.
-- Grain: production day x machine. Looked at by: data trust.
WITH planned AS (
    SELECT production_day, line, machine, sum(pbt_s) AS pbt_s, sum(unknown_s) AS unknown_s
    FROM gold.oee
    WHERE production_day BETWEEN $first AND $last AND ($site::VARCHAR IS NULL OR site = $site)
    GROUP BY ALL
), samples AS (
    SELECT production_day, machine, count(*) FILTER (flag IS NOT NULL) AS flagged_samples,
        count(*) FILTER (quality = 'bad') AS bad_samples
    FROM silver.readings
    WHERE production_day BETWEEN $first AND $last AND NOT opening
    GROUP BY ALL
)
SELECT p.production_day, p.line, p.machine, p.pbt_s, p.unknown_s,
    CASE WHEN p.pbt_s > 0 THEN (p.pbt_s - p.unknown_s) / p.pbt_s END AS coverage,
    coalesce(s.flagged_samples, 0) AS flagged_samples, coalesce(s.bad_samples, 0) AS bad_samples
FROM planned p LEFT JOIN samples s USING (production_day, machine)
ORDER BY p.production_day, p.line, p.machine
