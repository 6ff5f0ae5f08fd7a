"""Where values come from: the tags of machines and the [[source]] tables of plant.toml."""
