-- Production days gold.oee holds, latest first. Grain: production day. Looked at by: the day pickers.
-- complete: the data reach the end of the last shift of the day.
WITH horizon AS (SELECT max(end_at) AS reached_at FROM silver.time_ledger)
SELECT production_day, count(DISTINCT machine) AS machines,
    coalesce(max(end_at) <= any_value(reached_at), false) AS complete
FROM gold.oee, horizon
GROUP BY production_day
ORDER BY production_day DESC
