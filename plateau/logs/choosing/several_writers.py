"""Several writers of one log: processes of a job, or runs side by side, told apart by a number.

Names do not matter: what tells them apart is a column of few whole numbers, and x goes up from row
to row of each of these, but not of all together. The number may be part of a word, "[rank0]", so
that the lines of each writer have a shape of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import is_whole
from plateau.logs.names.as_x import counts_within

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from plateau.logs.columns import Column

MOST_WRITERS = 64  # writers
TOGETHER = 0.75  # of the rows have a larger x than the row before, at most
ALONE = 0.95  # of the rows have a larger x than the row of the same writer before, at least
NEAR = 2  # rows of each writer within which all have written the same x, where none has a name
FULL = 0.5  # of the writers have a row at an x, at least
TURNS = 2  # times a writer has its turn, at least, where the shape of its lines tells it
SAME = 0.99  # of the rows that share x have the same value where all writers say the same


def find_writer(columns: Iterable[Column], metric: Column, x: NDArray[np.float64]) -> Column | None:
    """Find the column that tells apart the rows of a metric that share x."""
    if len(x) < 2 or np.mean(np.diff(x) > 0) > TOGETHER:
        return None
    places = len(np.unique(x))
    for item in columns:
        if not np.array_equal(item.rows, metric.rows) or not is_whole(item.values):
            continue
        if counts_within(item):
            continue
        writers, writer = np.unique(item.values, return_inverse=True)
        if not 2 <= len(writers) <= MOST_WRITERS or len(x) < FULL * len(writers) * places:
            continue
        order = np.argsort(writer, kind="stable")
        own = np.diff(writer[order]) == 0
        if own.any() and np.mean(np.diff(x[order])[own] > 0) >= ALONE:
            return item
    return None


def take_turns(writers: NDArray[np.float64], x: NDArray[np.float64]) -> bool:
    """Whether lines that differ in a word's number are those of several writers.

    They take turns, each counts x up, and where the others are there is the busiest one too; else
    the number is that of a stage, or x that of a task which went to one of them.
    """
    numbers, rows = np.unique(writers, return_counts=True)
    turns = 1 + np.count_nonzero(np.diff(writers))
    if not 2 <= len(numbers) <= MOST_WRITERS or turns <= TURNS * len(numbers):
        return False
    order = np.argsort(writers, kind="stable")
    own = np.diff(writers[order]) == 0
    others = writers != numbers[rows.argmax()]
    return bool(
        np.mean(np.diff(x[order])[own] > 0) >= ALONE
        and np.mean(np.isin(x[others], x[~others])) >= FULL
    )


def seen_by_one(
    columns: Iterable[Column], metric: Column, x: NDArray[np.float64], known: Column | None
) -> NDArray[np.float64]:
    """Return x of the first writer only; all of x where there is but one.

    The column that tells them apart is looked for where it is not ``known``.
    """
    writer = known or find_writer(columns, metric, x)
    return x[writer.values == writer.values[0]] if writer else x


def name_of(writer: Column) -> str:
    """Return the name under which its numbers stand in the log, if it gives one."""
    return "writer" if writer.implied or not writer.name else writer.name


def rows_of(writer: Column) -> dict[str, NDArray[np.int64]]:
    """Give the rows (indices) of each writer under its name."""
    numbers, name = writer.values, name_of(writer)
    return {f"{name} {one:.0f}": np.flatnonzero(numbers == one) for one in np.unique(numbers)}


def first_of_equals(metric: Column, x: NDArray[np.float64]) -> NDArray[np.int64] | None:
    """Give the first row at each x where nameless writers, as many at each, all say the same."""
    if len(x) < 2 or np.mean(np.diff(x) > 0) > TOGETHER:
        return None
    _, first, place, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    writers = int(np.median(counts))
    last = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(last, place, np.arange(len(x)))
    near = last - first < NEAR * writers
    usual = (counts == writers) & near
    if writers < 2 or np.mean(usual) < ALONE or not say_the_same(metric, x):
        return None
    return np.sort(first)


def say_the_same(metric: Column, x: NDArray[np.float64]) -> bool:
    """Whether all writers have the same value at each x."""
    order = np.lexsort((metric.values, x))
    values, shared = metric.values[order], np.diff(x[order]) == 0
    equal = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
    return bool(shared.any() and np.mean(equal[shared]) >= SAME)
