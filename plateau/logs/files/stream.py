"""From a path to bytes: files, standard input and URLs, decompressed as they are read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import re
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from plateau.logs.model import LogError, ReadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

STDIN = "-"
URL = re.compile(r"[A-Za-z][\w+]+://")  # not a drive letter
RATIO_LIMIT = 200  # text logs shrink 5 to 40 times
RATIO_FROM = 64 << 20  # below this size any ratio is harmless
PIECE = 1 << 20
LARGEST = 1 << 30  # bytes of a file that is read as a whole

REASONS: dict[type[Exception], str] = {
    FileNotFoundError: "no such file",
    IsADirectoryError: "is a folder, expected a file",
}


class Stream:
    """The decompressed bytes of a log, in order.

    Damage of compressed data ends the stream early, and a warning says so.

    Parameters
    ----------
    path : str
        A file, ``-`` for standard input, or a URL.
    warnings : list of str
        What was lost on the way is added to it.
    """

    def __init__(self, path: str, warnings: list[str]) -> None:
        self.path = path
        self._over = False
        self._front = b""
        """What was looked at and is still to be read."""
        self._warnings = warnings
        try:
            self._counted = _Counted(_open(path))
        except LogError:
            raise
        except (OSError, ValueError, ImportError) as error:
            raise unreadable(path, error) from None
        self._raw: Any = io.BufferedReader(self._counted, PIECE)
        self.size = self._counted.size
        """Bytes on disk, None where that cannot be known."""
        self._packing, self._file = self._unpacked()
        self._given = 0

    @property
    def in_place(self) -> bool:
        """Whether the path is that of a file of this machine which holds these very bytes."""
        return is_local(self.path) and self._packing is None

    @property
    def ended(self) -> bool:
        """Whether all bytes were given."""
        return self._over and not self._front

    @property
    def taken(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._counted.taken

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._raw.close()

    def head(self, size: int) -> bytes:
        """Look at the next ``size`` bytes, fewer only at the end: they are still to be read."""
        self._front = self.read(size)
        return self._front

    def fits(self, size: int) -> bool:
        """Whether no more than ``size`` bytes are left, all of which were looked at."""
        return self._over and len(self._front) <= size

    def whole(self) -> bytes:
        """Give all bytes of a file that cannot be read in parts."""
        data = self.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise LogError(
                f"{self.path}: larger than {LARGEST >> 20} MiB, which is read as a whole"
            )
        return data

    def read(self, size: int) -> bytes:
        """Give the next ``size`` bytes, fewer only at the end."""
        front, self._front = self._front[:size], self._front[size:]
        pieces = [front]
        size -= len(front)
        while size > 0 and not self._over:
            piece = self._piece(min(size, PIECE))
            self._over = not piece
            pieces.append(piece)
            size -= len(piece)
            self._given += len(piece)
            if self._given > max(RATIO_FROM, RATIO_LIMIT * self.taken):
                raise LogError(
                    f"{self.path}: expands from {self.taken} to more than {self._given} bytes, "
                    "which no log does: refused"
                )
        return b"".join(pieces)

    def _unpacked(self) -> tuple[str | None, Any]:
        try:
            start = self._raw.peek(16)[:16]
        except OSError as error:
            raise unreadable(self.path, error) from None
        for packing, (magic, unpack) in PACKINGS.items():
            if start.startswith(magic):
                return packing, unpack(self._raw)
        return None, self._raw

    def _piece(self, size: int) -> bytes:
        try:
            piece: bytes = self._file.read1(size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, _zstd_error()) as error:
            if self._packing is None or getattr(error, "errno", None) is not None:
                raise unreadable(self.path, error) from None
            if not self._given:
                raise LogError(
                    f"{self.path}: the {self._packing} file is damaged; nothing in it is readable"
                ) from None
            self._warnings.append(
                f"the {self._packing} file is cut or damaged: "
                f"only its first {self._given} bytes were read"
            )
            return b""
        return piece


class _Counted(io.RawIOBase):
    """Counts what is read from a file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.taken = 0
        try:
            self.size: int | None = os.fstat(file.fileno()).st_size or None
        except (OSError, AttributeError):  # not a file of this machine
            self.size = getattr(file, "size", None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self.taken += len(data)
        return len(data)

    def close(self) -> None:
        if self._file is not sys.stdin.buffer:
            self._file.close()
        super().close()


def _open(path: str) -> IO[bytes]:
    if path == STDIN:
        return sys.stdin.buffer
    if not URL.match(path):
        return Path(path).open("rb", buffering=0)
    fsspec = remote(path)
    opened: IO[bytes] = fsspec.open(path, "rb").open()
    return opened


def is_local(path: str) -> bool:
    """Whether a path names a file or a folder of this machine."""
    return path != STDIN and not URL.match(path) and "\0" not in path


def is_folder(path: str) -> bool:
    """Whether there is a folder; for a name that is too long Path's own method raises."""
    with suppress(OSError):
        return Path(path).is_dir()
    return False


def is_file(path: str) -> bool:
    """Whether there is a file, as `is_folder`."""
    with suppress(OSError):
        return Path(path).is_file()
    return False


def resolved(path: str | Path) -> Path:
    """Return a path without links; where those go in a circle Path's own method raises."""
    return Path(os.path.realpath(path))


def remote(path: str) -> Any:
    """Return fsspec, which opens URLs."""
    try:
        import fsspec
    except ImportError:
        raise LogError(f"{path}: URLs need fsspec: pip install 'plateau-detect[remote]'") from None
    return fsspec


def unreadable(path: str, error: Exception) -> LogError:
    """Return what to say of a file that the system does not let be read."""
    kind = ReadError if isinstance(error, OSError) else LogError
    reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    return kind(f"{path}: {REASONS.get(type(error), reason)}")


class _Zstd:
    """Reads one zstd frame after the other; unlike zstandard's own reader it tells a cut one."""

    FEED = 1 << 10  # bytes taken at a time: what comes of them fits into memory even in a bomb

    def __init__(self, raw: Any) -> None:
        import zstandard  # no need of it but here

        self._make = zstandard.ZstdDecompressor().decompressobj
        self._raw = raw
        self._frame: Any = None
        self._fed = self._left = b""

    def read1(self, size: int) -> bytes:
        while not self._left:
            self._fed = self._fed or self._raw.read(self.FEED)
            if not self._fed:
                if self._frame is not None:
                    raise EOFError
                return b""
            self._frame = self._frame or self._make()
            self._left = self._frame.decompress(self._fed)
            self._fed = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        piece, self._left = self._left[:size], self._left[size:]
        return piece


def _zstd_error() -> type[Exception]:
    found = sys.modules.get("zstandard")
    return found.ZstdError if found else EOFError


PACKINGS: dict[str, tuple[bytes, Callable[[Any], Any]]] = {
    "gzip": (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)),
    "xz": (b"\xfd7zXZ\x00", lzma.LZMAFile),
    "bzip2": (b"BZh", bz2.BZ2File),
    "zstd": (b"(\xb5/\xfd", _Zstd),
}
