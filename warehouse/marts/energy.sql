-- Energy by scope and hour, day or period against its baseline. Grain: scope x (hour | production day | period).
-- Looked at by: energy page, overview. deviation_kwh and cusum_kwh only count hours whose expected value is known.
WITH cells AS (
    SELECT *,
        CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area WHEN 'site' THEN site
            ELSE 'plant' END AS scope,
        CASE WHEN $grain <> 'period' THEN production_day END AS day,
        CASE WHEN $grain = 'hour' THEN hour_at END AS hour
    FROM gold.energy
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        AND ($machine::VARCHAR IS NULL OR machine = $machine)
), sums AS (
    SELECT scope, day, hour, min(hour_at) AS period_at, sum(energy_kwh) AS energy_kwh,
        sum(production_kwh) AS production_kwh, sum(idle_kwh) AS idle_kwh, sum(good_pcs)::BIGINT AS good_pcs,
        CASE WHEN bool_and(co2e_kg IS NOT NULL) THEN sum(co2e_kg) END AS co2e_kg,
        CASE WHEN bool_and(cost IS NOT NULL) THEN sum(cost) END AS cost,
        sum(expected_kwh) AS expected_kwh,
        sum(energy_kwh - expected_kwh) AS deviation_kwh
    FROM cells GROUP BY scope, day, hour
)
SELECT $level AS level, scope, period_at, day AS production_day, energy_kwh, production_kwh, idle_kwh, good_pcs,
    energy_kwh / nullif(good_pcs, 0) AS kwh_per_good_pc, co2e_kg, cost, expected_kwh, deviation_kwh,
    sum(deviation_kwh) OVER (PARTITION BY scope ORDER BY period_at ROWS UNBOUNDED PRECEDING) AS cusum_kwh
FROM sums
ORDER BY period_at, scope
