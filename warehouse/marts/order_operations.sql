-- Operations of one order on machines, plan against actual. Grain: operation x machine. Looked at by: orders page.
SELECT operation, machine, seq, "open", planned_pcs, good_pcs, scrap_pcs, started_at, ended_at, start_deviation_s,
    end_deviation_s, adherence, planned_setup_s, setup_us / 1e6 AS setup_s, standard_run_s, run_us / 1e6 AS run_s,
    interrupted_us / 1e6 AS interrupted_s, unknown_us / 1e6 AS unknown_s
FROM gold.operation_performance WHERE order_id = $order
ORDER BY seq, machine
