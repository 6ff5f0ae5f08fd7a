"""warehouse/marts."""
