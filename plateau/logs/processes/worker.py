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
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plateau.logs.processes.limits import limit_memory, limit_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

PROGRAM = (
    "import sys; sys.path[:] = {path!r}; from plateau.logs.processes.worker import serve; "
    "serve({parent}, {memory})"
)
GARBAGE = 100_000  # objects made before the collector looks for cycles: readers make none
PATIENCE = 2.0  # seconds for a process to end when no more is asked of it
WATCHED = 1.0  # seconds between two looks at whether the process is still there that asks
ALONE = 3  # exit code where it is not
DONE, RAISED, TOLD = range(3)  # kinds of answers
TIME_UP, KILLED = (-getattr(signal, name, 0) for name in ("SIGXCPU", "SIGKILL"))


class EndedError(Exception):
    """The process ended before it answered.

    Parameters
    ----------
    code : int or None
        Its exit code; below 0 it is the signal that ended it.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code

    @property
    def late(self) -> bool:
        """Whether it had computed for as long as it was allowed to."""
        return self.code == TIME_UP != 0

    @property
    def killed(self) -> bool:
        """Whether somebody else has ended it, such as a system that is short of memory."""
        return self.code == KILLED != 0


class Worker:
    """Calls functions in another process, which is started when it is needed, and anew if it ended.

    Functions, arguments and results are pickled. What a function prints is lost. The process ends
    where this one is no more.

    Parameters
    ----------
    memory : int, optional
        Bytes that it may take.
    """

    def __init__(self, memory: int | None = None) -> None:
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._due = 0  # answers
        self._alone = threading.Lock()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def call(
        self, function: Callable[..., Any], *args: Any, limit: float, seconds: int | None = None
    ) -> Any:
        """Call a function, and wait for its result; one thread at a time.

        It may compute for so many ``seconds``, and take ``limit`` seconds in all.

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
                self.send(function, *args, seconds=seconds)
                if late.is_set():  # before there was a process to end
                    end()
                return self.receive()
            except EndedError:
                if late.is_set():
                    raise TimeoutError from None
                raise
            finally:
                timer.cancel()

    def send(self, function: Callable[..., Any], *args: Any, seconds: int | None = None) -> None:
        """Begin a call; only a small one may be begun while another is not done."""
        if self._process is None or (self._process.poll() is not None and not self._due):
            self.close()
            self._process = _started(self._memory)
        self._due += 1
        assert self._process.stdin
        with suppress(BrokenPipeError):  # `receive` will notice that it has ended
            pickle.dump((function, args, seconds), self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()

    def receive(self, listen: Callable[..., None] = lambda *_: None) -> Any:
        """Return the result of the call that was begun first, or raise what it raised.

        What it tells by `tell` meanwhile goes to ``listen``.

        Raises
        ------
        EndedError
            If the process ended instead. What else was begun is lost.
        """
        assert self._process
        assert self._process.stdout
        process = self._process
        try:
            kind, result = pickle.load(self._process.stdout)
            while kind == TOLD:
                listen(*result)
                kind, result = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            code = process.returncode
            self.close()
            raise EndedError(code) from None
        except BaseException:  # an interrupt: who asks next must not get this answer
            self.close()
            raise
        self._due -= 1
        if kind == RAISED:
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


def _started(memory: int | None) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(path=sys.path, parent=os.getpid(), memory=memory)
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)


_tell: Callable[[Any], None] | None = None


def tell(*news: Any) -> None:
    """Send news to the process that asks, from within a call."""
    if _tell:
        _tell((TOLD, news))


def serve(parent: int, memory: int | None) -> None:
    """Answer calls from standard input on standard output, until no more come."""
    global _tell
    if memory is not None:
        limit_memory(memory)
    if os.name == "posix":
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.set_threshold(GARBAGE)
    atexit.register(gc.freeze)  # nor is it worth looking for some at the end
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process decides when to end
    with os.fdopen(os.dup(1), "wb") as answers, suppress(BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is printed is no answer

        def send(answer: Any) -> None:
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()

        _tell = send
        while True:
            try:
                function, args, seconds = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            if seconds is not None:
                limit_seconds(seconds)
            try:
                answer = DONE, function(*args)
            except Exception as error:  # for the other process to raise
                answer = RAISED, error
            send(answer)


def _end_with(parent: int) -> None:
    """End this process when the one that started it is no more, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(WATCHED)
    os._exit(ALONE)
