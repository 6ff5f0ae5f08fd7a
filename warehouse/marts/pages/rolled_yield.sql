-- Rolled throughput yield: the product of the first pass yields of a product's operations. Grain: product (x day). Seen by: yield page.
WITH steps AS (
    SELECT product, operation, CASE WHEN $by_day THEN production_day END AS production_day,
        sum(good_pcs) / nullif(sum(good_pcs + scrap_pcs + rework_pcs), 0) AS fpy, sum(scrap_pcs)::BIGINT AS scrap_pcs
    FROM gold.yield WHERE production_day BETWEEN $first AND $last GROUP BY ALL
)
SELECT product, production_day, CASE WHEN count(fpy) = count(*) THEN product(fpy) END AS rolled_throughput_yield,
    count(*) AS operations, sum(scrap_pcs)::BIGINT AS scrap_pcs,
    arg_min(operation, fpy) AS weakest, min(fpy) AS weakest_fpy
FROM steps GROUP BY product, production_day ORDER BY production_day, product
