"""`shopfloor verify`: recompute published numbers from bronze, in a scratch lake, and compare row by row."""
