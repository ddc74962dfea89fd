"""The rows of a log that does not fit into memory, gathered part by part and thinned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST = 1 << 19  # rows that are kept; twice as many are halved
KEPT = 2  # rows that make one


@dataclass(eq=False)
class Rows:
    """Rows of the metric with what belongs to each.

    Attributes
    ----------
    values : NDArray[float64], shape (n,)
    x : list of NDArray[float64], shape (n,)
        One for each column of the axis.
    lr : NDArray[float64], shape (n,)
        NaN where none is known.
    lines : NDArray[int64], shape (n,)
    """

    values: Array
    x: list[Array]
    lr: Array
    lines: NDArray[np.int64]


class Gathered:
    """Grows by rows; each is the mean of ``every`` rows of the log."""

    def __init__(self) -> None:
        self.every = 1
        self._parts: list[Rows] = []
        self._size = 0
        self._left: Rows | None = None  # rows that do not make a whole one yet

    def add(self, rows: Rows) -> None:
        """Append rows of the log."""
        if self._left is not None:
            rows = joined([self._left, rows])
        whole = len(rows.values) // self.every * self.every
        self._left = joined([_part(rows, whole, None)])
        rows = _part(rows, 0, whole)
        for _ in range(self.every.bit_length() - 1):
            rows = _halved(rows)
        self._parts.append(rows)
        self._size += len(rows.values)
        if self._size >= KEPT * MOST:
            self._parts = [_halved(joined(self._parts))]
            self._size = len(self._parts[0].values)
            self.every *= KEPT

    def take(self) -> Rows:
        """Hand out all rows, once; a few at the end of a thinned log are left out."""
        left = [self._left] if self._left is not None and self.every == 1 else []
        parts = [*self._parts, *left]
        self._parts = []  # the memory is needed
        return joined(parts)


def joined(parts: list[Rows]) -> Rows:
    """Put rows behind each other."""
    return Rows(
        np.concatenate([part.values for part in parts]),
        [np.concatenate(x) for x in zip(*(part.x for part in parts), strict=True)],
        np.concatenate([part.lr for part in parts]),
        np.concatenate([part.lines for part in parts]),
    )


def _part(rows: Rows, start: int, stop: int | None) -> Rows:
    at = slice(start, stop)
    return Rows(rows.values[at], [x[at] for x in rows.x], rows.lr[at], rows.lines[at])


def _halved(rows: Rows) -> Rows:
    """Take the mean of each two rows, and what was so after the second.

    Where x goes back between them, the second alone counts: it belongs to another run or epoch.
    What is not finite counts only where both are so.
    """
    size = len(rows.values) // KEPT * KEPT
    first, second = rows.values[:size:KEPT], rows.values[1:size:KEPT]
    back = np.zeros(size // KEPT, dtype=bool)
    for x in rows.x:
        back |= x[1:size:KEPT] < x[:size:KEPT]
    alone = back | ~np.isfinite(first)
    mean = first / 2 + second / 2
    values = np.where(alone, second, np.where(np.isfinite(second), mean, first))
    # Copies: a view would keep the whole of what it was taken from.
    counts = [one[1:size:KEPT].copy() for one in rows.x]
    return Rows(values, counts, rows.lr[1:size:KEPT].copy(), rows.lines[1:size:KEPT].copy())
