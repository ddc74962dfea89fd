"""The new bytes of a file that grows, is replaced or begins again, and of standard input."""

from __future__ import annotations

import os
import re
import select
import stat
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


class Rest(NamedTuple):
    """A file that was let go of."""

    place: Place
    """Where its lines go on that were not whole yet."""
    file: tuple[int, int]
    """What tells it from others, whatever its name is."""
    seen: tuple[int, ...]
    """How it looked when all of it was read; empty where there was more."""


class Tail:
    """Reads what is new in a file, which need not be there yet.

    Where a new file takes its name (rotation), the old one is read to its end first, and then all
    that had the name in between. A file that became shorter, or other bytes, was begun again and is
    read from its start.

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
        self._rest: Rest | None = None

    def read(self) -> bytes:
        """Return the next new bytes; none if there are none."""
        self.renewed = False
        if self._rest and not self._wake(self._rest):
            return b""
        if self._file is None and not self._open():
            return b""
        assert self._file is not None
        if self._begun_again():
            self._complain(f"{self.path}: was begun again; following from its start")
            self._start(self._file)
        data = self._file.read(PIECE)
        if not data and self._replaced():
            data = self._file.read(PIECE)  # the last words of its writer
            if not data and self._go_on():
                data = self._file.read(PIECE)
        self._offset += len(data)
        self._behind = (self._behind + data)[-BEHIND:]
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def rest(self, left: bytes) -> None:
        """Let go of the file until it changes, with so many bytes read too far.

        So more files can be followed than a process may open. What is written to one that loses
        its name meanwhile is read if its new name is that of a rotated one.
        """
        if self._file is None:
            return
        status = os.fstat(self._file.fileno())
        seen = _looks(status) if status.st_size == self._offset else ()
        self._rest = Rest(self.place(left), _file(status), seen)
        self.close()

    def _wake(self, rest: Rest) -> bool:
        """Open a file again that was let go of; return False where there is nothing new."""
        path = Path(self.path)
        try:
            status = path.stat()
            if _looks(status) == rest.seen or not stat.S_ISREG(status.st_mode):
                return False
            named = path.open("rb", buffering=0)
        except FileNotFoundError:  # the one that takes its name is still to come
            return False
        files: list[BinaryIO] = [named]
        if _file(os.fstat(named.fileno())) != rest.file:
            files = [*self._versions(), named]
        own = [file for file in files if _file(os.fstat(file.fileno())) == rest.file]
        if not own:
            self._complain(f"{self.path}: is another file now; following from its start")
        chosen = own[0] if own else named
        _close(file for file in files if file is not chosen)
        self._rest = None
        if own:
            self._file = chosen
            chosen.seek(self._offset)
        else:
            self._start(chosen)
        return True

    def place(self, left: bytes) -> Place:
        """Return where to go on, with so many bytes read too far."""
        if self._rest:
            return self._rest.place
        offset = self._offset - len(left)
        assert self._file is not None
        return Place(offset, zlib.crc32(self._before(self._file, offset)))

    def resume(self, place: Place) -> None:
        """Go on at a place, in the file of this name or in one that had it before."""
        # Of many, the one that has the name now comes last, and mostly it is the one.
        files = self._named(place) or self._versions()
        known = [file for file in files if self._has(file, place)]
        _close(file for file in files if file not in known[-1:])
        if not known:
            self._complain(f"{self.path}: is another file now; following from its start")
            return
        self._file = known[-1]
        self._offset, self._behind = place.offset, self._before(self._file, place.offset)
        self._file.seek(place.offset)

    def _named(self, place: Place) -> list[BinaryIO]:
        """Open the file of this name, if it has that place."""
        path = Path(self.path)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return []
        if self._has(file, place):
            return [file]
        file.close()
        return []

    def _has(self, file: BinaryIO, place: Place) -> bool:
        return zlib.crc32(self._before(file, place.offset)) == place.check

    def _open(self) -> bool:
        """Begin with the file of this name, if there is one."""
        path = Path(self.path)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        self._start(file)
        return True

    def _go_on(self) -> bool:
        """Begin with the file that took the name after the present one, if there is one."""
        assert self._file is not None
        files = self._versions()
        later = [file for file in files if self._follows(file)]
        _close(file for file in files if file not in later[:1])
        if not later:
            return False
        self._file.close()
        self._start(later[0])
        return True

    def _follows(self, file: BinaryIO) -> bool:
        """Whether a file had the name after the present one, or has it now."""
        assert self._file is not None
        here, there = os.fstat(self._file.fileno()), os.fstat(file.fileno())
        if os.path.samestat(here, there):
            return False
        if _is_named(file, self.path):
            return True  # its writer may still have added to the old one when this was empty
        copied = self._before(file, self._offset) == self._behind
        return there.st_mtime_ns > here.st_mtime_ns and not copied

    def _versions(self) -> list[BinaryIO]:
        """Open the files that had the name, the oldest first, and the one that has it."""
        while True:
            names, files = self._names(), list[BinaryIO]()
            with suppress(FileNotFoundError):
                for name in names:
                    files.append(name.open("rb", buffering=0))
            # Else it was rotated just now, and one of them may be missing.
            if self._names() == names and [*map(_is_named, files, names)] == [True] * len(names):
                break
            _close(files)
        return sorted(files, key=lambda file: (_is_named(file, self.path), _changed(file)))

    def _names(self) -> list[Path]:
        """Return the present names of the files that have or had the name."""
        path = Path(self.path)
        beside = path.parent.iterdir() if path.parent.is_dir() else []
        return sorted(
            file
            for file in beside
            if file.name.startswith(path.name)
            and (file.name == path.name or ROTATED.fullmatch(file.name.removeprefix(path.name)))
            and file.is_file()
            and os.access(file, os.R_OK)
        )

    def _start(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file, self._offset, self._behind, self.renewed = file, 0, b"", self._offset > 0

    def _replaced(self) -> bool:
        assert self._file is not None
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


def _is_named(file: BinaryIO, name: str | Path) -> bool:
    """Whether an open file has a name now."""
    try:
        return os.path.samestat(Path(name).stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _file(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _looks(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file does, or another has its name."""
    return *_file(status), status.st_size, status.st_mtime_ns


def _changed(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_mtime_ns


def _close(files: Iterable[BinaryIO]) -> None:
    for file in files:
        file.close()


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
