"""Long tables: one value a row, with the name of its metric in another column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import column
from plateau.logs.names.as_x import TIMES, X_EPOCH, x_points
from plateau.logs.names.words import vocabulary, words
from plateau.logs.records.tagged import of_each, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from plateau.logs.columns import Data

    Series = Mapping[str, Data]
    Labels = Mapping[int, str]

KEYS = vocabulary("key metric tag name variable series field measure measurement attribute")
VALUE = "value"
COVER = 0.5  # of the rows hold a value
AGAIN = 2  # rows for each name at least, on average; fewer are settings


def long_form(series: Series, texts: Mapping[str, Labels], size: int) -> tuple[str, str] | None:
    """Return the columns of names and of values; None for a table that is not long."""
    values = [name for name in series if words(name)[-1:] == (VALUE,)]
    if len(values) != 1 or len(series[values[0]][0]) < COVER * size:
        return None
    rows = series[values[0]][0]
    for name, labels in texts.items():
        if not KEYS.intersection(words(name)):
            continue
        told = [label for row in rows.tolist() if (label := labels.get(row))]
        enough = len(set(told)) * AGAIN <= len(told) and len(told) > COVER * len(rows)
        if enough:
            return name, values[0]
    return None


def pivot(series: Series, labels: Labels, value: str) -> dict[str, Data]:
    """Give each name its own column; values of the same step that follow each other share a row."""
    rows, values = series[value]
    told = [labels.get(row, "") for row in rows.tolist()]
    names, tags = np.unique(np.array(told, dtype=object), return_inverse=True)
    group = rows_of(tags, _steps(series, rows))
    at = rows[np.unique(group, return_index=True)[1]][group]
    there = np.zeros(max(int(data[0][-1]) for data in series.values() if len(data[0])) + 1, bool)
    there[at] = True
    found = {name: _at(data, there) for name, data in series.items() if name != value}
    for index, mine in of_each(tags):
        found[str(names[index]) or value] = (at[mine], values[mine])
    return found


def _steps(series: Series, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return what tells rows that belong together: a count, else a clock, else nothing."""
    for clock in (False, True):
        for name, (at, values) in series.items():
            counts = x_points(column(name, at, values)) >= X_EPOCH
            told = bool(TIMES.intersection(words(name))) if clock else counts
            if told and np.array_equal(at, rows):
                return values
    return np.arange(len(rows), dtype=np.float64)


def _at(data: Data, there: NDArray[np.bool_]) -> Data:
    keep = there[data[0]]
    return data[0][keep], data[1][keep]
