"""Modbus TCP: block plan, polling, decode."""
