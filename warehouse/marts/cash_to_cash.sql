-- Cash to cash: the trailing window that ends last up to a day (null: of all), and every month.
-- Grain: window. Looked at by: orders page.
SELECT * FROM gold.cash_to_cash
WHERE "grain" = 'month' OR last_day = (
    SELECT max(last_day) FROM gold.cash_to_cash WHERE "grain" = 'trailing' AND ($day::DATE IS NULL OR last_day <= $day)
) AND "grain" = 'trailing'
ORDER BY "grain" DESC, first_day DESC
