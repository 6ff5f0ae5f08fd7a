-- OEE by scope and period after ISO 22400-2: a ratio of sums over gold.oee, never a mean of ratios.
-- Grain: scope x (shift | production day | whole period). Looked at by: overview, OEE page, data trust.
-- oee_low: all unknown time was loss. oee_high: all of it was perfect production.
-- ideal_s is null where a product was made that has no ideal cycle: then effectiveness and OEE are not known.
WITH cells AS (
    SELECT *,
        CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area WHEN 'site' THEN site
            ELSE 'plant' END AS scope,
        CASE WHEN $grain <> 'period' THEN production_day END AS day,
        CASE WHEN $grain = 'shift' THEN shift END AS turn
    FROM gold.oee
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        AND ($machine::VARCHAR IS NULL OR machine = $machine)
), sums AS (
    SELECT scope, day, turn, min(start_at) AS start_at, max(end_at) AS end_at,
        sum(pot_s) AS pot_s, sum(pbt_s) AS pbt_s, sum(apt_s) AS apt_s, sum(aust_s) AS aust_s, sum(adet_s) AS adet_s,
        sum(adot_s) AS adot_s, sum(unknown_s) AS unknown_s,
        sum(produced_pcs)::BIGINT AS produced_pcs, sum(good_pcs)::BIGINT AS good_pcs,
        sum(scrap_pcs)::BIGINT AS scrap_pcs, sum(rework_pcs)::BIGINT AS rework_pcs,
        CASE WHEN bool_or(produced_pcs > 0 AND ideal_s IS NULL) THEN NULL ELSE coalesce(sum(ideal_s), 0) END AS ideal_s,
        max(revision) AS revision, max(known_from) AS known_from
    FROM cells GROUP BY scope, day, turn
), earned AS (
    SELECT *, pbt_s - unknown_s AS known_s,
        CASE WHEN produced_pcs > 0 THEN ideal_s * good_pcs / produced_pcs ELSE 0 END AS earned_s
    FROM sums
)
SELECT $level AS level, scope, day AS production_day, turn AS shift, start_at, end_at,
    pot_s, pbt_s, apt_s, aust_s, adet_s, adot_s, unknown_s, produced_pcs, good_pcs, scrap_pcs, rework_pcs, ideal_s,
    CASE WHEN known_s > 0 THEN apt_s / known_s END AS availability,
    CASE WHEN apt_s > 0 THEN ideal_s / apt_s END AS effectiveness,
    CASE WHEN produced_pcs > 0 THEN good_pcs / produced_pcs END AS quality,
    CASE WHEN known_s > 0 THEN earned_s / known_s END AS oee,
    CASE WHEN pbt_s > 0 THEN earned_s / pbt_s END AS oee_low,
    CASE WHEN pbt_s > 0 THEN (earned_s + unknown_s) / pbt_s END AS oee_high,
    CASE WHEN pbt_s > 0 THEN known_s / pbt_s END AS coverage,
    revision, known_from
FROM earned
ORDER BY production_day, start_at, scope
