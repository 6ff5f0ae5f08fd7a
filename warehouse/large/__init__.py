"""What large tables need: kept in few files, and their newest rows found without reading them."""
