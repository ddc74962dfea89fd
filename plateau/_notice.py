"""A line for a person who waits while the detector is compiled, which is done once."""

import sys
from collections.abc import Callable

LINE = "compiling the detector, which is done once: some seconds"


def _say(line: str) -> None:
    sys.stderr.write(f"plateau: {line}\n")


class _Notice:
    tell: Callable[[str], None] = staticmethod(_say)
    told = False


def compiling() -> None:
    """Tell that something is compiled: on a terminal, and once in a process."""
    # Under a service there may be no standard error at all.
    if not _Notice.told and sys.stderr is not None and sys.stderr.isatty():
        _Notice.told = True
        _Notice.tell(LINE)


def tell_by(tell: Callable[[str], None]) -> None:
    """Have the line told in another way, where a line of status is in its place."""
    _Notice.tell = staticmethod(tell)
