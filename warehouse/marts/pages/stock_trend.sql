-- Stock of one material at one location by day. Grain: production day. Seen by: inventory page.
SELECT production_day AS day, on_hand_qty, reorder_point_qty, on_hand_value
FROM gold.inventory
WHERE production_day BETWEEN $first AND $last AND material = $material AND location = $location
ORDER BY day
