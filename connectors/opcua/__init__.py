"""OPC UA: session, subscription, columnar decode, history, security."""
