"""The value of a column in force at each row: one record may be spread over several lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.columns import Column


def fetch(
    rows: NDArray[np.int64], column: Column, block: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Give the column's value in force at each row.

    That is the value on the row itself, else the only one in the same block (before or after),
    else the next one where each row is followed by one, else the last one before; NaN before the
    first.
    """
    there, values = column.rows, column.values
    if len(there) == len(rows) and np.array_equal(there, rows):
        return values
    last = np.searchsorted(there, rows, side="right") - 1
    taken = np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
    if len(rows) > 1 and np.array_equal(last, np.arange(len(rows)) - 1):
        taken = values[np.minimum(last + 1, len(values) - 1)]
    if block is None:
        return taken
    known, first, count = np.unique(block[there], return_index=True, return_counts=True)
    slot = np.searchsorted(known, block[rows]).clip(max=len(known) - 1)
    alone = (known[slot] == block[rows]) & (count[slot] == 1)
    exact = (last >= 0) & (there[np.maximum(last, 0)] == rows)
    return np.where(alone & ~exact, values[first[slot]], taken)


def fetch_at(
    rows: NDArray[np.int64],
    x: NDArray[np.float64],
    column: Column,
    column_x: Column,
) -> NDArray[np.float64]:
    """Like :func:`fetch`, for lines that carry their own x.

    ``Iteration 20, lr = 0.1`` may follow the line of iteration 20 that it belongs to.
    """
    taken = fetch(rows, column, None)
    theirs = fetch(column.rows, column_x, None)
    following = np.searchsorted(column.rows, rows, side="right").clip(max=len(theirs) - 1)
    same = (theirs[following] == x) & (column.rows[following] > rows)
    return np.where(same, column.values[following], taken)
