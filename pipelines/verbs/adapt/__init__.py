"""`shopfloor adapt`: look at the canonical tables, check an adapter against a live database, draft a new one."""
