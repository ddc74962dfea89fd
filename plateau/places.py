"""Where each of endlessly many samples or rows lies, in memory that does not grow."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 4096
"""Pieces, an even number; of more, every second one is left out, and what lay there is
interpolated."""


class Places:
    """A growing function of whole numbers, kept as the straight pieces that it is made of.

    The x of a log mostly goes up by the same amount from row to row: that is one piece, however
    long. Exact up to `MOST` pieces, and behind them always in the last one.
    """

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.values: list[float] = []
        self.runs: list[int] = []
        """Positions from one value of a piece to the next; 0 of a piece with one value."""
        self.rises: list[float] = []

    def add(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Append values, whose positions go up."""
        while len(at):
            if self.starts and not self.runs[-1]:
                self.runs[-1] = int(at[0]) - self.starts[-1]
                self.rises[-1] = float(values[0]) - self.values[-1]
            fits = self._fits(at, values)
            at, values = at[fits:], values[fits:]
            if len(at):
                self._begin(int(at[0]), float(values[0]))
                at, values = at[1:], values[1:]

    def _thin(self) -> None:
        """Leave out every second piece, not the last."""
        starts, values = self.starts[::2], self.values[::2]
        across = np.diff(starts)
        self.starts, self.values = starts, values
        self.runs = [1] * len(across) + [0]
        self.rises = [*(np.diff(values) / across).tolist(), 0.0]

    def __call__(self, at: int) -> float:
        """Return the value that was in force at a position."""
        i = bisect_right(self.starts, at) - 1
        if not self.runs[i]:
            return self.values[i]
        return self.values[i] + (at - self.starts[i]) // self.runs[i] * self.rises[i]

    def _fits(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> int:
        """Return how many of the values lie on the last piece."""
        if not self.starts:
            return 0
        steps, rest = np.divmod(at - self.starts[-1], self.runs[-1])
        off = (rest != 0) | (self.values[-1] + steps * self.rises[-1] != values)
        return int(off.argmax()) if off.any() else len(at)

    def _begin(self, at: int, value: float) -> None:
        self.starts.append(at)
        self.values.append(value)
        self.runs.append(0)
        self.rises.append(0.0)
        if len(self.starts) > MOST:
            self._thin()
