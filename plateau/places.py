"""Where in a log each of endlessly many rows lies, in memory that does not grow."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = 2.0**53
"""Up to it a float holds every whole number."""

MOST_PIECES = 4096
"""Pieces; of more, every second one is left out, and what lay there is interpolated."""


class Places:
    """A growing function of whole numbers, kept as the straight pieces that it is made of.

    The x of a log mostly goes up by the same amount from row to row: that is one piece, however
    long. Exact until `thin` finds more than `MOST_PIECES` pieces.
    """

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.values: list[float] = []
        self.runs: list[int] = []
        """Positions from one value of a piece to the next; 0 of a piece with one value."""
        self.rises: list[float] = []
        self.lasts: list[int] = []
        """Last position of each piece; its last value holds from there to the next piece."""

    def add(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Append values, whose positions go up."""
        while len(at):
            if self.starts and not self.runs[-1]:
                self.runs[-1] = int(at[0]) - self.starts[-1]
                self.rises[-1] = float(values[0]) - self.values[-1]
            fits = self._fits(at, values)
            if fits:
                self.lasts[-1] = int(at[fits - 1])
            at, values = at[fits:], values[fits:]
            if len(at):
                self._begin(int(at[0]), float(values[0]))
                at, values = at[1:], values[1:]

    def append(self, at: int, value: float) -> None:
        """Append one value, whose position is above all others."""
        run = self.runs[-1] if self.runs else 0
        if run and at == self.lasts[-1] + run:
            steps = (at - self.starts[-1]) // run
            if self.values[-1] + steps * self.rises[-1] == value:
                self.lasts[-1] = at
                return
        self.add(np.array([at]), np.array([value]))

    def thin(self, most: int = MOST_PIECES) -> None:
        """Leave out every second piece if there are too many."""
        if len(self.starts) <= most:
            return
        starts, values = self.starts[::2], self.values[::2]
        across = np.diff(starts)
        self.starts, self.values = starts, values
        self.runs = [1] * len(across) + [0]
        self.rises = [*(np.diff(values) / across).tolist(), 0.0]
        self.lasts = [*(start - 1 for start in starts[1:]), starts[-1]]

    def to_bytes(self) -> bytes:
        """Return the pieces as bytes."""
        pieces = self.starts, self.values, self.runs, self.rises, self.lasts
        return np.array(pieces, dtype="<f8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Make one of what `to_bytes` returned.

        Raises
        ------
        ValueError
            If that is no table of pieces.
        """
        made, table = cls(), np.frombuffer(data, "<f8").reshape(5, -1)
        if not _is_sound(table):
            raise ValueError("pieces are not one after the other")
        made.starts, made.runs, made.lasts = table[::2].astype(np.int64).tolist()
        made.values, made.rises = table[1::2].tolist()
        return made

    def reach(self, end: int, most: float) -> bool:
        """Whether they tell of positions from 0 up to an end, and of values below most."""
        if not self.starts or not end:
            return not self.starts and not end
        fits = self.starts[0] == 0 and self.lasts[-1] < end
        return fits and min(self.values) >= 0 and max(*self.values, *map(abs, self.rises)) < most

    def __call__(self, at: int) -> float:
        """Return the value that was in force at a position."""
        i = bisect_right(self.starts, at) - 1
        if not self.runs[i]:
            return self.values[i]
        steps = (min(at, self.lasts[i]) - self.starts[i]) // self.runs[i]
        return self.values[i] + steps * self.rises[i]

    def _fits(self, at: NDArray[np.int64], values: NDArray[np.float64]) -> int:
        """Return how many of the values lie on the last piece."""
        if not self.starts:
            return 0
        start, run = self.starts[-1], self.runs[-1]
        next_ones = np.arange(1, len(at) + 1) + (self.lasts[-1] - start) // run
        off = at != start + next_ones * run  # one that was left out would be held for the next
        off |= self.values[-1] + next_ones * self.rises[-1] != values
        return int(off.argmax()) if off.any() else len(at)

    def _begin(self, at: int, value: float) -> None:
        self.starts.append(at)
        self.values.append(value)
        self.runs.append(0)
        self.rises.append(0.0)
        self.lasts.append(at)


def _is_sound(table: NDArray[np.float64]) -> bool:
    """Whether a table holds pieces that follow one another, all of whole positions."""
    starts, _, runs, _, lasts = table
    return bool(
        (np.abs(table) <= EXACT).all()
        and not (table[::2] % 1).any()
        and (runs >= 0).all()
        and (lasts >= starts).all()
        and (lasts[:-1] < starts[1:]).all()
    )
