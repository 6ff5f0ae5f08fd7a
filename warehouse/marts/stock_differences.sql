-- What was stated or counted against the ledger, largest difference first. Grain: statement.
-- Looked at by: inventory page.
SELECT *
FROM gold.stock_differences
WHERE $site::VARCHAR IS NULL OR site = $site
ORDER BY finding = 'agrees', finding = 'late_posting', abs(difference_value) DESC NULLS LAST, statement
