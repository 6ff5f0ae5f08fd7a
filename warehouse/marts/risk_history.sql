-- Scores of a machine over time. Grain: failure mode x scored_at. Looked at by: machine health.
SELECT failure_mode, scored_at, probability, threshold, alert, rul_h, rul_low_h, rul_high_h, explained_by, model_version
FROM gold.failure_risk
WHERE machine = $machine AND ($failure_mode::VARCHAR IS NULL OR failure_mode = $failure_mode)
ORDER BY failure_mode, scored_at
