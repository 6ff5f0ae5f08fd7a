-- What to order, make, count or sell off, worst first. Grain: site x material. Looked at by: inventory page.
SELECT r.*, m.description
FROM gold.replenishment r LEFT JOIN silver.materials m USING (material)
WHERE $site::VARCHAR IS NULL OR r.site = $site
ORDER BY CASE r.alert WHEN 'negative_stock' THEN 0 WHEN 'stock_out' THEN 1 WHEN 'below_reorder_point' THEN 2
        WHEN 'excess' THEN 3 WHEN 'dead' THEN 4 ELSE 5 END,
    r.stockout_probability DESC NULLS LAST, r.material
