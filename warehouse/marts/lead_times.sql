-- Days from order to receipt, the row of all materials of a supplier first.
-- Grain: supplier x material (null: all). Looked at by: supply page.
SELECT t.*, coalesce(s.name, t.supplier) AS name
FROM gold.lead_times t LEFT JOIN silver.suppliers s USING (supplier)
ORDER BY t.supplier, t.material NULLS FIRST
