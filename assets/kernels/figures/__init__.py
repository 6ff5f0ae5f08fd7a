"""From ledgers to numbers: additive sums, any KPI over them, losses, yield, energy use."""
