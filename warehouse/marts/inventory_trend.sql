-- Stock by day over all locations. Grain: production day x material. Looked at by: inventory page.
SELECT production_day, material, any_value(unit) AS unit, sum(on_hand_qty) AS on_hand_qty,
    sum(on_hand_value) AS on_hand_value, sum(issued_qty) AS issued_qty, max(reorder_point_qty) AS reorder_point_qty
FROM gold.inventory
WHERE production_day BETWEEN $first AND $last
    AND ($site::VARCHAR IS NULL OR site = $site) AND ($material::VARCHAR IS NULL OR material = $material)
GROUP BY production_day, material
ORDER BY production_day, material
