-- Forecasts with the latest decision on the very model version laid over them. Grain: item x period.
-- Looked at by: forecasts page. A decision on an older model version does not approve a newer forecast.
WITH latest AS (
    SELECT * FROM bronze.decisions
    QUALIFY row_number() OVER (PARTITION BY item, period_start, model_version ORDER BY decided_at DESC) = 1
)
SELECT f.* REPLACE (
        CASE d.decision WHEN 'approved' THEN 'approved' WHEN 'exported' THEN 'exported' WHEN 'withdrawn' THEN 'draft'
            ELSE f.status END AS status,
        CASE d.decision WHEN 'withdrawn' THEN NULL ELSE coalesce(d.decided_by, f.approved_by) END AS approved_by,
        CASE d.decision WHEN 'withdrawn' THEN NULL ELSE coalesce(d.decided_at, f.approved_at) END AS approved_at
    ),
    d.decision, d.decided_by, d.decided_at, d.quantity AS decided_quantity, d.comment
FROM gold.forecast f LEFT JOIN latest d USING (item, period_start, model_version)
WHERE $item::VARCHAR IS NULL OR f.item = $item
ORDER BY f.item, f.period_start
