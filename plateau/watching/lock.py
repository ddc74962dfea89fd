"""One process for each state or run: a lock is gone when its process is, however that ended."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from plateau._locking import locked
from plateau.export import naming

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

LINKS = getattr(os, "O_NOFOLLOW", 0)
LONGEST = 32
"""Bytes of a lock that are read."""

OURS = re.compile(rb"\d{0,20}\n?")
"""What a lock holds: the process that has it. A file such as ``poetry.lock`` is none."""


def lock_of(path: Path) -> Path:
    """Return the file of the lock of a path."""
    return path.with_name(f"{path.name}.lock")


class Lock:
    """Held from its making to `release`.

    Parameters
    ----------
    path : Path
        What nobody else may use; the lock is a file beside it.

    Raises
    ------
    ValueError
        If another process holds it, or the file beside it is no lock but somebody's own.
    """

    def __init__(self, path: Path) -> None:
        self._file = lock_of(path)
        with naming(self._file):
            while not self._take(path):
                pass

    def _take(self, path: Path) -> bool:
        """Take the lock, if its file is still there when that is done."""
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | LINKS, 0o600)
        if not locked(self._descriptor):
            holder = os.read(self._descriptor, LONGEST).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise ValueError(f"{path}: is in use by process {holder or 'unknown'}")
        try:
            there = self._file.stat()
        except FileNotFoundError:
            there = None
        if there is None or not os.path.samestat(there, os.fstat(self._descriptor)):
            os.close(self._descriptor)  # the one who held it has just removed it
            return False
        if not OURS.fullmatch(os.read(self._descriptor, LONGEST)):
            os.close(self._descriptor)
            raise ValueError(f"{self._file}: is there, and no lock of plateau: name another file")
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Let others have it."""
        if os.name == "posix":  # Windows removes nothing that is open
            self._file.unlink(missing_ok=True)
        os.close(self._descriptor)
