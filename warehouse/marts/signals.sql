-- Raw signals of one machine, thinned to about 400 means a signal, with the band of its own normal: the 5 % to 95 %
-- quantile of what it showed while producing, up to a day before the end. A slice without a good value is null, so
-- that the line breaks; without a record of production there is no band. Grain: role x slice. Seen by: machine health.
WITH raw AS (
    SELECT role, "at", value FROM silver.readings
    WHERE machine = $machine AND production_day BETWEEN $first AND $last AND NOT opening
        AND role IN ('vibration', 'temperature', 'power')
), spent AS (
    SELECT start_at, end_at, account FROM silver.time_ledger
    WHERE machine = $machine AND production_day BETWEEN $first AND $last
), slice AS (
    SELECT greatest(60, (epoch(max("at")) - epoch(min("at"))) / 400) AS width_s, max("at") - INTERVAL 1 DAY AS before_at
    FROM raw
), normal AS (
    SELECT raw.role, quantile_cont(raw.value, 0.05) AS low, quantile_cont(raw.value, 0.95) AS high
    FROM raw ASOF JOIN spent ON raw."at" >= spent.start_at, slice
    WHERE spent.account = 'production' AND raw."at" < spent.end_at AND raw."at" < slice.before_at
    GROUP BY raw.role
)
SELECT raw.role, to_timestamp(floor(epoch(raw."at") / slice.width_s) * slice.width_s) AS "at", avg(raw.value) AS value,
    any_value(normal.low) AS low, any_value(normal.high) AS high
FROM raw CROSS JOIN slice LEFT JOIN normal ON normal.role = raw.role
GROUP BY raw.role, 2 ORDER BY raw.role, 2
