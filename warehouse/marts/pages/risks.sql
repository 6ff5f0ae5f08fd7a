-- The latest score of every machine and failure mode, alerts first. Grain: machine x failure mode. Seen by: overview, machine health.
SELECT machine, line, failure_mode, scored_at, horizon_h, probability, rul_h, rul_low_h, rul_high_h, threshold, alert,
    explained_by, model_version
FROM gold.failure_risk
WHERE $line IS NULL OR line = $line
QUALIFY row_number() OVER (PARTITION BY machine, failure_mode ORDER BY scored_at DESC) = 1
ORDER BY alert DESC, probability DESC NULLS LAST, machine, failure_mode
