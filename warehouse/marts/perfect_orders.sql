-- Orders of one partner, as they are, due since a day. Grain: order x basis. Looked at by: supply page.
FROM gold.perfect_orders
WHERE direction = $direction AND partner = $partner AND ($since::DATE IS NULL OR due_day >= $since)
ORDER BY order_id, basis
