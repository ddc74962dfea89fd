"""One thread at a time: what takes many samples lets other threads of Python go on meanwhile."""

from threading import get_ident
from types import TracebackType
from typing import Any

from plateau._recurrence import BUSY, IN_USE


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
