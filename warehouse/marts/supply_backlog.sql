-- Lines that are not over, by days behind.
-- Grain: bucket. Looked at by: supply page.
WITH open_lines AS (
    SELECT partner, "value" * greatest(0, 1 - arrived_qty / nullif(due_qty, 0)) AS open_value, currency,
        date_diff('day', due_day, as_of_day) AS behind_d, outcome
    FROM gold.supply_lines
    WHERE direction = $direction AND basis = $basis AND ended_at IS NULL
        AND (outcome IN ('overdue', 'not_due') OR (outcome = 'undated' AND status = 'open'))
), placed AS (
    SELECT *, CASE WHEN outcome = 'undated' THEN NULL WHEN outcome = 'not_due' THEN -1 WHEN behind_d <= 2 THEN 1
        WHEN behind_d <= 7 THEN 3 WHEN behind_d <= 30 THEN 8 ELSE 31 END AS from_d
    FROM open_lines
)
SELECT CASE from_d WHEN -1 THEN 'to come' WHEN 1 THEN '1 to 2 days behind' WHEN 3 THEN '3 to 7 days behind'
        WHEN 8 THEN '8 to 30 days behind' WHEN 31 THEN 'over 30 days behind' ELSE 'without a date' END AS bucket,
    from_d::BIGINT AS from_d, count(*) AS "lines", count(DISTINCT partner) AS partners,
    sum(open_value) FILTER (currency IS NULL) AS open_value
FROM placed GROUP BY from_d ORDER BY from_d DESC NULLS LAST
