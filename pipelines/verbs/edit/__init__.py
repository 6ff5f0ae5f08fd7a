"""`shopfloor edit`: the verbs of people who correct what was recorded."""
