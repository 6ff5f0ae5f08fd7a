"""Replenishment: distributions of lead-time demand, order quantities and points, the outlook, and what to do."""
