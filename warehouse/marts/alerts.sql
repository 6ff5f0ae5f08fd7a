-- Everything that wants a person, worst first. Grain: one finding. Looked at by: overview, data trust.
WITH found AS (
    SELECT 'inventory' AS kind, CASE alert WHEN 'no_movement' THEN 'low' WHEN 'negative_stock' THEN 'high'
            ELSE 'medium' END AS severity,
        material || ' at ' || location AS subject,
        alert || ': ' || format('{:.1f}', on_hand_qty) || ' ' || unit || ' on hand'
            || coalesce(', reorder at ' || format('{:.1f}', reorder_point_qty), '') AS message,
        production_day::TIMESTAMPTZ AS "at"
    FROM gold.inventory
    WHERE alert IS NOT NULL AND production_day = (SELECT max(production_day) FROM gold.inventory)
        -- Where orders are decided on, they speak for the reorder points.
        AND (alert <> 'below_reorder_point' OR NOT EXISTS (SELECT 1 FROM gold.replenishment))
        AND ($site::VARCHAR IS NULL OR site = $site)
    UNION ALL
    SELECT 'inventory', CASE alert WHEN 'stock_out' THEN 'high' ELSE 'medium' END, material,
        alert || ': ' || format('{:.1f}', on_hand_qty) || ' ' || unit || ' on hand'
            || coalesce(', reorder at ' || format('{:.1f}', reorder_point_qty), '')
            || coalesce(', ' || action || ' ' || format('{:.1f}', action_qty) || ' ' || unit, ''),
        production_day::TIMESTAMPTZ
    FROM gold.replenishment
    WHERE alert IN ('stock_out', 'below_reorder_point') AND ($site::VARCHAR IS NULL OR site = $site)
    UNION ALL
    SELECT 'failure_risk', 'high', machine || ' ' || failure_mode,
        format('{:.0f} % within {:.0f} h', probability * 100, horizon_h) || coalesce(': ' || explained_by, ''),
        scored_at
    FROM (
        SELECT * FROM gold.failure_risk WHERE $site::VARCHAR IS NULL OR site = $site
        QUALIFY row_number() OVER (PARTITION BY machine, failure_mode ORDER BY scored_at DESC) = 1
    ) WHERE alert
    UNION ALL
    SELECT 'check', CASE severity WHEN 'blocking' THEN 'high' ELSE 'medium' END, table_name || ' ' || check_name,
        coalesce(unexpected::VARCHAR || ' rows against it', 'failed') || coalesce(', observed ' || observed, ''),
        checked_at
    FROM meta.checks WHERE NOT passed
    UNION ALL
    SELECT 'source', 'high', source, coalesce(message, 'source is down'), coalesce(since_at, last_at)
    FROM meta.sources WHERE state = 'down'
    UNION ALL
    SELECT 'quarantine', 'low', source || ' ' || reason, open_rows::VARCHAR || ' rows held back: ' || example, last_at
    FROM meta.quarantine WHERE open_rows > 0
)
SELECT * FROM found
ORDER BY CASE severity WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, "at" DESC NULLS LAST, subject
