-- Work in progress by day. Grain: production day x site. Looked at by: orders page.
SELECT * FROM gold.wip
WHERE production_day BETWEEN $first AND $last AND ($site::VARCHAR IS NULL OR site = $site)
ORDER BY production_day, site
