-- Lines that are not over, the longest overdue first.
-- Grain: order line. Looked at by: supply page.
WITH known AS (
    SELECT supplier AS partner, name FROM silver.suppliers WHERE $direction = 'inbound'
    UNION ALL SELECT customer, name FROM silver.customers WHERE $direction = 'outbound'
)
SELECT l.*, coalesce(k.name, l.partner) AS name, m.description, m.unit,
    date_diff('day', l.due_day, l.as_of_day)::BIGINT AS behind_d
FROM gold.supply_lines l LEFT JOIN known k USING (partner) LEFT JOIN silver.materials m USING (material)
WHERE l.direction = $direction AND l.basis = $basis AND l.ended_at IS NULL
    AND (l.outcome IN ('overdue', 'not_due') OR (l.outcome = 'undated' AND l.status = 'open'))
ORDER BY l.due_day NULLS LAST, l."value" DESC, l.line
