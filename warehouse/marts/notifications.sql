-- Numbers that changed after somebody signed them, latest first. Grain: sign-off x change.
-- Looked at by: why did this number change.
SELECT n.kpi, coalesce(d.title, n.kpi) AS title, coalesce(d.unit, '') AS unit, n.level, n.scope, n.grain, n.period_start,
    n.recipient, n.signed_at, n.signed_value, n.value, n.known_from, n.parts, n.message
FROM gold.notifications n
LEFT JOIN gold.kpi_definitions d ON d.kpi = n.kpi AND d.known_to IS NULL
ORDER BY n.known_from DESC, n.kpi, n.scope
