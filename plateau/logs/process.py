"""Another Python process that works for this one, and may end or hang without harm to it."""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

PROGRAM = "import sys; sys.path[:] = {path!r}; from plateau.logs.process import serve; serve()"
GARBAGE = 100_000  # objects made before the collector looks for cycles: readers make none
PATIENCE = 2.0  # seconds for a process to end when no more is asked of it


class EndedError(Exception):
    """The process ended before it answered."""


class Worker:
    """Calls functions in another process, which is started when it is needed, and anew if it ended.

    Functions, arguments and results are pickled. What a function prints is lost.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0  # answers
        self._alone = threading.Lock()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def call(self, function: Callable[..., Any], *args: Any, limit: float) -> Any:
        """Call a function, and wait for its result; one thread at a time.

        Raises
        ------
        EndedError
            If the process ended instead.
        TimeoutError
            If it took longer than ``limit`` seconds; the process is ended then.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            if self._process:
                self._process.kill()

        with self._alone:
            timer = threading.Timer(limit, end)
            timer.daemon = True
            timer.start()
            try:
                self.send(function, *args)
                return self.receive()
            except EndedError:
                if late.is_set():
                    raise TimeoutError from None
                raise
            finally:
                timer.cancel()

    def send(self, function: Callable[..., Any], *args: Any) -> None:
        """Begin a call; only a small one may be begun while another is not done."""
        if self._process is None or (self._process.poll() is not None and not self._due):
            self.close()
            self._process = _started()
        self._due += 1
        assert self._process.stdin
        with suppress(BrokenPipeError):  # `receive` will notice that it has ended
            pickle.dump((function, args), self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()

    def receive(self) -> Any:
        """Return the result of the call that was begun first, or raise what it raised.

        Raises
        ------
        EndedError
            If the process ended instead. What else was begun is lost.
        """
        assert self._process
        assert self._process.stdout
        try:
            done, result = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            self.close()
            raise EndedError from None
        except BaseException:  # an interrupt: who asks next must not get this answer
            self.close()
            raise
        self._due -= 1
        if not done:
            raise result
        return result

    def finish(self) -> None:
        """Let the process end: no more calls are begun. Nobody waits for it yet."""
        if self._process and self._process.stdin:
            self._process.stdin.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._due:
            process.kill()
        self._due = 0
        with suppress(BrokenPipeError), process:
            assert process.stdin
            process.stdin.close()  # it ends where nothing more comes
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()

    def _forget(self) -> None:
        """Leave the process to the one that this was forked from."""
        self._process, self._due, self._alone = None, 0, threading.Lock()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        atexit.unregister(self.close)


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PROGRAM.format(path=sys.path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)


def serve() -> None:
    """Answer calls from standard input on standard output, until no more come."""
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)  # nor is it worth looking for some at the end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process decides when to end
    with os.fdopen(os.dup(1), "wb") as answers, suppress(BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is printed is no answer
        while True:
            try:
                function, args = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            try:
                answer = True, function(*args)
            except Exception as error:  # for the other process to raise
                answer = False, error
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()
