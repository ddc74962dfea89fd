"""Where events go: standard output or a file, and a command."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from plateau.watching.event import as_json, as_text, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plateau.watching.event import Event, Fields


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
    complain : callable
        Is told in one line when the command fails.
    """

    def __init__(
        self,
        *,
        json: bool,
        output: Path | None,
        command: str | None,
        complain: Callable[[str], None],
    ) -> None:
        self._line = as_json if json else as_text
        self._output = output
        self._command = command
        self._complain = complain
        self.number = 0
        """Events told so far."""
        self.size = 0
        """Bytes of the output that they take."""

    def begin(self, number: int = 0, size: int = 0) -> None:
        """Begin behind so many events; what an output has behind them is made once more."""
        self.number, self.size = number, size
        if self._output is None:
            return
        with self._output.open("ab") as file:
            there = file.seek(0, os.SEEK_END)
            if there < size:
                raise ValueError(f"{self._output}: lacks events that the state says were written")
            file.truncate(size)

    def tell(self, event: Event, **about: str) -> None:
        """Tell of an event."""
        self.number += 1
        record = event.record(self.number, **about)
        self._write(f"{self._line(record)}\n".encode())
        if self._command:
            self._run(self._command, record)

    def _write(self, line: bytes) -> None:
        if self._output is None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            return
        with self._output.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.size += len(line)

    def _run(self, command: str, record: Fields) -> None:
        done = subprocess.run(
            command,
            shell=True,
            check=False,
            env=os.environ | environment(record),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        if done.returncode:
            self._complain(f"--exec: ended with exit code {done.returncode}: {command}")
