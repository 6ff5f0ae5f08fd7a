-- Time lost by reason, longest first, planned stops left out. Grain: reason x class. Seen by: overview, OEE page.
SELECT reason, reason_class, sum(stops)::BIGINT AS stops, sum(duration_s) AS duration_s,
    arg_max(machine, duration_s) AS worst_machine,
    sum(duration_s) / sum(sum(duration_s)) OVER () AS share,
    sum(sum(duration_s)) OVER (ORDER BY sum(duration_s) DESC, reason) / sum(sum(duration_s)) OVER () AS cumulative
FROM gold.losses
WHERE production_day BETWEEN $first AND $last AND ($line IS NULL OR line = $line) AND ($machine IS NULL OR machine = $machine)
    AND account NOT IN ('production', 'planned_down', 'not_scheduled')
GROUP BY reason, reason_class
ORDER BY duration_s DESC, reason
