-- What gold.oee says about null or doubtful ratios, gathered by scope. Grain: scope (x production day). Seen by: every page with OEE.
WITH cells AS (
    SELECT production_day, note, CASE $level WHEN 'machine' THEN machine WHEN 'line' THEN line WHEN 'area' THEN area
        WHEN 'site' THEN site ELSE 'plant' END AS scope
    FROM gold.oee
    WHERE production_day BETWEEN $first AND $last AND ($site IS NULL OR site = $site) AND ($line IS NULL OR line = $line)
        AND ($machine IS NULL OR machine = $machine) AND note IS NOT NULL
)
SELECT scope, CASE WHEN $grain <> 'period' THEN production_day END AS production_day,
    string_agg(DISTINCT note, '; ' ORDER BY note) AS note
FROM cells GROUP BY ALL ORDER BY production_day, scope
