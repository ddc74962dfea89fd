"""Where events go: standard output or a file, and a command."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from plateau.export import naming, refuse_planted
from plateau.watching.event import as_alert, as_json, as_text, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from plateau.alerts import Alerts
    from plateau.watching.event import Event, Fields
    from plateau.watching.stop import Stop


GLANCE = 0.1
"""Seconds between two looks at whether a command still runs, and whether the watch may go on."""

GRACE = 3.0
"""Seconds that a command has to end when the end of the watch was asked for."""


class Teller:
    """Numbers events, writes each as a line, and runs a command with it.

    Parameters
    ----------
    json : bool
        Whether lines are for programs.
    output : Path or None
        The file that gets them instead of standard output.
    command : str or None
        Run by the shell for each event, with the event in its environment.
    alerts : Alerts or None
        Are sent for each event.
    complain : callable
        Is told in one line when the command fails.
    stop : Stop
        Whether the end of the watch was asked for; a command does not hold it up.
    on : collection of str, default ()
        The kinds of events that run the command and send alerts; without any, all.
    """

    def __init__(
        self,
        *,
        json: bool,
        output: Path | None,
        command: str | None,
        alerts: Alerts | None,
        complain: Callable[[str], None],
        stop: Stop,
        on: Collection[str] = (),
    ) -> None:
        self._json = json
        self.many = False
        """Whether lines for people name the log."""
        self._output = output
        self._command = command
        self._alerts = alerts
        self._on = on
        self._complain = complain
        self._stop = stop
        self.number = 0
        """Events told so far."""
        self.size = 0
        """Bytes of the output that they take."""

    @property
    def unheard(self) -> bool:
        """Whether nobody reads standard output any more, as behind ``| head``."""
        if self._output is not None or os.name != "posix":
            return False
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return bool(poll.poll(0))

    def begin(self, number: int = 0, size: int = 0) -> None:
        """Begin behind so many events; what an output has behind them is made once more."""
        self.number, self.size = number, size
        if self._output is None:
            return
        with naming(self._output):
            refuse_planted(self._output)
        with naming(self._output), self._output.open("ab") as file:
            there = file.seek(0, os.SEEK_END)
            if there < size:
                raise ValueError(f"{self._output}: lacks events that the state says were written")
            file.truncate(size)

    def announce(self, line: str) -> None:
        """Tell people, before any event, what is watched."""
        if not self._json:
            self._write(f"{line}\n".encode())

    def tell(self, event: Event, *, clock: bool, **about: str) -> None:
        """Tell of an event."""
        self.number += 1
        record = event.record(self.number, clock=clock, **about)
        line = as_json(record) if self._json else as_text(record, path=self.many)
        self._write(f"{line}\n".encode())
        if self._on and event.kind not in self._on:
            return
        if self._command:
            self._run(self._command, record | {"text": as_text(record, path=self.many)})
        if self._alerts:
            self._alerts.send(*as_alert(record))

    def _write(self, line: bytes) -> None:
        if self._output is None:
            with naming("standard output"):
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
            return
        with naming(self._output), self._output.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.size += len(line)

    def _run(self, command: str, record: Fields) -> None:
        try:
            begun = subprocess.Popen(
                command,
                shell=True,
                env=os.environ | environment(record),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                process_group=0 if os.name == "posix" else None,
            )
        except OSError as error:
            self._complain(f"--exec: cannot be run: {error.strerror}: {command}")
            return
        with begun as process:
            left = GRACE
            while (code := _code(process)) is None:
                left -= GLANCE if self._stop.by is not None else 0.0
                if left <= 0:
                    _end(process)
        if code:
            self._complain(f"--exec: ended with exit code {code}: {command}")


def _code(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit code of a process if it ends within a moment."""
    try:
        return process.wait(GLANCE)
    except subprocess.TimeoutExpired:
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a command, and all that its shell has begun, to end."""
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()
