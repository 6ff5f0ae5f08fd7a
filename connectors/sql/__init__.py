"""Relational sources: incremental, read only."""
