-- Pareto of lost time. Grain: account x reason. Looked at by: overview, losses page.
WITH sums AS (
    SELECT account, reason, reason_class, sum(stops)::BIGINT AS stops, sum(duration_s) AS duration_s,
        CASE WHEN count(cost) = count(*) THEN sum(cost) END AS cost, sum(margin) AS margin,
        count(DISTINCT machine) AS machines, arg_max(machine, duration_s) AS worst_machine
    FROM gold.losses
    WHERE production_day BETWEEN $first AND $last
        AND ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
        AND ($machine::VARCHAR IS NULL OR machine = $machine)
    GROUP BY account, reason, reason_class
)
SELECT account, reason, reason_class, stops, duration_s, cost, margin,
    duration_s / nullif(sum(duration_s) OVER (), 0) AS share,
    sum(duration_s) OVER (ORDER BY duration_s DESC, account, reason, reason_class ROWS UNBOUNDED PRECEDING)
        / nullif(sum(duration_s) OVER (), 0) AS cumulative_share,
    duration_s / nullif(stops, 0) AS mean_stop_s, machines, worst_machine
FROM sums
ORDER BY duration_s DESC, account, reason, reason_class
