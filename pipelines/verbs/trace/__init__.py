"""`shopfloor trace`: from a number to the raw rows it was made of, and from a raw row to the numbers it went into."""
