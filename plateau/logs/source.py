"""From a file to lines of text: opening, decompression, decoding, line ends."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.model import LogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_LIMIT = 1 << 30  # a training log of a gigabyte is a mistake, or a bomb
RATIO_LIMIT = 200  # text logs shrink 5 to 40 times
RATIO_FROM = 64 << 20  # below this size any ratio is harmless
CHUNK = 1 << 22
NUL_FROM = 64  # bytes of text before the first NUL
JUNK_SHARE = 0.01  # of characters that are no UTF-8

GZIP = b"\x1f\x8b"
NOT_READ = {  # containers a user may well hand us, and how to say what they are
    b"\xfd7zXZ\x00": "compressed with xz: decompress it first",
    b"(\xb5/\xfd": "compressed with zstd: decompress it first",
    b"BZh": "compressed with bzip2: decompress it first",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"SQLite format 3\x00": "an SQLite data base, which is not read",
    b"\x89HDF": "an HDF5 file, which is not read",
}

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
REDRAW = re.compile(r"[\r\x08]+")


@dataclass(frozen=True, eq=False)
class Source:
    """The lines of a log.

    Attributes
    ----------
    path : str
        The file, for messages.
    lines : list of str
        The lines without line ends, colours or byte order mark. A progress bar that redraws
        itself with carriage returns gives one entry for each drawing.
    numbers : NDArray[int64]
        The line of the file that each entry stands on, counted from 1.
    cut : bool
        True where the last line has no end, so that it may be incomplete.
    warnings : list of str
        What was lost on the way; readers add to it.
    """

    path: str
    lines: list[str]
    numbers: NDArray[np.int64]
    cut: bool
    warnings: list[str]


def open_source(path: str | Path) -> Source:
    """Read a file into lines, or say in one line why it cannot be."""
    warnings: list[str] = []
    data = _bytes(Path(path))
    if data.startswith(GZIP):
        data = _gunzip(data, path, warnings)
    for magic, what in NOT_READ.items():
        if data.startswith(magic):
            raise LogError(f"{path}: the file is {what}")
    text = _decode(data, path, warnings)
    if not text.strip():
        raise LogError(f"{path}: the file is empty")
    if "\x1b" in text:
        text = ANSI.sub("", text)
    lines = text.replace("\r\n", "\n").split("\n")
    cut = lines[-1] != ""
    if not cut:
        lines.pop()
    numbers = np.arange(1, len(lines) + 1, dtype=np.int64)
    if "\r" in text or "\x08" in text:
        lines, numbers = _redrawn(lines)
    return Source(str(path), lines, numbers, cut, warnings)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reasons: dict[type[Exception], str] = {
            FileNotFoundError: "no such file",
            IsADirectoryError: "is a folder, expected a file",
        }
        reason = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise LogError(f"{path}: {reasons.get(type(error), reason)}") from None
    if len(data) > SIZE_LIMIT:
        raise LogError(f"{path}: larger than {SIZE_LIMIT >> 20} MiB, too large for a log")
    return data


def _gunzip(data: bytes, path: str | Path, warnings: list[str]) -> bytes:
    """Decompress one or more gzip members, as far as they are sound and of sane size."""
    pieces: list[bytes] = []
    size = 0
    rest = data
    try:
        while rest.startswith(GZIP):
            stream = zlib.decompressobj(wbits=31)
            while not stream.eof:
                piece = stream.decompress(rest, CHUNK)
                rest = stream.unconsumed_tail
                pieces.append(piece)
                size += len(piece)
                if size > SIZE_LIMIT or (size > RATIO_FROM and size > RATIO_LIMIT * len(data)):
                    raise LogError(
                        f"{path}: expands from {len(data)} to more than {size} bytes, "
                        "which no log does: refused"
                    )
                if not piece and not rest and not stream.eof:
                    raise EOFError
            rest = stream.unused_data
        if rest.strip(b"\0"):
            warnings.append(f"{len(rest)} bytes after the end of the gzip data were ignored")
    except (zlib.error, EOFError):
        if not size:
            raise LogError(f"{path}: the gzip file is damaged; nothing in it is readable") from None
        warnings.append(f"the gzip file is cut or damaged: only its first {size} bytes were read")
    return b"".join(pieces)


def _decode(data: bytes, path: str | Path, warnings: list[str]) -> str:
    """Text of the bytes; refuses what is not text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        # A crash may leave zeros in or after a log; in other files they come early.
        sound = data.replace(b"\0", b"")
        if data.index(b"\0") < NUL_FROM:
            raise LogError(f"{path}: is not text (it holds NUL bytes)")
        warnings.append(f"{len(data) - len(sound)} NUL bytes were skipped")
        data = sound
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode(errors="replace")
    junk = text.count("\ufffd")
    if junk > 1 + JUNK_SHARE * len(text):  # one may be the last character, cut
        raise LogError(f"{path}: is not text (it is neither UTF-8 nor UTF-16)")
    warnings.append(f"{junk} characters are not UTF-8 and were replaced")
    return text


def _redrawn(lines: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Split lines at carriage returns and backspaces; keep count of the line in the file."""
    pieces: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, start=1):
        drawn = [piece for piece in REDRAW.split(line) if piece] or [""]
        pieces += drawn
        numbers += [number] * len(drawn)
    return pieces, np.array(numbers, dtype=np.int64)
