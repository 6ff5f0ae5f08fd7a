-- How the time of each machine was spent. Grain: machine x account. Seen by: OEE page.
SELECT machine AS scope, account, sum(duration_us) / 3.6e9 AS hours
FROM silver.time_ledger
WHERE production_day BETWEEN $first AND $last AND ($site IS NULL OR site = $site) AND ($line IS NULL OR line = $line)
GROUP BY machine, account ORDER BY machine, account
