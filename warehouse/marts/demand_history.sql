-- Ordered quantity. Grain: item x UTC day of the order. Looked at by: forecasts page.
SELECT product AS item, (ordered_at AT TIME ZONE 'UTC')::DATE AS ordered_day, sum(qty) AS qty
FROM silver.sales_orders
WHERE ordered_at IS NOT NULL AND status <> 'cancelled'
    AND ($item::VARCHAR IS NULL OR product = $item)
    AND ($first::DATE IS NULL OR (ordered_at AT TIME ZONE 'UTC')::DATE >= $first)
GROUP BY ALL
ORDER BY item, ordered_day
