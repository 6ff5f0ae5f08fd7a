-- Materials and their value by class. Grain: ABC x XYZ class. Looked at by: inventory page.
SELECT abc, xyz, count(*) AS materials, sum(demand_value) AS demand_value, sum(on_hand_value) AS on_hand_value,
    sum(excess_value) FILTER (state = 'excess') AS excess_value, sum(on_hand_value) FILTER (state = 'dead') AS dead_value,
    string_agg(material, ', ' ORDER BY demand_value DESC NULLS LAST, material) AS names
FROM gold.stock_classes
WHERE $site::VARCHAR IS NULL OR site = $site
GROUP BY abc, xyz
ORDER BY abc NULLS LAST, xyz NULLS LAST
