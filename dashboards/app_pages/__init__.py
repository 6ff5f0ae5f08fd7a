"""One page a file: choose, read, draw, explain. No SQL, no maths."""
