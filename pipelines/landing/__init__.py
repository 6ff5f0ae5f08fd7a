"""From the collector's spool into the lake, and the upkeep of what lands there."""
