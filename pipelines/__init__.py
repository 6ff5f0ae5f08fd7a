"""The caretaker's board: wiring, schedules, the writing door, the command line. Knows every room; nobody knows it."""

import os
import sys

# Polars' allocator gives memory back at once, and asks for it again in the next step: a third of a large ledger's
# CPU time. It reads this when polars is first imported.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")

# The collector works in small steps on three threads of its own: more threads of polars only wake each other, a
# quarter of its CPU time.
if sys.argv[1:2] == ["collect"]:
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    # Arrow's own allocator gives memory back at once too; the C library's is told to keep it
    # (pipelines.supervision.memory): an eighth of the CPU time.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
