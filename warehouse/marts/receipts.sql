-- From each built day to what it was built from, latest first. Grain: table x production day. Looked at by: data trust.
SELECT * FROM meta.receipts WHERE $table_name::VARCHAR IS NULL OR table_name = $table_name
ORDER BY production_day DESC NULLS LAST, table_name
