"""From bytes to lines of text: decoding, colours, line ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.files.documents import document_of
from plateau.logs.model import LogError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UTF16 = (b"\xff\xfe", b"\xfe\xff")
SAMPLE, WIDE = 256, 0.9  # bytes, and share of zeros in every second of UTF-16
NUL_FROM = 64  # bytes of text before the first NUL
JUNK_SHARE = 0.01  # of characters that are no UTF-8
CONTROL = re.compile(rb"[\x01-\x07\x0e-\x1a\x1c-\x1f\x7f]")
CONTROL_SHARE = 0.001  # of bytes that no text has

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
BARS = "│┃║┆┊"  # between the cells of a table that was drawn
# Punctuation and digits as wide as Chinese letters, and digits of other scripts.
ODD_MARKS = "\u3000、。【】「」\u2212\u066a\u066b\u060c"
NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
NARROW |= {first + digit: 0x30 + digit for first in (0x660, 0x6F0, 0x966) for digit in range(10)}
NARROW |= {ord(wide): ord(narrow) for wide, narrow in zip(ODD_MARKS, " ,;[][]-%.,", strict=True)}
WIDE_MARKS = re.compile(f"[{''.join(map(chr, NARROW))}]")
# Where another drawing of a progress bar begins, in a log that lost its carriage returns.
GLUED = re.compile(
    r"(?:(?<=\.\d{4})|(?<=[eE][-+]\d\d))(?=\d+/\d+ \[[=>.])|(?<=\])(?=[^\[\]|]{0,80}\d%\|)"
)
BAR = re.compile(r"%\||\d \[[=>.]{3}")
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

    @cached_property
    def document(self) -> Any:
        """The JSON document that the lines are, up to a damage; None where they are none."""
        first = next((line.lstrip()[0] for line in self.lines if line.strip()), "")
        return document_of(self) if first in ("{", "[") else None


def source_of(path: str, data: bytes, warnings: list[str], *, last: bool = True) -> Source:
    """Take bytes apart into lines, or say in one line why that cannot be done.

    ``last`` is False for a part of a log that others follow.
    """
    text = _decode(data, path, warnings)
    if "\x1b" in text:
        text = ANSI.sub("", text)
    for bar in BARS if not text.isascii() else "":
        text = text.replace(bar, "|")
    if not text.isascii() and WIDE_MARKS.search(text):
        text = text.translate(NARROW)
    if last and not text.strip():
        raise LogError(f"{path}: the file is empty")
    lines = text.replace("\r\n", "\n").split("\n")
    cut = last and lines[-1] != ""
    if lines[-1] == "":
        lines.pop()
    numbers = np.arange(1, len(lines) + 1, dtype=np.int64)
    drawn = not text.startswith("{") and ("%|" in text or " [=" in text)  # in JSON within a text
    if "\r" in text or "\x08" in text or drawn:
        lines, numbers = _redrawn(lines)
    return Source(path, lines, numbers, cut, warnings)


def _decode(data: bytes, path: str, warnings: list[str]) -> str:
    """Text of the bytes; refuses what is not text."""
    if data.startswith(UTF16):
        return data.decode("utf-16", errors="replace")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        if wide := _without_mark(data):
            return data.decode(wide, errors="replace")
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
    if junk <= 1 + JUNK_SHARE * len(text):  # one may be the last character, cut
        warnings.append(f"{junk} characters are not UTF-8 and were replaced")
        return text
    if len(CONTROL.findall(data)) > CONTROL_SHARE * len(data):
        raise LogError(f"{path}: is not text (it is neither UTF-8 nor UTF-16)")
    warnings.append("the text is not UTF-8 and was read as Latin-1")
    return data.decode("latin-1")


def _without_mark(data: bytes) -> str | None:
    """Tell UTF-16 without its mark by the zeros in every second byte."""
    start = data[:SAMPLE]
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if start[first::2].count(0) > WIDE * len(start) / 2 and not start[1 - first :: 2].count(0):
            return name
    return None


def _redrawn(lines: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Split lines into the drawings of a progress bar; keep count of the line in the file."""
    pieces: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, start=1):
        parts = REDRAW.split(line) if "\r" in line or "\x08" in line else [line]
        drawn = [piece for part in parts for piece in _unglued(part) if piece] or [""]
        pieces += drawn
        numbers += [number] * len(drawn)
    return pieces, np.array(numbers, dtype=np.int64)


def _unglued(line: str) -> list[str]:
    """Split a line that holds several drawings in one."""
    first = BAR.search(line)
    if not first or not BAR.search(line, first.end()):
        return [line]
    cuts = [found.start() for found in GLUED.finditer(line, first.end())]
    return [line[start:end] for start, end in pairwise([0, *cuts, len(line)])]
