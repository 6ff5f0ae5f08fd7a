-- Yield by product and operation. Grain: product x operation (x production day). Looked at by: yield page.
-- rolled_throughput_yield: product of the first pass yields of all operations of the product in the same span;
-- null when one of them made nothing.
WITH sums AS (
    SELECT product, operation, CASE WHEN $grain = 'day' THEN production_day END AS production_day,
        sum(good_pcs)::BIGINT AS good_pcs, sum(scrap_pcs)::BIGINT AS scrap_pcs, sum(rework_pcs)::BIGINT AS rework_pcs
    FROM gold."yield"
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($product::VARCHAR IS NULL OR product = $product)
    GROUP BY ALL
), ratios AS (
    SELECT *, good_pcs + scrap_pcs + rework_pcs AS produced_pcs,
        good_pcs / nullif(good_pcs + scrap_pcs + rework_pcs, 0) AS first_pass_yield
    FROM sums
)
SELECT product, operation, production_day, good_pcs, scrap_pcs, rework_pcs, produced_pcs, first_pass_yield,
    scrap_pcs / nullif(produced_pcs, 0) AS scrap_ratio,
    CASE WHEN bool_and(first_pass_yield IS NOT NULL) OVER span THEN product(first_pass_yield) OVER span END
        AS rolled_throughput_yield
FROM ratios
WINDOW span AS (PARTITION BY product, production_day)
ORDER BY production_day, product, operation
