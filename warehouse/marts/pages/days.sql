-- Production days that hold numbers, with their bounds. Grain: site x production day. Seen by: the chooser of every page.
-- complete: the data reach the same local wall clock a day later, which is 23 h or 25 h on a DST night.
WITH bounds AS (
    SELECT l.production_day, l.site, any_value(m.timezone) AS timezone, min(l.start_at) AS start_at, max(l.end_at) AS end_at
    FROM silver.time_ledger l JOIN silver.machines m ON m.machine = l.machine
    GROUP BY l.production_day, l.site
)
SELECT *, end_at >= timezone(timezone, timezone(timezone, start_at) + INTERVAL 1 DAY) AS complete
FROM bounds
ORDER BY production_day, site
