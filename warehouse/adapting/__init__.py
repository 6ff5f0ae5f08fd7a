"""Adapters' SELECTs, run by a DuckDB of their own that is locked: nothing but the rows they are given."""
