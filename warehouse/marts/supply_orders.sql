-- Whole orders: how many were perfect, of those that can be told.
-- Grain: supplier or customer. Looked at by: supply page.
WITH known AS (
    SELECT supplier AS partner, name FROM silver.suppliers WHERE $direction = 'inbound'
    UNION ALL SELECT customer, name FROM silver.customers WHERE $direction = 'outbound'
)
SELECT partner, coalesce(any_value(name), partner) AS name, count(*) FILTER (due) AS orders,
    count(*) FILTER (on_time) AS on_time, count(*) FILTER (in_full) AS in_full,
    count(*) FILTER (damage_free) AS damage_free, count(*) FILTER (documents_ok) AS documents_ok,
    count(perfect) AS told, count(*) FILTER (perfect) AS perfect, count(*) FILTER (NOT due) AS open_orders
FROM gold.perfect_orders LEFT JOIN known USING (partner)
WHERE direction = $direction AND basis = $basis AND due_day BETWEEN $first AND $last
GROUP BY partner ORDER BY count(*) FILTER (perfect) / nullif(count(perfect), 0) NULLS LAST, partner
