"""Adapters: how the tables of another system become the canonical ones. One TOML file a system, no code."""
