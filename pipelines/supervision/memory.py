"""What the C library does with memory that is given back, for a process that needs the same amount again at once."""

from __future__ import annotations

import ctypes
import sys

KEEP_BYTES = 128 << 20
"""So much free memory stays with the process; more is given back."""
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's mallopt."""


def keep_memory() -> bool:
    """Have freed memory kept up to `KEEP_BYTES`, large pieces too; false where the C library cannot (not glibc).

    Without it glibc maps every array above 128 kB anew, and the kernel clears each of its pages.
    """
    if sys.platform != "linux" or not hasattr(libc := ctypes.CDLL(None), "mallopt"):
        return False
    given = ((_TRIM_THRESHOLD, KEEP_BYTES), (_TOP_PAD, 16 << 20), (_MMAP_THRESHOLD, 32 << 20))
    return all(libc.mallopt(what, value) == 1 for what, value in given)
