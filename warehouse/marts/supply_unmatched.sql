-- Deliveries and returns that count nowhere: their order line is not in the books, none is named, or a return has no day.
-- Grain: delivered line. Looked at by: supply page, trust page.
WITH told AS (
    SELECT d.*, coalesce(d.kind, 'delivery') AS what, coalesce(d.delivered_at, d.shipped_at) AS "at",
        CASE WHEN d.order_line IS NULL THEN 'no_line' WHEN l.line IS NULL THEN 'unknown_line'
            WHEN d.kind = 'return' AND d.delivered_at IS NULL AND d.shipped_at IS NULL THEN 'undated_return' END AS reason
    FROM silver.deliveries d LEFT JOIN gold.supply_lines l
        ON l.line = d.order_line AND l.direction = d.direction AND l.basis = 'requested'
), known AS (
    SELECT 'inbound' AS direction, supplier AS partner, name FROM silver.suppliers
    UNION ALL SELECT 'outbound', customer, name FROM silver.customers
), elsewhere AS (
    SELECT DISTINCT direction, line FROM gold.supply_lines WHERE basis = 'requested'
), refused AS (
    SELECT DISTINCT CASE table_name WHEN 'silver.purchase_orders' THEN 'inbound' ELSE 'outbound' END AS direction,
        json_extract_string(record_key, '$[0]') AS line
    FROM silver.rejected_records WHERE table_name IN ('silver.purchase_orders', 'silver.sales_orders')
)
SELECT t.reason, t.direction, t.what AS kind, t.delivery_id, t.order_line, t.partner,
    coalesce(k.name, t.partner) AS name, t.material, m.unit, t.qty, t."at", r.line IS NOT NULL AS line_rejected,
    e.line IS NOT NULL AS other_direction
FROM told t LEFT JOIN known k USING (direction, partner) LEFT JOIN silver.materials m USING (material)
    LEFT JOIN refused r ON r.direction = t.direction AND r.line = t.order_line
    LEFT JOIN elsewhere e ON e.line = t.order_line AND e.direction <> t.direction AND t.reason = 'unknown_line'
WHERE t.reason IS NOT NULL
ORDER BY t.reason = 'no_line', t."at" DESC NULLS LAST, t.delivery_id
