"""Find the learning rate in force at each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import choose
from plateau.logs.join import fetch, fetch_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.axis import Axis
    from plateau.logs.columns import Column, Table
    from plateau.logs.material import Material


def choose_lr(material: Material, table: Table, metric: Column) -> tuple[Table, Column] | None:
    """Pick the learning rate, on the metric's own lines first."""
    candidates = [(table, item) for item in table.without(metric)]
    candidates += [
        (other, item)
        for other, item in material.columns()
        if other is not table and other.run == table.run
    ]
    if material.lr is not None:
        names = material.names_for("lr", material.lr)
        return next(((t, item) for t, item in candidates if item.name in names), None)
    best, best_points = None, 0.0
    for other, item in candidates:
        if not (points := choose.lr_points(item)):
            continue
        points += choose.LR_SAME_ROWS * (other is table)
        if points > best_points and choose.is_lr(item.values):
            best, best_points = (other, item), points
    return best


def rates(
    material: Material,
    chosen: tuple[Table, Column],
    rows: NDArray[np.int64],
    x: NDArray[np.float64],
    axis: Axis | None,
) -> NDArray[np.float64]:
    """Learning rate in force at each row, NaN before the first."""
    table, item = chosen
    if axis and len(axis.columns) == 1:
        own_x = [other for other in table.columns if other.name == axis.name]
        if own_x and not np.array_equal(item.rows, rows):
            return fetch_at(rows, x, item, own_x[0])
    return fetch(rows, item, material.block)


def of_runs(
    item: Column,
    lr: NDArray[np.float64],
    rows: NDArray[np.int64],
    pieces: list[NDArray[np.int64]],
) -> list[NDArray[np.float64] | None]:
    """Share the learning rate out to the runs; none is carried over from the run before."""
    found: list[NDArray[np.float64] | None] = []
    end = -1
    for piece in pieces:
        first = item.rows[np.searchsorted(item.rows, end, side="right") :][:1]
        known = lr[piece].copy()
        known[rows[piece] < first[0] if len(first) else slice(None)] = np.nan
        found.append(None if np.isnan(known).all() else known)
        end = rows[piece[-1]]
    return found
