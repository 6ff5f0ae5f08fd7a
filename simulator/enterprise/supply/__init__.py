"""Suppliers and customers: what becomes of an order line, and the truth of whether it was on time and in full."""
