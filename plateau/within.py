"""Waiting for an answer from afar for so long in all, whatever the other side does."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from plateau._arguments import positive

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Within:
    """Calls a function and gives it so many seconds.

    The timeout of a socket begins anew at each byte, and that of a name's look-up is the system's.
    So the function is called in a thread, which is left alone when it hangs; until it ends no other
    one is begun.

    Parameters
    ----------
    seconds : float
        How long a call may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = positive("timeout", seconds)
        self._hangs: Thread | None = None

    def __call__(self, function: Callable[[], T]) -> T:
        """Return what a function returns, or raise what it raises.

        Raises
        ------
        TimeoutError
            If it takes longer, or the one before it still hangs.
        """
        if self._hangs and self._hangs.is_alive():
            raise TimeoutError("timed out")
        answers: SimpleQueue[T | Exception] = SimpleQueue()
        thread = Thread(target=_answer, args=(function, answers), daemon=True)
        thread.start()
        try:
            answer = answers.get(timeout=self.seconds)
        except Empty:
            self._hangs = thread
            raise TimeoutError("timed out") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy has: nothing of it hangs."""
        return {"seconds": self.seconds, "_hangs": None}


def _answer(function: Callable[[], T], answers: SimpleQueue[T | Exception]) -> None:
    try:
        answers.put(function())
    except Exception as error:
        answers.put(error)
