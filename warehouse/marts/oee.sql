-- OEE by scope and period after ISO 22400-2: a ratio of sums over gold.oee, never a mean of ratios.
-- Grain: scope x (shift | production day | whole period). Looked at by: overview, OEE page, data trust.
-- Same rules as assets/kernels/figures/kpi_definitions.py: unknown time is left out of the value; oee_low books it as
-- loss, oee_high as perfect production; a machine that cannot count pieces (no ideal_s) has a part in the times
-- and none in effectiveness and OEE; a piece without an ideal cycle makes both unknown; pieces made outside
-- every shift count for quality, not for the ratios to shift time.
WITH cells AS (
    SELECT *,
        CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area WHEN 'site' THEN site
            ELSE 'plant' END AS scope,
        CASE WHEN $grain <> 'period' THEN production_day END AS day,
        CASE WHEN $grain = 'shift' THEN shift END AS turn,
        ideal_s IS NOT NULL AS counting,
        produced_pcs > 0 AND ideal_s IS NULL AS unrated
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
        CASE WHEN NOT bool_or(unrated) THEN sum(ideal_s) END AS ideal_s,
        CASE WHEN NOT bool_or(unrated) THEN sum(ideal_s) FILTER (shift <> 'off') END AS inside_s,
        coalesce(sum(good_pcs) FILTER (shift <> 'off'), 0) AS inside_good,
        coalesce(sum(produced_pcs) FILTER (shift <> 'off'), 0) AS inside_produced,
        coalesce(sum(apt_s) FILTER (counting), 0) AS counting_apt_s,
        coalesce(sum(pbt_s) FILTER (counting), 0) AS counting_pbt_s,
        coalesce(sum(unknown_s) FILTER (counting), 0) AS counting_unknown_s,
        bool_or(coalesce(contains(note, 'counts quarantined'), false)) AS doubted,
        max(revision) AS revision, max(known_from) AS known_from
    FROM cells GROUP BY scope, day, turn
), earned AS (
    SELECT *, pbt_s - unknown_s AS known_s, counting_pbt_s - counting_unknown_s AS counting_known_s,
        inside_s * CASE WHEN inside_produced > 0 THEN inside_good / inside_produced ELSE 0 END AS earned_s
    FROM sums
), ratios AS (
    SELECT *, CASE WHEN counting_known_s > 0 THEN earned_s / counting_known_s END AS oee,
        CASE WHEN doubted THEN greatest(earned_s, counting_apt_s) ELSE earned_s END AS best_s
    FROM earned
)
SELECT $level AS level, scope, day AS production_day, turn AS shift, start_at, end_at,
    pot_s, pbt_s, apt_s, aust_s, adet_s, adot_s, unknown_s, produced_pcs, good_pcs, scrap_pcs, rework_pcs, ideal_s,
    CASE WHEN known_s > 0 THEN apt_s / known_s END AS availability,
    CASE WHEN counting_apt_s > 0 THEN inside_s / counting_apt_s END AS effectiveness,
    CASE WHEN produced_pcs > 0 THEN good_pcs / produced_pcs END AS quality,
    oee,
    CASE WHEN counting_pbt_s > 0 THEN earned_s / counting_pbt_s END AS oee_low,
    CASE WHEN counting_pbt_s > 0 AND earned_s IS NOT NULL THEN greatest(oee, (
        best_s + counting_unknown_s * greatest(1, coalesce(best_s / nullif(counting_known_s, 0), 1))) / counting_pbt_s)
    END AS oee_high,
    CASE WHEN pbt_s > 0 THEN known_s / pbt_s END AS coverage,
    revision, known_from
FROM ratios
ORDER BY production_day, start_at, scope
