"""What reading may take of the machine: memory in all, and processor time for each log."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":  # where there is nothing like it
    import resource

SHARE = 0.5  # of the memory
LEAST = 1 << 30  # bytes, in which any reader can start
UNKNOWN = 8 << 30  # bytes of a machine that does not tell
SECONDS, RATE = 120, 1 << 20  # for any log, and bytes a second of a long one


def memory(processes: int = 1) -> int:
    """Return how many bytes each of so many processes may take by default."""
    try:
        there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        there = UNKNOWN
    return max(LEAST, int(SHARE * there) // processes)


def seconds(path: str, shrunk: int) -> int:
    """Return how long reading a log may take, which is ``shrunk`` times as long as on disk."""
    return SECONDS + shrunk * _bytes(Path(path)) // RATE


def _bytes(path: Path) -> int:
    with suppress(OSError):
        if path.is_dir():
            return sum(_bytes(each) for each in path.iterdir() if not each.is_dir())
        return path.stat().st_size
    return 0


def limit_memory(most: int) -> None:
    """Let this process have no more memory than that: more is a MemoryError, or its end."""
    if sys.platform != "win32":
        _limit(resource.RLIMIT_AS, most)


def limit_seconds(more: int) -> None:
    """Let the system end this process when it has computed for so many seconds more."""
    if sys.platform != "win32":
        spent = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(spent.ru_utime + spent.ru_stime) + 1 + more)


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    with suppress(ValueError, OSError):  # some systems know the limit and do not take it
        resource.setrlimit(kind, (most, hard))
