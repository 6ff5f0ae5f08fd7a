"""assets/bronze."""
