-- Energy by hour against the baseline. Grain: hour. Seen by: energy page.
-- expected_kwh is null where one of the machines of the hour has no baseline: a part would look like a saving.
WITH hours AS (
    SELECT hour_at AS at, sum(energy_kwh) AS energy_kwh, sum(production_kwh) AS production_kwh, sum(idle_kwh) AS idle_kwh,
        CASE WHEN count(expected_kwh) = count(*) THEN sum(expected_kwh) END AS expected_kwh,
        coalesce(sum(energy_kwh - expected_kwh), 0) AS excess_kwh, count(expected_kwh) AS known
    FROM gold.energy
    WHERE production_day BETWEEN $first AND $last AND ($line IS NULL OR line = $line) AND ($machine IS NULL OR machine = $machine)
    GROUP BY hour_at
)
SELECT at, energy_kwh, production_kwh, idle_kwh, expected_kwh,
    CASE WHEN sum(known) OVER () > 0 THEN sum(excess_kwh) OVER (ORDER BY at) END AS cusum_kwh
FROM hours ORDER BY at
