"""What an OPC UA server has, and the plant.toml that reads it: walk, details, roles, machines, fragment."""
