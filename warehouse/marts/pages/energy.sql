-- Energy, cost and CO2e as sums, energy per piece as ratio of sums. Grain: machine, or all together. Seen by: overview, energy page.
-- excess_kwh: actual minus expected over the hours that have a baseline.
SELECT CASE $level WHEN 'machine' THEN machine ELSE 'all' END AS scope, sum(energy_kwh) AS energy_kwh,
    sum(production_kwh) AS production_kwh, sum(idle_kwh) AS idle_kwh, sum(good_pcs)::BIGINT AS good_pcs,
    sum(energy_kwh) / nullif(sum(good_pcs), 0) AS kwh_per_good_pc, sum(co2e_kg) AS co2e_kg, sum(cost) AS cost,
    sum(energy_kwh) FILTER (expected_kwh IS NOT NULL) - sum(expected_kwh) AS excess_kwh, sum(expected_kwh) AS expected_kwh,
    CASE WHEN sum(good_pcs) = 0 THEN 'makes no pieces' END AS note
FROM gold.energy
WHERE production_day BETWEEN $first AND $last AND ($line IS NULL OR line = $line)
GROUP BY 1 ORDER BY energy_kwh DESC, scope
