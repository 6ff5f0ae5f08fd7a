-- Production days gold.oee holds, latest first. Grain: production day. Looked at by: the day pickers.
-- complete: at every site the data reach the end of the last shift of the day.
WITH reached AS (SELECT site, max(end_at) AS reached_at FROM silver.time_ledger GROUP BY site),
per_site AS (
    SELECT production_day, site, count(DISTINCT machine) AS machines, max(end_at) AS end_at
    FROM gold.oee GROUP BY production_day, site
)
SELECT production_day, sum(machines)::BIGINT AS machines,
    bool_and(coalesce(end_at <= reached_at, false)) AS complete
FROM per_site LEFT JOIN reached USING (site)
GROUP BY production_day
ORDER BY production_day DESC
