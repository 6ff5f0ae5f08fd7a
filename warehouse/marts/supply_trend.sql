-- On time in full by week of the due day.
-- Grain: partner x week. Looked at by: supply page.
WITH told AS (
    SELECT supplier AS partner, due_day, basis, due, otif FROM gold.supplier_performance WHERE $direction = 'inbound'
    UNION ALL SELECT customer, due_day, basis, due, otif FROM gold.customer_performance WHERE $direction = 'outbound'
), known AS (
    SELECT supplier AS partner, name FROM silver.suppliers WHERE $direction = 'inbound'
    UNION ALL SELECT customer, name FROM silver.customers WHERE $direction = 'outbound'
)
SELECT partner, coalesce(any_value(name), partner) AS name, date_trunc('week', due_day)::DATE AS week,
    sum(due)::BIGINT AS due, sum(otif)::BIGINT AS otif, sum(otif) / sum(due) AS otif_share
FROM told LEFT JOIN known USING (partner)
WHERE basis = $basis AND due_day BETWEEN $first AND $last GROUP BY partner, week HAVING sum(due) > 0
ORDER BY partner, week
