"""assets/silver."""
