-- Raw signals of one machine, thinned to about 400 points a signal, with the 5 % to 95 % band of its own first half.
-- Grain: role x time slice. Seen by: machine health. A slice without a good value is null: the line breaks.
WITH raw AS (
    SELECT role, at, value FROM silver.readings
    WHERE machine = $machine AND production_day BETWEEN $first AND $last AND NOT opening
        AND role IN ('vibration', 'temperature', 'power')
), slice AS (
    SELECT greatest(60, (epoch(max(at)) - epoch(min(at))) / 400) AS width_s, min(at) AS begin_at, max(at) AS end_at FROM raw
), normal AS (
    SELECT role, quantile_cont(value, 0.05) AS low, quantile_cont(value, 0.95) AS high
    FROM raw, slice WHERE at < begin_at + (end_at - begin_at) / 2 GROUP BY role
)
SELECT role, to_timestamp(floor(epoch(at) / width_s) * width_s) AS at, avg(value) AS value, any_value(low) AS low, any_value(high) AS high
FROM raw JOIN normal USING (role), slice GROUP BY 1, 2 ORDER BY 1, 2
