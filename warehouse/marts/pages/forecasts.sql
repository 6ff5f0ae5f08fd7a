-- Forecasts with the latest decision on each; the decision counts at once, before the table is rebuilt.
-- Grain: item x period. Seen by: overview, forecasts.
WITH decided AS (
    SELECT item, period_start, model_version, decision, decided_by, decided_at, quantity, comment FROM bronze.decisions
    QUALIFY row_number() OVER (PARTITION BY item, period_start, model_version ORDER BY decided_at DESC) = 1
)
SELECT f.item, f.period_start, f.period, f.quantity, f.low, f.high, f.model, f.model_version, f.backtest_wape, f.naive_wape,
    CASE d.decision WHEN 'withdrawn' THEN 'draft' ELSE coalesce(d.decision, f.status) END AS status,
    CASE WHEN d.decision IN ('approved', 'exported') THEN d.quantity END AS approved_quantity,
    coalesce(d.decided_by, f.approved_by) AS decided_by, coalesce(d.decided_at, f.approved_at) AS decided_at, d.comment
FROM gold.forecast f LEFT JOIN decided d USING (item, period_start, model_version)
ORDER BY f.item, f.period_start
