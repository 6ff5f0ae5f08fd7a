-- Every table with its size, version and how far its data reach. Grain: table. Looked at by: data trust.
SELECT t.table_name, split_part(t.table_name, '.', 1) AS layer, t.doc, t.grain, t.delta_version, t.row_count, t.files,
    t.bytes, t.written_at, f.latest_at, f.lag_s
FROM meta.tables t LEFT JOIN meta.freshness f USING (table_name)
ORDER BY CASE layer WHEN 'bronze' THEN 1 WHEN 'silver' THEN 2 ELSE 3 END, t.table_name
