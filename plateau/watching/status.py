"""A line on a terminal that is written over and over."""

from __future__ import annotations

import shutil
import sys
import time

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
        self._when = 0.0

    def __call__(self, text: str) -> None:
        """Show a text instead of the last one; none clears the line at once."""
        now = time.monotonic()
        if not self._on or text == self._shown or (text and now - self._when < OFTEN):
            return
        self._shown, self._when = text, now
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[2K{text[:width]}")
        sys.stderr.flush()
