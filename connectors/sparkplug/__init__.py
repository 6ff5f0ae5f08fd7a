"""Sparkplug B: host application over MQTT."""
