"""assets/gold."""
