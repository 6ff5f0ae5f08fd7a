-- How far the data of each production day reach, and how much of it is still to come. Grain: production day.
-- Seen by: the chooser of every page. A day whose last seconds are missing is over for a reader, though not yet
-- complete for the books.
WITH ledger AS (SELECT production_day, max(end_at) AS reached_at FROM silver.time_ledger GROUP BY production_day)
SELECT o.production_day, any_value(l.reached_at) AS reached_at,
    greatest(0, epoch_us(max(o.end_at) - any_value(l.reached_at)) / 1e6) AS open_s
FROM gold.oee o JOIN ledger l USING (production_day)
GROUP BY o.production_day ORDER BY o.production_day
