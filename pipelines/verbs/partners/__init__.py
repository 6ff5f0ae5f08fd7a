"""`shopfloor export supplier` and `shopfloor export customer`: what a partner may be sent, as a file."""
