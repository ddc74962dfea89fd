"""The file of a watch's state: read once, written again and again, for one watch at a time."""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from plateau.export import write_whole
from plateau.watching.lock import Lock
from plateau.watching.state import read_state, whole_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plateau.watching.state import State
    from plateau.watching.teller import Teller


SAVED = 1.0
"""Seconds after which the state is written although nothing happened."""

REST = 9.0
"""Times as long as writing it took, at least, until it is written again."""


class Kept:
    """The state of a watch on the disk, if it is kept at all.

    Parameters
    ----------
    path : Path, optional
        Its file; None: nothing is kept.
    settings : State
        What a watch must have to go on from it.
    """

    def __init__(self, path: Path | None, settings: State) -> None:
        self._path = path
        self._settings = settings
        self._lock: Lock | None = None
        self._when, self._took = -math.inf, 0.0
        """When it was last written, and for how long."""
        self._number = 0
        """Events told when it was."""
        self._behind = False
        """Whether more was taken since."""

    def resume(self, teller: Teller, restore: Callable[[State], None]) -> None:
        """Let a watch go on from the state, if there is one; else let it begin.

        Raises
        ------
        ValueError
            If another watch uses it, or it is not one of these settings, or damaged.
        """
        state = None
        if self._path:
            self._lock = Lock(self._path)
            state = read_state(self._path, self._settings)
        if state is None:
            teller.begin()
            return
        with self.undamaged():
            teller.begin(**state["told"])
            restore(state)
        self._number = teller.number

    @contextmanager
    def undamaged(self) -> Iterator[None]:
        """Name the file in the error about what is not there in it."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, RecursionError):  # it is not what it was
            raise ValueError(f"{self._path}: is damaged: begin without it") from None

    def keep(self, teller: Teller, make: Callable[[], State | None], *, new: bool) -> None:
        """Write the state where that is due; ``new`` tells that more was taken.

        It is due at once when an event was told, and within a second else; but that of many logs or
        series takes its time, of which most is for following them.
        """
        self._behind |= new
        waited = time.monotonic() - self._when
        due = teller.number > self._number or (self._behind and waited > SAVED)
        if due and waited >= REST * self._took:
            self.write(teller, make)

    def write(self, teller: Teller, make: Callable[[], State | None]) -> None:
        """Write the state that is made, after the events that it counts; not if there is none."""
        begun = time.monotonic()
        if self._path is None or (own := make()) is None:
            return
        told = {"number": teller.number, "size": teller.size}
        state = whole_state(self._settings, told) | own
        write_whole(self._path, f"{json.dumps(state)}\n".encode())
        self._when = time.monotonic()
        self._took = self._when - begun
        self._number, self._behind = teller.number, False

    def close(self) -> None:
        """Let others have it."""
        if self._lock:
            self._lock.release()
