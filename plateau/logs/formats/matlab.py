"""MATLAB's ``.mat`` files of version 5: numeric arrays, also those within structures.

The format is Chapter 1 of MathWorks' "MAT-File Format". Nothing in it is code, and nothing but
numbers and names is read.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plateau.logs.formats.arrays import most_unpacked, series_of, side_by_side
from plateau.logs.model import LogError, NoSeriesError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from plateau.logs.columns import Contents
    from plateau.logs.files.stream import Stream

    Array = NDArray[np.float64]

MAGIC = b"MATLAB 5.0"
HEAD, ORDER_AT = 128, 126  # bytes of the header, and where it tells the order of bytes
TAG = 8
MATRIX, COMPRESSED = 14, 15  # kinds of elements
NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
STRUCT, DOUBLE, LAST = 2, 6, 15  # classes of arrays; from double to the last they are numbers
DEEPEST = 8  # structures in structures


class Element(NamedTuple):
    """A piece of a file."""

    kind: int
    data: bytes


class DamagedError(ValueError):
    """A file that does not hold what it says."""


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read the numeric variables; what is as long as another stands beside it."""
    path, data = stream.path, stream.whole()
    order = "<" if data[ORDER_AT:HEAD] == b"IM" else ">"
    found: dict[str, Array] = {}
    try:
        for name, array in _variables(data[HEAD:], order):
            found |= dict(series_of(name, array, warnings, alone=False))
    except (
        DamagedError,
        struct.error,
        zlib.error,
        ValueError,
        OverflowError,
        MemoryError,
    ) as error:
        if not found:
            raise LogError(f"{path}: the MATLAB file is damaged: {error}") from None
        warnings.append(f"the MATLAB file is damaged behind {list(found)[-1]!r}: {error}")
    if not found:
        raise NoSeriesError(f"{path}: no series of numbers found")
    return side_by_side("matlab", found)


def _variables(data: bytes, order: str) -> Iterator[tuple[str, Array]]:
    room = most_unpacked(len(data))
    for element in _elements(data, order):
        whole = element
        if element.kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(element.data, room)
            room -= len(unpacked)
            if room <= 0:
                raise DamagedError("it expands to more than any log does")
            whole = next(_elements(unpacked, order), Element(0, b""))
        if whole.kind == MATRIX:
            yield from _matrix(whole.data, order, "", 0)


def _elements(data: bytes, order: str) -> Iterator[Element]:
    """Take data apart; an element of at most four bytes is packed into its tag."""
    at = 0
    while at + TAG <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:
            kind, size, start, step = kind & 0xFFFF, kind >> 16, at + 4, TAG
        else:
            pad = 0 if kind == COMPRESSED else -size % TAG
            start, step = at + TAG, TAG + size + pad
        if start + size > len(data) or (step == TAG and size > TAG // 2 and start == at + 4):
            raise DamagedError(f"an element of {size} bytes goes beyond its end")
        yield Element(kind, data[start : start + size])
        at += step


def _matrix(data: bytes, order: str, prefix: str, depth: int) -> Iterator[tuple[str, Array]]:
    """Yield an array of numbers, or those of a structure's fields."""
    parts = _elements(data, order)
    flags, dims, name = (next(parts, Element(0, b"")) for _ in range(3))
    if len(flags.data) < TAG:
        return  # an empty cell
    kind = struct.unpack_from(f"{order}I", flags.data)[0] & 0xFF
    label = prefix or name.data.decode("latin-1")
    if kind == STRUCT and depth < DEEPEST:
        yield from _fields(list(parts), dims, order, label, depth)
    elif DOUBLE <= kind <= LAST:
        held = next(parts, Element(0, b""))
        if held.kind in NUMBERS:
            shape = np.frombuffer(dims.data, f"{order}i4")
            values = np.frombuffer(held.data, f"{order}{NUMBERS[held.kind]}").astype(np.float64)
            yield label, values.reshape(shape, order="F")


def _fields(
    parts: list[Element], dims: Element, order: str, label: str, depth: int
) -> Iterator[tuple[str, Array]]:
    """Yield the arrays of a structure; of many equal ones none."""
    if len(parts) < 2 or np.prod(np.frombuffer(dims.data, f"{order}i4").astype(float)) != 1:
        return
    length = struct.unpack_from(f"{order}I", parts[0].data.ljust(4, b"\0"))[0]
    if not 0 < length <= len(parts[1].data):
        return
    names = [
        parts[1].data[at : at + length].split(b"\0")[0].decode("latin-1")
        for at in range(0, len(parts[1].data), length)
    ]
    for name, part in zip(names, parts[2:], strict=False):
        if part.kind == MATRIX:
            yield from _matrix(part.data, order, f"{label}.{name}", depth + 1)
