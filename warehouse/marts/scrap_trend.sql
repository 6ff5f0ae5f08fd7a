-- Scrap and rework by day. Grain: production day x product. Looked at by: yield page.
SELECT production_day, product, sum(good_pcs + scrap_pcs + rework_pcs)::BIGINT AS produced_pcs,
    sum(scrap_pcs)::BIGINT AS scrap_pcs, sum(rework_pcs)::BIGINT AS rework_pcs,
    sum(scrap_pcs) / nullif(sum(good_pcs + scrap_pcs + rework_pcs), 0) AS scrap_ratio
FROM gold."yield"
WHERE production_day BETWEEN $first AND $last
    AND ($site::VARCHAR IS NULL OR site = $site) AND ($product::VARCHAR IS NULL OR product = $product)
GROUP BY production_day, product
ORDER BY production_day, product
