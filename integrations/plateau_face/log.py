"""The logs of a run: rows of JSON, as ``plateau scan`` reads them, and events of TensorBoard."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from plateau_face import tensorboard

LOG = "log.jsonl"
Row = Mapping[str, object]


class Log:
    """Appends rows to ``log.jsonl`` and to an event file.

    Parameters
    ----------
    folder : Path
    keep : pair of int
        Lengths in bytes to cut the files to first: those of the checkpoint, so that after a resume
        no row is there twice. Zero for a run that begins.

    Raises
    ------
    ValueError
        If a file is shorter than that.
    """

    def __init__(self, folder: Path, keep: tuple[int, int]) -> None:
        self._rows, self._events = folder / LOG, tensorboard.event_file(folder)
        for file, size in zip((self._rows, self._events), keep, strict=True):
            _cut(file, size)
        if keep == (0, 0):
            _append(self._events, tensorboard.header(time.time()))

    def write(self, step: int, row: Row) -> None:
        """Append a row; a program that follows the files sees it at once."""
        _append(self._rows, json.dumps({"step": step, **row}).encode() + b"\n")
        numbers = tensorboard.numbers(row)
        _append(self._events, tensorboard.event(step, time.time(), numbers))

    def sizes(self) -> tuple[int, int]:
        """Return the lengths in bytes, once they are on the disk."""
        return _size_on_disk(self._rows), _size_on_disk(self._events)


def _cut(file: Path, size: int) -> None:
    file.touch()
    found = file.stat().st_size
    if found < size:
        raise ValueError(
            f"{file} has {found} bytes, and {size} belong to the checkpoint: "
            "bring the whole file back, or begin another run"
        )
    os.truncate(file, size)


def _append(path: Path, content: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:  # the system does not say which file
        raise OSError(f"{path} cannot be written: {error.strerror}") from error


def _size_on_disk(path: Path) -> int:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)
