"""The caretaker's board: wiring, schedules, the writing door, the command line. Knows every room; nobody knows it."""

import os

# Polars' allocator gives memory back at once, and asks for it again in the next step: a third of a large ledger's
# CPU time. It reads this when polars is first imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")
