-- How old the stock is. Grain: age bucket x kind of material. Looked at by: inventory page.
SELECT a.from_d, a.bucket, coalesce(m.kind, 'unknown') AS kind, sum(a.value) AS value,
    count(DISTINCT a.material) AS materials, min(a.oldest_at) AS oldest_at
FROM gold.stock_ageing a LEFT JOIN silver.materials m USING (material)
WHERE $site::VARCHAR IS NULL OR a.site = $site
GROUP BY ALL
ORDER BY a.from_d, kind
