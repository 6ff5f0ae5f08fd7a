-- Latest score of every machine and failure mode, highest first. Grain: machine x failure mode.
-- Looked at by: machine health, overview.
SELECT * FROM (
    SELECT *, lag(probability) OVER (PARTITION BY machine, failure_mode ORDER BY scored_at) AS previous_probability
    FROM gold.failure_risk
    WHERE ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
)
QUALIFY row_number() OVER (PARTITION BY machine, failure_mode ORDER BY scored_at DESC) = 1
ORDER BY probability DESC NULLS LAST, machine, failure_mode
