"""Ways back into other systems: files, a SQL staging table, Tryton. Each takes a proposal once, by its key."""
