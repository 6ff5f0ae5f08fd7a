-- Who signed off which number as it stood. Grain: sign-off. Looked at by: why did this number change.
SELECT kpi, level, scope, grain, period_start, value, signed_by, signed_at, comment
FROM bronze.signoffs ORDER BY signed_at DESC
