"""OPC UA on the wire: bytes of publish responses to columns, and rows of them. No network, no session here."""
