"""What the machines tell about it: energy, telemetry, counters, alarms."""
