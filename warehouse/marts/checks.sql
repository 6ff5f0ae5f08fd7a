-- Last result of every data check, failed first. Grain: table x check. Looked at by: data trust.
SELECT * FROM meta.checks ORDER BY passed, CASE severity WHEN 'blocking' THEN 1 ELSE 2 END, table_name, check_name
