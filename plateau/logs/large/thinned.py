"""The rows of a log that does not fit into memory, gathered part by part and thinned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MOST_ROWS = 1 << 19  # rows that are kept; twice as many are halved
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
    writers : NDArray[float64] or None, shape (n,)
        The number of who wrote each row; None where there is but one. Gathered rows have none.
    """

    values: Array
    x: list[Array]
    lr: Array
    lines: NDArray[np.int64]
    writers: Array | None = None

    def at(self, where: NDArray[np.int64] | slice) -> Rows:
        """Take some of them."""
        x = [one[where] for one in self.x]
        return Rows(self.values[where], x, self.lr[where], self.lines[where])


class Gathering:
    """Gathers the rows of one writer or of several, and thins them alike."""

    def __init__(self) -> None:
        self.every = 1
        self._of: dict[float, Gathered] = {}

    def add(self, rows: Rows) -> None:
        """Append rows of the log; those of no known writer are left out."""
        if rows.writers is None:
            parts = {0.0: rows}
        else:
            numbers = np.unique(rows.writers[np.isfinite(rows.writers)]).tolist()
            parts = {number: rows.at(np.flatnonzero(rows.writers == number)) for number in numbers}
        for number, part in parts.items():
            self._of.setdefault(number, Gathered(self.every)).add(part)
        if sum(each.size for each in self._of.values()) >= KEPT * MOST_ROWS:
            for each in self._of.values():
                each.halve()
            self.every *= KEPT

    def take(self) -> Rows:
        """Hand out all rows in the order of the log, once, each with its writer."""
        parts = {number: each.take() for number, each in self._of.items()}
        if len(parts) == 1:
            return next(iter(parts.values()))
        whole = joined([*parts.values()])
        order = np.argsort(whole.lines, kind="stable")
        writers = np.repeat([*parts], [len(part.lines) for part in parts.values()])
        return replace(whole.at(order), writers=writers[order])


class Gathered:
    """Grows by rows; each is the mean of ``every`` rows of the log."""

    def __init__(self, every: int = 1) -> None:
        self.size = 0
        self._parts: list[Rows] = []
        self._odd: list[Rows | None] = [None] * (every.bit_length() - 1)
        """What waits for a second row: one of the log, a mean of two, of four, …"""

    def add(self, rows: Rows) -> None:
        """Append rows of the log."""
        for level, odd in enumerate(self._odd):
            rows, self._odd[level] = _paired(joined([odd, rows]) if odd else rows)
        self._parts.append(rows)
        self.size += len(rows.values)

    def halve(self) -> None:
        """Make one row of two."""
        rows, odd = _paired(joined(self._parts))
        self._parts, self.size = [rows], len(rows.values)
        self._odd.append(odd)

    def take(self) -> Rows:
        """Hand out all rows, once; a few at the end of a thinned log are left out."""
        parts, self._parts = self._parts, []  # the memory is needed
        return joined(parts)


def joined(parts: list[Rows]) -> Rows:
    """Put rows behind each other."""
    return Rows(
        np.concatenate([part.values for part in parts]),
        [np.concatenate(x) for x in zip(*(part.x for part in parts), strict=True)],
        np.concatenate([part.lr for part in parts]),
        np.concatenate([part.lines for part in parts]),
    )


def _paired(rows: Rows) -> tuple[Rows, Rows | None]:
    """Make one row of each two, and keep the last where it has no second."""
    size = len(rows.values)
    return _halved(rows), rows.at(np.arange(size - 1, size)) if size % KEPT else None


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
