"""Cross-checks of plant.toml: every problem at once, each with what was found, what is valid and what to do."""
