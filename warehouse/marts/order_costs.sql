-- Cost of one order by component and in total, in currency units: why it is over standard, and what a good piece costs.
-- Grain: component, and one row 'total' (last). Looked at by: orders page.
SELECT CASE WHEN grouping(c.component) = 1 THEN 'total' ELSE c.component END AS component,
    CASE WHEN count(actual_cents) = count(*) THEN sum(actual_cents) / 100 END AS actual,
    CASE WHEN count(standard_cents) = count(*) THEN sum(standard_cents) / 100 END AS standard,
    CASE WHEN count(variance_cents) = count(*) THEN sum(variance_cents) / 100 END AS variance,
    CASE WHEN count(price_variance_cents) = count(*) THEN sum(price_variance_cents) / 100 END AS prices,
    CASE WHEN count(usage_variance_cents + efficiency_variance_cents) = count(*)
        THEN sum(usage_variance_cents + efficiency_variance_cents) / 100 END AS use,
    CASE WHEN count(downtime_variance_cents + unknown_variance_cents) = count(*)
        THEN sum(downtime_variance_cents + unknown_variance_cents) / 100 END AS standing,
    CASE WHEN count(yield_variance_cents) = count(*) THEN sum(yield_variance_cents) / 100 END AS lost,
    CASE WHEN count(scrap_cents) = count(*) THEN sum(scrap_cents) / 100 END AS scrap,
    actual / nullif(any_value(p.good_pcs), 0) AS actual_each, standard / nullif(any_value(p.good_pcs), 0) AS standard_each,
    string_agg(DISTINCT c.note, '; ' ORDER BY c.note) AS note
FROM gold.order_costs c LEFT JOIN gold.order_performance p USING (order_id) WHERE c.order_id = $order
GROUP BY GROUPING SETS ((c.component), ())
HAVING count(*) > 0
ORDER BY grouping(c.component), actual DESC NULLS LAST, component
