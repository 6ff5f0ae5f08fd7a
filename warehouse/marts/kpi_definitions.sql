-- Definitions of KPIs in force: what a KPI is called, its unit and which way is better. Grain: KPI.
-- Looked at by: why did this number change.
SELECT kpi, title, unit, better, definition_id, family, known_from
FROM gold.kpi_definitions WHERE known_to IS NULL ORDER BY title, kpi
