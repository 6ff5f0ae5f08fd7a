-- Order lines of one partner, as they are, due since a day. Grain: order line x basis. Looked at by: supply page.
FROM gold.supply_lines
WHERE direction = $direction AND partner = $partner AND ($since::DATE IS NULL OR due_day >= $since)
ORDER BY line, basis
