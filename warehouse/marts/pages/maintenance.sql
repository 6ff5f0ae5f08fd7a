-- Maintenance of a machine, latest first. Grain: maintenance order. Seen by: machine health.
SELECT kind, failure_mode, reported_at, started_at, ended_at, epoch(ended_at - started_at) AS duration_s
FROM silver.maintenance_orders WHERE machine = $machine ORDER BY reported_at DESC
