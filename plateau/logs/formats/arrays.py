"""Arrays that NumPy saved: ``.npy`` and ``.npz``, never those of Python objects."""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings

import numpy as np

from plateau.logs.columns import Contents, Table, column
from plateau.logs.files.stream import RATIO_FROM, RATIO_LIMIT
from plateau.logs.model import LogError, NoSeriesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from plateau.logs.files.stream import Stream
    from plateau.logs.formats.format import Head

NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"
ENDING = b".npy"
LOCAL = struct.Struct("<4s5H3L2H")  # the header of an archive's member, up to its name
WIDEST = 64  # columns of an array that is a table
LEAST = 2  # rows of a series
NUMERIC = "iuf"  # kinds of numbers

# A header is a literal of Python, which NumPy parses and mends. zipfile says NotImplementedError of
# a way to compress that it does not know.
DAMAGES = (
    *(ValueError, OSError, EOFError, KeyError, TypeError, OverflowError, MemoryError, SyntaxError),
    *(tokenize.TokenError, NotImplementedError, zipfile.BadZipFile, zlib.error),
)


def recognised(head: Head) -> bool:
    """Whether a file is an array, or an archive that begins with one."""
    return head.data.startswith(NPY) or (
        head.data.startswith(ZIP) and _first_member(head.data).endswith(ENDING)
    )


def _first_member(data: bytes) -> bytes:
    """Return the name that stands in the header of an archive's first member."""
    start = data[: LOCAL.size]
    length = LOCAL.unpack(start)[-2] if len(start) == LOCAL.size else 0
    return data[LOCAL.size : LOCAL.size + length]


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read one array, or those of an archive; what is as long as another stands beside it."""
    path, data = stream.path, stream.whole()
    try:
        found = dict(_series(path, data, warnings))
    except DAMAGES as error:
        reason = str(error).split("\n")[0]
        if "pickle" in reason or "Object arrays" in reason:
            reason = "it holds Python objects, which are never loaded"
        raise LogError(f"{path}: the arrays cannot be read: {reason}") from None
    if not found:
        raise NoSeriesError(f"{path}: no series of numbers found")
    return side_by_side("numpy", found)


def side_by_side(kind: str, found: Mapping[str, NDArray[Any]]) -> Contents:
    """Put series into tables: what is as long as another stands beside it."""
    tables: list[Table] = []
    first = 0
    numbers: list[NDArray[np.int64]] = []
    for length in dict.fromkeys(map(len, found.values())):
        rows = np.arange(first, first + length)
        own = [
            column(name, rows, values) for name, values in found.items() if len(values) == length
        ]
        tables.append(Table(own, length, sparse=True))
        numbers.append(np.arange(1, length + 1))
        first += length
    return Contents(kind, tables, np.concatenate(numbers))


def most_unpacked(packed: int) -> int:
    """Return how many bytes so many packed ones may expand to, as `Stream` has it for text."""
    return max(RATIO_FROM, RATIO_LIMIT * packed)


def _series(path: str, data: bytes, warnings: list[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    if data.startswith(NPY):
        stem = Path(path).name.split(".")[0]
        yield from series_of(stem, _array(io.BytesIO(data)), warnings, alone=True)
        return
    room = most_unpacked(len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(ENDING.decode()):
                continue
            if member.file_size > room:
                warnings.append(f"{member.filename} is too large and was left out")
                continue
            room -= member.file_size
            with archive.open(member) as file:
                name = member.filename.removesuffix(ENDING.decode())
                yield from series_of(name, _array(file), warnings, alone=False)


def _array(file: Any) -> NDArray[Any]:
    with catch_warnings(action="ignore"):  # of headers that are mended
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def series_of(
    name: str, array: NDArray[Any], warnings: list[str], *, alone: bool
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the series of an array: its fields, itself, or its columns."""
    if array.dtype.names:
        for field in array.dtype.names:
            yield from series_of(field, array[field], warnings, alone=False)
        return
    array = np.squeeze(array)
    if array.dtype.kind not in NUMERIC or not array.ndim or len(array) < LEAST:
        return
    numbers = array.astype(np.float64)
    if array.ndim == 1:
        yield name, numbers
    elif array.ndim == 2 and array.shape[1] > WIDEST:
        warnings.append(f"{name} has {array.shape[1]} columns and was left out")
    elif array.ndim == 2 and alone:
        for index, values in enumerate(numbers.T, start=1):
            yield f"column {index}", values
    elif array.ndim == 2:  # such as one value for each episode of an evaluation
        warnings.append(f"{name} has {array.shape[1]} columns: their mean was taken")
        yield name, numbers.mean(axis=1)
