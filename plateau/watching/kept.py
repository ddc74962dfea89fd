"""The file of a watch's state: read once, written again and again, for one watch at a time."""

from __future__ import annotations

import json
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

    @contextmanager
    def undamaged(self) -> Iterator[None]:
        """Name the file in the error about what is not there in it."""
        try:
            yield
        except (LookupError, TypeError, AttributeError, RecursionError):  # it is not what it was
            raise ValueError(f"{self._path}: is damaged: begin without it") from None

    def write(self, teller: Teller, make: Callable[[], State | None]) -> None:
        """Write the state that is made, after the events that it counts; not if there is none."""
        if self._path is None or (own := make()) is None:
            return
        told = {"number": teller.number, "size": teller.size}
        state = whole_state(self._settings, told) | own
        write_whole(self._path, f"{json.dumps(state)}\n".encode())

    def close(self) -> None:
        """Let others have it."""
        if self._lock:
            self._lock.release()
