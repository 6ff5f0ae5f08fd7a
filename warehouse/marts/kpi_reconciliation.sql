-- Why a scope and period reads differently in each standard, one rule at a time. Looked at by: KPIs page.
-- Grain: scope x period x walk x step.
SELECT * FROM gold.kpi_reconciliation($level, $grain, first_ := $first, last_ := $last)
