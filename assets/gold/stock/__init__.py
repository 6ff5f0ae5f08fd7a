"""Gold tables of stock as it stands, made after gold.inventory."""
