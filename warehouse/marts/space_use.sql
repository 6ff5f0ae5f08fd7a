-- How full each zone is. Grain: zone x day. Looked at by: inventory page.
SELECT production_day, zone, sum(used) AS used,
    CASE WHEN count(*) = count(capacity) THEN sum(capacity) END AS capacity,
    CASE WHEN count(*) = count(capacity) AND sum(capacity) > 0 THEN sum(used) / sum(capacity) END AS share,
    sum(locations)::BIGINT AS locations, max(materials) AS materials
FROM gold.space_use
WHERE production_day BETWEEN $first AND $last AND ($site::VARCHAR IS NULL OR site = $site)
GROUP BY production_day, zone
ORDER BY production_day, zone
