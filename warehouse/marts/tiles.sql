-- The plant on one day in one row. Grain: one row. Looked at by: the tiles of the overview.
-- oee_before: the last earlier day that has data, so that a Monday is held against the Saturday.
WITH cells AS (
    SELECT * FROM gold.oee
    WHERE ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
), per_day AS (
    SELECT production_day, sum(pbt_s) AS pbt_s, sum(apt_s) AS apt_s, sum(unknown_s) AS unknown_s,
        sum(adet_s + adot_s) AS down_s, sum(good_pcs)::BIGINT AS good_pcs, sum(scrap_pcs)::BIGINT AS scrap_pcs,
        sum(produced_pcs)::BIGINT AS produced_pcs,
        CASE WHEN bool_or(produced_pcs > 0 AND ideal_s IS NULL) THEN NULL ELSE coalesce(sum(ideal_s), 0) END AS ideal_s
    FROM cells WHERE production_day <= $day GROUP BY production_day
), ratios AS (
    SELECT *, pbt_s - unknown_s AS known_s,
        CASE WHEN produced_pcs > 0 THEN ideal_s * good_pcs / produced_pcs ELSE 0 END AS earned_s
    FROM per_day
), today AS (SELECT * FROM ratios WHERE production_day = $day
), before AS (
    SELECT earned_s / known_s AS oee FROM ratios WHERE production_day < $day AND known_s > 0
    ORDER BY production_day DESC LIMIT 1
), power AS (
    SELECT sum(energy_kwh) AS energy_kwh, sum(good_pcs) AS good_pcs FROM gold.energy
    WHERE production_day = $day AND ($site::VARCHAR IS NULL OR site = $site)
        AND ($line::VARCHAR IS NULL OR line = $line)
), stock AS (
    SELECT count(*) AS alerts FROM gold.inventory
    WHERE production_day = (SELECT max(production_day) FROM gold.inventory WHERE production_day <= $day)
        AND alert IS NOT NULL AND ($site::VARCHAR IS NULL OR site = $site)
), risk AS (
    SELECT count(*) AS alerts FROM (
        SELECT alert FROM gold.failure_risk
        WHERE ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        QUALIFY row_number() OVER (PARTITION BY machine, failure_mode ORDER BY scored_at DESC) = 1
    ) WHERE alert
)
SELECT
    (SELECT CASE WHEN known_s > 0 THEN earned_s / known_s END FROM today) AS oee,
    (SELECT CASE WHEN pbt_s > 0 THEN earned_s / pbt_s END FROM today) AS oee_low,
    (SELECT CASE WHEN pbt_s > 0 THEN (earned_s + unknown_s) / pbt_s END FROM today) AS oee_high,
    (SELECT CASE WHEN known_s > 0 THEN apt_s / known_s END FROM today) AS availability,
    (SELECT CASE WHEN apt_s > 0 THEN ideal_s / apt_s END FROM today) AS effectiveness,
    (SELECT CASE WHEN produced_pcs > 0 THEN good_pcs / produced_pcs END FROM today) AS quality,
    (SELECT CASE WHEN pbt_s > 0 THEN known_s / pbt_s END FROM today) AS coverage,
    (SELECT oee FROM before) AS oee_before,
    (SELECT good_pcs FROM today) AS good_pcs,
    (SELECT scrap_pcs FROM today) AS scrap_pcs,
    (SELECT energy_kwh FROM power) AS energy_kwh,
    (SELECT CASE WHEN good_pcs > 0 THEN energy_kwh / good_pcs END FROM power) AS kwh_per_good_pc,
    (SELECT down_s FROM today) AS down_s,
    (SELECT alerts FROM stock) AS inventory_alerts,
    (SELECT alerts FROM risk) AS risk_alerts,
    (SELECT count(*) FROM meta.checks WHERE NOT passed) AS checks_failed,
    (SELECT coalesce(sum(open_rows), 0)::BIGINT FROM meta.quarantine) AS quarantined_open
