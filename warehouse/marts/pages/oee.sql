-- OEE rolled up as ratio of sums (ISO 22400-2), with the bounds of unknown time. Grain: scope (x production day).
-- Seen by: overview, OEE page, data trust. low: all unknown time was loss; high: all of it was perfect production.
WITH cells AS (
    SELECT *, CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area ELSE site END AS scope
    FROM gold.oee
    WHERE production_day BETWEEN $first AND $last AND ($line IS NULL OR line = $line)
), sums AS (
    SELECT scope, any_value(line) AS line, CASE WHEN $by_day THEN production_day END AS production_day,
        sum(pot_s) AS pot_s, sum(pbt_s) AS pbt_s, sum(apt_s) AS apt_s, sum(aust_s) AS aust_s, sum(adet_s) AS adet_s,
        sum(adot_s) AS adot_s, sum(unknown_s) AS unknown_s, sum(good_pcs)::BIGINT AS good_pcs,
        sum(scrap_pcs)::BIGINT AS scrap_pcs, sum(rework_pcs)::BIGINT AS rework_pcs, sum(produced_pcs)::BIGINT AS produced_pcs,
        CASE WHEN bool_or(produced_pcs > 0 AND ideal_s IS NULL) THEN NULL ELSE coalesce(sum(ideal_s), 0) END AS ideal_s
    FROM cells GROUP BY ALL
), ratios AS (
    SELECT *, pbt_s - unknown_s AS known_s,
        CASE WHEN pbt_s - unknown_s > 0 THEN apt_s / (pbt_s - unknown_s) END AS availability,
        CASE WHEN apt_s > 0 THEN ideal_s / apt_s END AS effectiveness,
        CASE WHEN produced_pcs > 0 THEN good_pcs / produced_pcs END AS quality,
        CASE WHEN produced_pcs > 0 THEN ideal_s * good_pcs / produced_pcs ELSE 0 END AS earned_s
    FROM sums
)
SELECT scope, line, production_day, pot_s, pbt_s, apt_s, unknown_s, good_pcs, scrap_pcs, rework_pcs, produced_pcs,
    availability, effectiveness, quality,
    CASE WHEN known_s > 0 THEN earned_s / known_s END AS oee,
    CASE WHEN pbt_s > 0 THEN earned_s / pbt_s END AS oee_low,
    CASE WHEN pbt_s > 0 THEN (earned_s + unknown_s) / pbt_s END AS oee_high,
    CASE WHEN pbt_s > 0 THEN known_s / pbt_s END AS coverage,
    CASE WHEN pbt_s = 0 THEN 'nothing planned'
         WHEN known_s = 0 THEN 'no signal in all planned time'
         WHEN effectiveness > 1 THEN 'faster than the ideal cycle: check the standard time'
         WHEN ideal_s IS NULL THEN 'no ideal cycle for a product that was made' END AS note
FROM ratios
ORDER BY production_day, scope
