-- What else the overview counts on one day: energy and open findings. Grain: one row. Looked at by: the tiles.
WITH power AS (
    SELECT sum(energy_kwh) AS energy_kwh, sum(good_pcs) AS good_pcs FROM gold.energy
    WHERE production_day = $day AND ($site::VARCHAR IS NULL OR site = $site)
        AND ($line::VARCHAR IS NULL OR line = $line)
), stock AS (
    SELECT count(*) AS alerts FROM gold.inventory
    WHERE production_day = (SELECT max(production_day) FROM gold.inventory WHERE production_day <= $day)
        AND alert IS NOT NULL AND ($site::VARCHAR IS NULL OR site = $site)
), risk AS (
    SELECT count(*) FILTER (alert) AS alerts FROM (
        SELECT alert FROM gold.failure_risk
        WHERE ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        QUALIFY row_number() OVER (PARTITION BY machine, failure_mode ORDER BY scored_at DESC) = 1
    )
)
SELECT power.energy_kwh, power.energy_kwh / nullif(power.good_pcs, 0) AS kwh_per_good_pc,
    stock.alerts AS inventory_alerts, risk.alerts AS risk_alerts,
    (SELECT count(*) FROM meta.checks WHERE NOT passed) AS checks_failed,
    (SELECT coalesce(sum(open_rows), 0)::BIGINT FROM meta.quarantine) AS quarantined_open
FROM power, stock, risk
