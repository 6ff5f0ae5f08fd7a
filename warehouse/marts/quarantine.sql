-- Rows held back or only reported, most open ones first. Grain: source x origin x reason. Looked at by: data trust.
SELECT * FROM meta.quarantine ORDER BY open_rows DESC, "rows" DESC, source, origin, reason
