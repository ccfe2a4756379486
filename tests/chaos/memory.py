"""What a process holds: as the system, Python and malloc count it."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Memory:
    """All but ``blocks`` in bytes; 0 where this system does not say.

    Attributes:
        resident: What the process occupies.
        blocks: How many blocks Python's allocator has given out.
        used: What malloc has given out; Python's arenas are not among it.
        free: What malloc holds, and has not given out.
    """

    resident: int
    blocks: int
    used: int
    free: int

    def __str__(self):
        return (
            f"RSS {_mib(self.resident)}, {self.blocks:,} blocks of Python's,"
            f" malloc {_mib(self.used)} in use and {_mib(self.free)} free"
        )


def now():
    """What is held now, and is no garbage."""
    gc.collect()
    used, free = _malloc()
    return Memory(_resident(), sys.getallocatedblocks(), used, free)


def _mib(size):
    return f"{size / 2**20:.2f} MiB"


def _resident():
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    return 0


class _Mallinfo2(ctypes.Structure):
    """As in malloc.h of glibc 2.33 and later."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _malloc():
    """Bytes in use, and free, of all of malloc's arenas."""
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is None:
        return 0, 0
    mallinfo.restype = _Mallinfo2
    info = mallinfo()
    return info.uordblks + info.hblkhd, info.fordblks
