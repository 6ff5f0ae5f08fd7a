-- Orders under way on the days, late ones first, with their cost against standard in currency units (null: not known).
-- Grain: order. Looked at by: orders page.
WITH reached AS (
    SELECT order_id, min(production_day) AS first_day, max(production_day) AS last_day
    FROM gold.order_days WHERE machine IS NULL GROUP BY order_id
), costs AS (
    SELECT order_id,
        CASE WHEN count(actual_cents) = count(*) THEN sum(actual_cents) / 100 END AS actual,
        CASE WHEN count(standard_cents) = count(*) THEN sum(standard_cents) / 100 END AS standard,
        CASE WHEN count(variance_cents) = count(*) THEN sum(variance_cents) / 100 END AS variance,
        CASE WHEN count(scrap_cents) = count(*) THEN sum(scrap_cents) / 100 END AS scrap,
        string_agg(DISTINCT note, '; ' ORDER BY note) AS cost_note
    FROM gold.order_costs GROUP BY order_id
)
SELECT p.*, r.first_day, r.last_day, c.actual, c.standard, c.variance, c.scrap, c.cost_note
FROM gold.order_performance p JOIN reached r USING (order_id) LEFT JOIN costs c USING (order_id)
WHERE r.first_day <= $last AND r.last_day >= $first
    AND ($site::VARCHAR IS NULL OR p.site = $site) AND ($line::VARCHAR IS NULL OR p.line = $line)
ORDER BY p.end_deviation_s > 0 DESC NULLS LAST, p.end_deviation_s DESC NULLS LAST, p.planned_end_at, p.order_id
