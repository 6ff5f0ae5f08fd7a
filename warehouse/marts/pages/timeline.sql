-- What every machine did in one production day; neighbours of one kind joined, since hours and shifts cut the ledger.
-- Grain: machine x stretch. Seen by: OEE page.
WITH cut AS (
    SELECT *, (lag(account) OVER m IS DISTINCT FROM account OR lag(reason) OVER m IS DISTINCT FROM reason
        OR lag(order_id) OVER m IS DISTINCT FROM order_id)::INT AS begins
    FROM silver.time_ledger
    WHERE production_day = $day AND ($line IS NULL OR line = $line)
    WINDOW m AS (PARTITION BY machine ORDER BY start_at)
), stretches AS (
    SELECT *, sum(begins) OVER (PARTITION BY machine ORDER BY start_at) AS stretch FROM cut
)
SELECT machine, account, reason, order_id, any_value(product) AS product, min(start_at) AS start_at, max(end_at) AS end_at
FROM stretches
GROUP BY machine, stretch, account, reason, order_id
ORDER BY machine, start_at
