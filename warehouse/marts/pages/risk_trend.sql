-- How the probability of one failure mode moved. Grain: decision time. Seen by: machine health.
SELECT scored_at AS at, probability, threshold, alert, model_version
FROM gold.failure_risk WHERE machine = $machine AND failure_mode = $failure_mode ORDER BY at
