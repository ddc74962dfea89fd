"""One thread at a time: what takes many samples lets other threads of Python go on meanwhile."""

import os
from collections.abc import Callable
from threading import RLock, get_ident
from types import TracebackType
from typing import Any, TypeVar

from plateau._recurrence import BUSY, IN_USE

Copy = TypeVar("Copy")

COPYING = RLock()
if hasattr(os, "register_at_fork"):
    # A child has no other threads: what one of them copied at the fork would never be let go.
    os.register_at_fork(
        before=COPYING.acquire, after_in_parent=COPYING.release, after_in_child=COPYING.release
    )


class Use:
    """Holds a state for the thread that is within, ``with use: ...``.

    A kernel that takes one sample keeps Python's lock, so a look at the flag in the state is all
    that it needs. A thread that was interrupted before it could let go may go on with its state.

    Parameters
    ----------
    state : numpy.ndarray
        That of a detector, filter or bank.

    Raises
    ------
    RuntimeError
        On entering, if another thread is within.
    """

    __slots__ = ("_by", "_state")

    def __init__(self, state: Any) -> None:
        self._state: Any = memoryview(state)  # writes one number in half of NumPy's time
        self._by: dict[str, int] = {}

    def __enter__(self) -> None:
        me = get_ident()
        if self._by.setdefault("thread", me) != me:  # one step, in which no other thread can run
            raise RuntimeError(IN_USE)
        self._state[BUSY] = 1.0

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._state[BUSY] = 0.0
        self._by.clear()

    def follow(self, state: Any) -> None:
        """Go on with this state, which takes the place of the one there was."""
        self._state = memoryview(state)

    def copied(self, read: Callable[[], Copy]) -> Copy:
        """Return what `read` does. It changes nothing, so copies wait for one another."""
        me = get_ident()
        with COPYING:
            if self._by.get("thread") == me:  # the handler of a signal, amid what this thread does
                return read()
            try:
                with self:
                    return read()
            finally:
                if self._by.get("thread") == me:  # interrupted on the way in or out
                    self.__exit__(None, None, None)
