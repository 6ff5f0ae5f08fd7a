"""What signals and words of machines mean: states, modes, tag contracts."""
