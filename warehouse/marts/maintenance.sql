-- Maintenance orders, latest first. Grain: maintenance order. Looked at by: machine health.
SELECT *, epoch_us(ended_at - started_at) / 1e6 AS duration_s
FROM silver.maintenance_orders
WHERE $machine::VARCHAR IS NULL OR machine = $machine
ORDER BY coalesce(started_at, reported_at) DESC NULLS LAST, maintenance_id
