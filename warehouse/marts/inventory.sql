-- Stock at the end of a day (null: the last one held), findings first, then by value. Classes are those of today.
-- Grain: material x location. Looked at by: inventory page.
SELECT i.production_day, i.site, i.material, i.location, i.unit, i.on_hand_qty, i.on_hand_value, i.average_value,
    i.issued_qty, i.turns, i.dio_d, i.days_of_cover, i.reorder_point_qty, i.alert, i.revision, i.known_from,
    m.description, m.kind, c.abc, c.xyz
FROM gold.inventory i LEFT JOIN silver.materials m USING (material)
    LEFT JOIN gold.stock_classes c ON c.site = i.site AND c.material = i.material
WHERE i.production_day = (
        SELECT max(production_day) FROM gold.inventory WHERE $day::DATE IS NULL OR production_day <= $day
    )
    AND ($site::VARCHAR IS NULL OR i.site = $site) AND ($material::VARCHAR IS NULL OR i.material = $material)
ORDER BY i.alert IS NULL, i.on_hand_value DESC, i.material, i.location
