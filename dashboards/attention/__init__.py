"""What needs somebody, in sentences: findings of the overview, and failed checks in words."""
