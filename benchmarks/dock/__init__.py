"""The dock measured: OPC UA from a loaded server to rows in Delta, against stock clients in the same run."""
