-- Raw signals of one machine, thinned to about 400 means a signal, with the 5 % to 95 % band of the first half of the
-- window as its own normal. A slice without a good value is null, so that the line breaks. Grain: role x slice.
-- Seen by: machine health.
WITH raw AS (
    SELECT role, "at", value FROM silver.readings
    WHERE machine = $machine AND production_day BETWEEN $first AND $last AND NOT opening
        AND role IN ('vibration', 'temperature', 'power')
), slice AS (
    SELECT greatest(60, (epoch(max("at")) - epoch(min("at"))) / 400) AS width_s, min("at") + (max("at") - min("at")) / 2 AS half_at
    FROM raw
), normal AS (
    SELECT role, quantile_cont(value, 0.05) AS low, quantile_cont(value, 0.95) AS high
    FROM raw, slice WHERE "at" < half_at GROUP BY role
)
SELECT raw.role, to_timestamp(floor(epoch(raw."at") / slice.width_s) * slice.width_s) AS "at", avg(raw.value) AS value,
    any_value(normal.low) AS low, any_value(normal.high) AS high
FROM raw CROSS JOIN slice LEFT JOIN normal ON normal.role = raw.role
GROUP BY raw.role, 2 ORDER BY raw.role, 2
