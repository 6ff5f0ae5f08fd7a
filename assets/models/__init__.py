"""Trained models as Dagster assets: what they return goes to the shelf."""
