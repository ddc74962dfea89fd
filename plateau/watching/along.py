"""X along each run of a log, row by row, and where another run begins."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class Along:
    """Tells x and new runs as `count_along` of a scan does, without knowing what follows.

    Parameters
    ----------
    main : int
        Columns of the axis: none, one, or an epoch and what starts again in each.
    """

    def __init__(self, main: int) -> None:
        self.main = main
        self.outer: int | None = 0 if main > 1 else None
        """Which of the columns is the epoch; it may show only when the first one is over."""
        self.last: list[float] | None = None
        """All columns in the last row."""
        self._begin(None)

    def _begin(self, row: list[float] | None) -> None:
        self.first = row
        """All columns in the first row of the run."""
        self.rows = 0
        """Of the run, where nothing counts."""
        self.low, self.high, self.step = np.inf, -np.inf, 0.0
        """Of the inner counter; the step is the first that it made."""

    def take(self, columns: Sequence[Array], count: int) -> tuple[Array, list[int]]:
        """Take so many rows of the columns that count.

        Returns
        -------
        x : NDArray[float64], shape (count,)
        starts : list of int
            Rows, of these, with which another run begins.
        """
        if not self.main:
            self.rows += count
            return np.arange(self.rows - count, self.rows, dtype=np.float64), []
        if self.outer is None and self.last is not None and len(columns) and count:
            inner = columns[0]
            if inner[0] >= self.last[0] and np.all(np.diff(inner) >= 0):
                self._counted(inner)
                self.last = [float(column[-1]) for column in columns]
                return inner, []
        x, starts = np.empty(count), []
        for i, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            if self._next(list(row)):
                starts.append(i)
            x[i] = self._x(row)
        return x, starts

    def _counted(self, inner: Array) -> None:
        """Note the reach of the inner counter, which may turn out to start again."""
        assert self.last is not None
        steps = np.diff(inner, prepend=self.last[0])
        if not self.step and np.any(steps > 0):
            self.step = float(steps[steps > 0][0])
        self.low, self.high = min(self.low, float(inner[0])), max(self.high, float(inner[-1]))

    def _next(self, row: list[float]) -> bool:
        """Take a row; return whether it begins another run."""
        at = self.main - 1
        begins = self.last is not None and self._goes_back(row, self.last)
        if self.last is None or begins:
            self._begin(row)
        elif not self.step and row[at] > self.last[at]:
            self.step = row[at] - self.last[at]
        self.low, self.high = min(self.low, row[at]), max(self.high, row[at])
        self.last = row
        return begins

    def _goes_back(self, row: list[float], last: list[float]) -> bool:
        at = self.main - 1
        back = row[at] < last[at]
        if back and self.outer is None:
            self.outer = next((i for i in range(1, len(row)) if self._is_epoch(i, row)), None)
        if self.outer is None:
            return back
        epoch, before = row[self.outer], last[self.outer]
        return epoch < before or (epoch == before and back)

    def _is_epoch(self, i: int, row: list[float]) -> bool:
        """Whether a column, so far the same in all rows, goes up where the inner one restarts."""
        assert self.first is not None
        assert self.last is not None
        return self.first[i] == self.last[i] < row[i] and row[i].is_integer()

    def _x(self, row: Sequence[float]) -> float:
        inner = row[self.main - 1]
        if self.outer is None or self.first is None:
            return inner
        length = self.high - self.low + (self.step or 1.0)
        return (row[self.outer] - self.first[self.outer]) * length + inner


def split(starts: Sequence[int], count: int) -> list[tuple[bool, slice]]:
    """Cut rows where runs begin: whether the part begins one, and its rows."""
    edges = [0, *starts, count]
    begins = [False, *repeat(True, len(starts))]
    parts = zip(begins, edges[:-1], edges[1:], strict=True)
    return [(new, slice(a, b)) for new, a, b in parts if b > a]
