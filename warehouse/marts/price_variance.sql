-- What purchase prices were over standard cost and over the price before, in currency units, dearest first.
-- Grain: supplier x material. Looked at by: supply page.
SELECT p.supplier, p.material, coalesce(any_value(s.name), p.supplier) AS name, any_value(m.unit) AS unit,
    any_value(m.description) AS description, sum(p."lines")::BIGINT AS "lines", sum(p."foreign")::BIGINT AS "foreign",
    sum(ordered_cents) / 100 AS ordered, sum(over_standard_cents) / 100 AS over_standard,
    sum(over_previous_cents) / 100 AS over_previous,
    sum(over_standard_cents) / nullif(sum(standard_cents), 0) AS over_share,
    max_by(last_price_cents, ordered_day) FILTER (last_price_cents IS NOT NULL) / 100 AS last_price,
    any_value(m.standard_cost_cents) / 100 AS standard_cost
FROM gold.price_variance p LEFT JOIN silver.suppliers s USING (supplier) LEFT JOIN silver.materials m USING (material)
WHERE p.ordered_day BETWEEN $first AND $last
GROUP BY p.supplier, p.material ORDER BY over_standard DESC, p.supplier, p.material
