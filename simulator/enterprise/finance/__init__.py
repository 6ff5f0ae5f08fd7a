"""What things cost and how they were planned: rates, routing, work instructions, the roster; and the truth."""
