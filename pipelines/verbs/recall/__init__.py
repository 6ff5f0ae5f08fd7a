"""`shopfloor recall`: from a lot, an order, a machine or a time to every lot that is affected."""
