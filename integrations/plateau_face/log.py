"""The log of a run: rows of JSON, one on each line, as ``plateau scan`` reads them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


class Log:
    """Appends rows to a file.

    Parameters
    ----------
    path : Path
    keep : int
        Length in bytes to cut the file to first: that of the checkpoint, so that after a resume no
        row is there twice.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self._path = path
        path.touch()
        os.truncate(path, keep)

    def write(self, row: Mapping[str, object]) -> None:
        """Append a row; a program that follows the file sees it at once."""
        with self._path.open("ab") as file:
            file.write(json.dumps(row).encode() + b"\n")

    def size(self) -> int:
        """Return the length in bytes, once they are on the disk."""
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())
            return file.seek(0, os.SEEK_END)
