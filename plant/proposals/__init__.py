"""Proposals: what Shopfloor would have another system do, and the two keys it needs. Pure; nothing is stored here."""
