-- First pass yield by product and operation as ratio of sums. Grain: product x operation (x production day). Seen by: yield page.
SELECT product, operation, CASE WHEN $by_day THEN production_day END AS production_day,
    sum(good_pcs)::BIGINT AS good_pcs, sum(scrap_pcs)::BIGINT AS scrap_pcs, sum(rework_pcs)::BIGINT AS rework_pcs,
    sum(good_pcs) / nullif(sum(good_pcs + scrap_pcs + rework_pcs), 0) AS first_pass_yield,
    sum(scrap_pcs) / nullif(sum(good_pcs + scrap_pcs + rework_pcs), 0) AS scrap_ratio,
    CASE WHEN sum(good_pcs + scrap_pcs + rework_pcs) = 0 THEN 'nothing made' END AS note
FROM gold.yield
WHERE production_day BETWEEN $first AND $last
GROUP BY ALL
ORDER BY production_day, product, operation
