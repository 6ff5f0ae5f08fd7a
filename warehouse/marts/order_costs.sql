-- Cost of one order by component, in currency units. Grain: component. Looked at by: orders page.
SELECT component,
    CASE WHEN count(actual_cents) = count(*) THEN sum(actual_cents) / 100 END AS actual,
    CASE WHEN count(standard_cents) = count(*) THEN sum(standard_cents) / 100 END AS standard,
    CASE WHEN count(variance_cents) = count(*) THEN sum(variance_cents) / 100 END AS variance,
    CASE WHEN count(scrap_cents) = count(*) THEN sum(scrap_cents) / 100 END AS scrap,
    string_agg(DISTINCT note, '; ' ORDER BY note) AS note
FROM gold.order_costs WHERE order_id = $order
GROUP BY component
ORDER BY actual DESC NULLS LAST, component
