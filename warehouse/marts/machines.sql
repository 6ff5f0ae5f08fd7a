-- Machines with their place in the plant. Grain: machine. Looked at by: the pickers of every page.
SELECT site, area, line, machine, kind, description
FROM silver.machines
WHERE ($site::VARCHAR IS NULL OR site = $site) AND ($line::VARCHAR IS NULL OR line = $line)
ORDER BY site, area, line, machine
