-- OEE by scope and period after ISO 22400-2: a ratio of sums over gold.kpi_sums, never a mean of ratios.
-- Grain: scope x (shift | production day | whole period). Looked at by: overview, OEE page, data trust.
-- The ratios and the bounds are the terms of gold.kpi: `warehouse.marts.ratios` puts them in for the words in braces.
-- Rows are those of gold.oee, which knows when a shift starts and ends.
WITH rows AS (
    SELECT *,
        CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area WHEN 'site' THEN site
            ELSE 'plant' END AS scope,
        CASE WHEN $grain <> 'period' THEN production_day END AS day,
        CASE WHEN $grain = 'shift' THEN shift END AS turn
    FROM gold.oee
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        AND ($machine::VARCHAR IS NULL OR machine = $machine)
), spans AS (
    SELECT scope, day, turn, min(start_at) AS start_at, max(end_at) AS end_at, max(revision) AS revision,
        max(known_from) AS known_from
    FROM rows GROUP BY scope, day, turn
), cells AS (
    SELECT *,
        CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area WHEN 'site' THEN site
            ELSE 'plant' END AS scope,
        CASE WHEN $grain <> 'period' THEN production_day END AS day,
        CASE WHEN $grain = 'shift' THEN shift END AS turn
    FROM gold.kpi_sums
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        AND ($machine::VARCHAR IS NULL OR machine = $machine)
), sums AS (
    SELECT scope, day, turn, {sums} FROM cells GROUP BY scope, day, turn
), {worlds}, bounds AS (
    SELECT scope, day, turn, min({oee}) AS least, max({oee}) AS most, bool_or({open}) AS open
    FROM in_q GROUP BY scope, day, turn
), ratios AS (SELECT *, {ratios} FROM sums)
SELECT $level AS level, s.scope, s.day AS production_day, s.turn AS shift, start_at, end_at,
    pot_us / 1e6 AS pot_s, pbt_us / 1e6 AS pbt_s, apt_us / 1e6 AS apt_s, aust_us / 1e6 AS aust_s,
    adet_us / 1e6 AS adet_s, adot_us / 1e6 AS adot_s, unknown_us / 1e6 AS unknown_s,
    produced_pcs::BIGINT AS produced_pcs, good_pcs::BIGINT AS good_pcs, scrap_pcs::BIGINT AS scrap_pcs,
    rework_pcs::BIGINT AS rework_pcs, CASE WHEN {has} THEN ideal_us / 1e6 END AS ideal_s,
    availability, effectiveness, quality, oee,
    CASE WHEN {has} AND NOT open AND pbt_us > 0 THEN least(least, oee) END AS oee_low,
    CASE WHEN {has} AND NOT open AND pbt_us > 0 THEN greatest(most, oee) END AS oee_high,
    coverage, revision, known_from
FROM spans s JOIN ratios r ON r.scope = s.scope AND r.day IS NOT DISTINCT FROM s.day
        AND r.turn IS NOT DISTINCT FROM s.turn
    JOIN bounds b ON b.scope = s.scope AND b.day IS NOT DISTINCT FROM s.day AND b.turn IS NOT DISTINCT FROM s.turn
ORDER BY production_day, start_at, s.scope
