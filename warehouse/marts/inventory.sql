-- Stock at the end of a day (null: the last one held), findings first, then by value.
-- Grain: material x location. Looked at by: inventory page.
SELECT i.*, m.description, m.kind
FROM gold.inventory i LEFT JOIN silver.materials m USING (material)
WHERE i.production_day = (
        SELECT max(production_day) FROM gold.inventory WHERE $day::DATE IS NULL OR production_day <= $day
    )
    AND ($site::VARCHAR IS NULL OR i.site = $site) AND ($material::VARCHAR IS NULL OR i.material = $material)
ORDER BY i.alert IS NULL, i.on_hand_value DESC, i.material, i.location
