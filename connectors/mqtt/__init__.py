"""MQTT: the connection every broker source has, and plain JSON topics of a unified namespace."""
