"""The KPI algebra as plain declarations: measures that add, terms over them, and every KPI declared once."""
