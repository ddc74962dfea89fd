"""Some lines on a terminal that are written over and over."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

Text = str | Callable[[], str]
"""What is shown, or what makes it: most of it is never seen."""

OFTEN = 0.2
"""Seconds between two showings."""


class Status:
    """Shows how it stands on standard error, where that is a terminal.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._shown = ""
        self._height = 1
        self._when = 0.0

    def __call__(self, what: Text) -> None:
        """Show a text instead of the last one; none clears the line at once."""
        now = time.monotonic()
        if not self._on or (what and now - self._when < OFTEN):
            return
        text = what if isinstance(what, str) else what()
        if text == self._shown:
            return
        self._shown, self._when = text, now
        size = shutil.get_terminal_size()
        lines = [line[: size.columns - 1] for line in text.split("\n")[: size.lines - 1]]
        up = f"\x1b[{self._height - 1}A\x1b[J" if self._height > 1 else "\x1b[2K"
        sys.stderr.write("\r" + up + "\n".join(lines))
        sys.stderr.flush()
        self._height = max(len(lines), 1)
