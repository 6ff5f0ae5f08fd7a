"""The caretaker's board: wiring, schedules, the writing door, the command line. Knows every room; nobody knows it."""
