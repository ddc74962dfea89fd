"""Values that were logged one by one, each with its tag, step and time: tables of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Column, Table, column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

STEP, TIME = "step", "wall_time"


@dataclass
class Points:
    """Points of one run in the order in which they were logged.

    Attributes
    ----------
    tags : list of str
    steps, times, values : list of float
    places : list of int
        Record or line of each point in its file, counted from 1.
    """

    tags: list[str] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, tag: str, step: float, time: float, value: float, place: int) -> None:
        """Append a point."""
        self.tags.append(tag)
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)
        self.places.append(place)

    def extend(self, other: Points) -> None:
        """Append all points of another file."""
        for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True):
            mine += theirs

    def in_time(self) -> Points:
        """Sort by time; what has the same time by step, and else stays as it is."""
        order = np.lexsort((self.steps, self.times)).tolist()
        return Points(*([one[i] for i in order] for one in vars(self).values()))


def table_of(
    points: Points, run: str | None = None, first: int = 0
) -> tuple[Table, NDArray[np.int64]]:
    """Put points of the same step that follow each other into one row.

    Rows are counted from ``first``; returned with the place of each row.
    """
    labels, tags = np.unique(np.array(points.tags, dtype=object), return_inverse=True)
    steps = np.array(points.steps, dtype=np.float64)
    rows = first + rows_of(tags, steps)
    values = np.array(points.values, dtype=np.float64)
    starts = np.unique(rows, return_index=True)[1]
    every = rows[starts]
    columns = [
        column(STEP, every, steps[starts]),
        column(TIME, every, np.array(points.times, dtype=np.float64)[starts]),
    ]
    order = np.argsort(rows, kind="stable")
    for index, mine in of_each(tags, order):
        columns.append(column(str(labels[index]), rows[mine], values[mine]))
    places = np.array(points.places, dtype=np.int64)[starts]
    return Table(_unlike(columns), len(every), run, sparse=True), places


def of_each(
    tags: NDArray[np.int64], order: NDArray[np.int64] | None = None
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each tag with its points: tags as they first come, points in an order.

    All are sorted once: there may be as many tags as points.
    """
    order = np.arange(len(tags)) if order is None else order
    together = order[np.argsort(tags[order], kind="stable")]
    kinds, starts = np.unique(tags[together], return_index=True)
    parts = dict(zip(kinds.tolist(), np.split(together, starts[1:]), strict=True))
    for tag in dict.fromkeys(tags.tolist()):
        yield tag, parts[tag]


def rows_of(tags: NDArray[np.int64], steps: NDArray[np.float64]) -> NDArray[np.int64]:
    """Row of each point: a new one where the step changes, or a tag comes again."""
    if not len(tags):
        return np.empty(0, dtype=np.int64)
    group = np.cumsum(np.insert(np.diff(steps) != 0, 0, False))
    key = group * (tags.max() + 1) + tags
    order = np.argsort(key, kind="stable")
    begins = np.flatnonzero(np.insert(np.diff(key[order]) != 0, 0, True))
    again = np.empty(len(key), dtype=np.int64)
    again[order] = np.arange(len(key)) - np.repeat(begins, np.diff(np.append(begins, len(key))))
    return np.unique(group * (again.max() + 1) + again, return_inverse=True)[1]


def _unlike(columns: list[Column]) -> list[Column]:
    """Leave out tags that have the name of a column before them."""
    return list({item.name: item for item in reversed(columns)}.values())[::-1]
