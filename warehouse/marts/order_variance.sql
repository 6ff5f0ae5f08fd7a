-- Why the orders that ended on the days cost more or less than standard, in currency units, and the levels between which
-- the parts lie. Only orders all of whose costs and standards are known. Grain: one row. Looked at by: orders page.
WITH ended AS (
    SELECT order_id, max(production_day) AS last_day FROM gold.order_days WHERE machine IS NULL GROUP BY order_id
), wanted AS (
    SELECT p.order_id FROM gold.order_performance p JOIN ended e USING (order_id)
    WHERE NOT p.open AND e.last_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR p.site = $site) AND ($line::VARCHAR IS NULL OR p.line = $line)
        AND ($order::VARCHAR IS NULL OR p.order_id = $order)
), known AS (
    SELECT order_id FROM gold.order_costs SEMI JOIN wanted USING (order_id)
    GROUP BY order_id HAVING count(variance_cents) = count(*) AND count(volume_variance_cents) = count(*)
)
SELECT (SELECT count(*) FROM wanted) AS orders, (SELECT count(*) FROM known) AS known_orders,
    sum(planned_cents) / 100 AS planned, sum(standard_cents) / 100 AS standard, sum(actual_cents) / 100 AS actual,
    sum(volume_variance_cents) / 100 AS volume, sum(price_variance_cents) / 100 AS price,
    sum(usage_variance_cents) / 100 AS usage, sum(efficiency_variance_cents) / 100 AS efficiency,
    sum(downtime_variance_cents) / 100 AS downtime, sum(unknown_variance_cents) / 100 AS unknown,
    sum(yield_variance_cents) / 100 AS yield, sum(scrap_cents) / 100 AS scrap
FROM gold.order_costs SEMI JOIN known USING (order_id)
