"""Keeps the live sources of one collector: each its own task, health and metrics, settings taken up at run time."""
