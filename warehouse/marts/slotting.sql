-- Which stock should lie where, what saves most first. Grain: material x from x to. Looked at by: inventory page.
SELECT *, sum(now_m_week) OVER () AS all_now_m_week, sum(saved_m_week) OVER () AS all_saved_m_week,
    sum(move_m) OVER () AS all_move_m
FROM gold.slotting
WHERE $site::VARCHAR IS NULL OR site = $site
ORDER BY saved_m_week DESC, material, from_location, to_location
