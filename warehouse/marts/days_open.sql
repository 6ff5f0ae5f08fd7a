-- How far the data of each production day reach, and how much of it is still to come. Grain: production day.
-- Seen by: the chooser of every page. A day whose last seconds are missing is over for a reader, though not yet
-- complete for the books. While no shift was ever planned (first day of a new plant, a Sunday) the days are those
-- of the ledger: stock, energy and supply have numbers then already.
WITH ledger AS (SELECT production_day, max(end_at) AS reached_at FROM silver.time_ledger GROUP BY production_day)
SELECT l.production_day, any_value(l.reached_at) AS reached_at,
    coalesce(greatest(0, epoch_us(max(o.end_at) - any_value(l.reached_at)) / 1e6), 0) AS open_s
FROM ledger l LEFT JOIN gold.oee o USING (production_day)
WHERE o.production_day IS NOT NULL OR NOT EXISTS (SELECT 1 FROM gold.oee)
GROUP BY l.production_day ORDER BY l.production_day
