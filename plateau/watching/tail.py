"""The new bytes of a file that grows, is replaced or begins again, and of standard input."""

from __future__ import annotations

import os
import re
import select
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 1 << 20
"""Bytes read at a time."""

BEHIND = 256
"""Bytes before a place that tell whether a file is still the same."""


ROTATED = re.compile(r"[.\-_]\d[\d.\-_:T]*")
"""What rotation puts behind the name of a file: ``.1``, ``-20260101``."""


class Place(NamedTuple):
    """Where in a file reading goes on."""

    offset: int
    check: int
    """Checksum of the bytes before."""


class Tail:
    """Reads what is new in a file, which need not be there yet.

    Where a new file takes its name (rotation), the old one is read to its end first. A file that
    became shorter, or other bytes, was begun again and is read from its start.

    Parameters
    ----------
    path : str
        The file.
    complain : callable
        Is told in one line when lines may have been missed.
    """

    def __init__(self, path: str, complain: Callable[[str], None]) -> None:
        self.path = path
        self.ended = False
        """Whether nothing can follow: never, of a file."""
        self.renewed = False
        """Whether the last bytes read are the first of another file."""
        self._complain = complain
        self._file: BinaryIO | None = None
        self._offset = 0
        self._behind = b""
        self._between: list[Path] = []
        """Files that had the name after the present one, and have it no more."""

    def read(self) -> bytes:
        """Return the next new bytes; none if there are none."""
        self.renewed = False
        if self._file is None and not self._open():
            return b""
        assert self._file is not None
        if self._begun_again():
            self._complain(f"{self.path}: was begun again; following from its start")
            self._start(self._file)
        data = self._file.read(PIECE)
        if not data and self._replaced():
            data = self._file.read(PIECE)  # the last words of its writer
            if not data and self._open():
                data = self._file.read(PIECE)
        self._offset += len(data)
        self._behind = (self._behind + data)[-BEHIND:]
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def place(self, left: bytes) -> Place:
        """Return where to go on, with so many bytes read too far."""
        offset = self._offset - len(left)
        assert self._file is not None
        return Place(offset, zlib.crc32(self._before(self._file, offset)))

    def resume(self, place: Place) -> None:
        """Go on at a place, in the file of this name or in one that had it before."""
        path = Path(self.path)
        files = [*self._rotated(), *([path] if path.is_file() else [])]
        for i, candidate in reversed(list(enumerate(files))):
            file = candidate.open("rb", buffering=0)
            behind = self._before(file, place.offset)
            if zlib.crc32(behind) == place.check:
                self._file, self._offset, self._behind = file, file.seek(place.offset), behind
                self._between = [other for other in files[i + 1 :] if other != path]
                return
            file.close()
        self._complain(f"{self.path}: is another file now; following from its start")

    def _rotated(self) -> list[Path]:
        """Return the files that had the name before, the oldest first."""
        path = Path(self.path)
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        found = [
            file
            for file in beside
            if file.name.startswith(path.name)
            and ROTATED.fullmatch(file.name.removeprefix(path.name))
            and file.is_file()
        ]
        return sorted(found, key=lambda file: file.stat().st_mtime_ns)

    def _open(self) -> bool:
        """Begin with the next file that had or has the name, if there is one."""
        path = self._between.pop(0) if self._between else Path(self.path)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        if self._file is not None:
            self._file.close()
        self._start(file)
        return True

    def _start(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file, self._offset, self._behind, self.renewed = file, 0, b"", self._offset > 0

    def _replaced(self) -> bool:
        assert self._file is not None
        if self._between:
            return True
        try:
            there = Path(self.path).stat()
        except FileNotFoundError:
            return False
        return not os.path.samestat(there, os.fstat(self._file.fileno()))

    def _begun_again(self) -> bool:
        """Whether the bytes before the present place are no longer those that were read."""
        assert self._file is not None
        return self._before(self._file, self._offset) != self._behind

    @staticmethod
    def _before(file: BinaryIO, offset: int) -> bytes:
        here, begin = file.tell(), max(offset - BEHIND, 0)
        file.seek(begin)
        data = file.read(offset - begin)
        file.seek(here)
        return data


class Pipe:
    """Reads standard input as it comes."""

    path = "-"
    renewed = False

    def __init__(self, wait: float) -> None:
        self.ended = False
        self._wait = wait
        self._input = sys.stdin.buffer

    def close(self) -> None:
        """Leave standard input as it is."""

    def read(self) -> bytes:
        """Return the next bytes; none where none come within a moment, or at the end."""
        descriptor = self._input.fileno()
        # Elsewhere only sockets can be waited for: there reading itself waits.
        if os.name == "posix" and not select.select([descriptor], [], [], self._wait)[0]:
            return b""
        data = os.read(descriptor, PIECE)
        self.ended = not data
        return data
