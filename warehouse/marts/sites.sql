-- Sites with the time zone their pages are shown in. Grain: site. Seen by: every page.
SELECT site, any_value(timezone) AS timezone, count(*) AS machines
FROM silver.machines GROUP BY site ORDER BY site
