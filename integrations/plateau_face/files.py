"""Files: texts, and those that are there completely or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from plateau import export


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises
    ------
    ValueError
        If it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text in UTF-8 ({error.reason})") from None


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` when the block ends.

    Where the process is killed, the disk is full or the block raises, `path` stays as it was.

    Raises
    ------
    OSError
        If the file cannot be written; it is named.
    """
    try:
        with export.replacing(path) as file:
            yield file
    except OSError as error:
        raise OSError(f"{path} is not written: {error.strerror or error}") from error
