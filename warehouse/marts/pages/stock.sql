-- Stock on hand at the end of the last day held up to the one asked for, findings first. Grain: material x location. Seen by: inventory page.
SELECT i.production_day, i.material, m.description, m.kind, i.location, i.unit, i.on_hand_qty, i.on_hand_value, i.average_value,
    i.turns, i.days_of_cover, i.abc, i.xyz, i.reorder_point_qty, i.alert
FROM gold.inventory i LEFT JOIN silver.materials m ON m.material = i.material
WHERE i.production_day = (SELECT max(production_day) FROM gold.inventory WHERE production_day <= $day)
ORDER BY CASE i.alert WHEN 'negative_stock' THEN 0 WHEN 'below_reorder_point' THEN 1 WHEN 'no_movement' THEN 2 ELSE 3 END,
    i.on_hand_value DESC, i.material, i.location
