"""`shopfloor proposals`: the two keys on the command line, the way out, and what came of it."""
