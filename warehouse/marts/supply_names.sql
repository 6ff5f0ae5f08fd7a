-- Suppliers or customers with an order line, and their names. Grain: supplier or customer. Looked at by: supply page.
WITH known AS (
    SELECT supplier AS partner, name FROM silver.suppliers WHERE $direction = 'inbound'
    UNION ALL SELECT customer, name FROM silver.customers WHERE $direction = 'outbound'
)
SELECT DISTINCT l.partner, coalesce(k.name, l.partner) AS name
FROM gold.supply_lines l LEFT JOIN known k USING (partner)
WHERE l.direction = $direction ORDER BY name, l.partner
