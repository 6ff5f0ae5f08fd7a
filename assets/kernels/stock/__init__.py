"""Stock as it stands: against what was stated, by age, in space, by demand, and where it lies and is needed."""
