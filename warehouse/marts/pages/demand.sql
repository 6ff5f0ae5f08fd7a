-- Ordered quantity by period, as far back as asked. Grain: period. Seen by: forecasts.
SELECT date_trunc($period, timezone($timezone, requested_at))::DATE AS day, sum(qty) AS quantity
FROM silver.sales_orders
WHERE product = $item AND status <> 'cancelled' AND requested_at >= $since AND requested_at < $until
GROUP BY 1 ORDER BY 1
