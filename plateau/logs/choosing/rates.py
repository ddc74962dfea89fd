"""Find the learning rate in force at each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choosing.in_force import fetch, fetch_at
from plateau.logs.columns import column
from plateau.logs.names import as_rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.choosing.asked import Material
    from plateau.logs.choosing.axis import Axis
    from plateau.logs.columns import Column, Table


def choose_lr(material: Material, table: Table, metric: Column) -> tuple[Table, Column] | None:
    """Pick the learning rate, on the metric's own lines first."""
    candidates = [(table, item) for item in table.without(metric)]
    if material.asked.lr is not None:
        names = material.names_for("lr", material.asked.lr)
        candidates += material.contents.beside(table, _any)
        return next(((t, item) for t, item in candidates if item.name in names), None)
    candidates += material.contents.beside(table, as_rate.lr_points)
    best, best_points = None, 0.0
    for other, item in candidates:
        if not (points := as_rate.lr_points(item)):
            continue
        points += as_rate.LR_SAME_ROWS * (other is table)
        if points > best_points and as_rate.is_lr(item.values):
            best, best_points = (other, item), points
    return best


def _any(_: Column) -> bool:
    return True


def of_runs(
    material: Material,
    chosen: tuple[Table, Column],
    rows: NDArray[np.int64],
    x: NDArray[np.float64],
    axis: Axis | None,
    pieces: list[NDArray[np.int64]],
) -> list[NDArray[np.float64] | None]:
    """Learning rate in force at each row of each run, NaN before the first that the run tells.

    None is carried over from the run before: another run may well begin with another one.
    """
    table, item = chosen
    own_x = None
    if axis and len(axis.columns) == 1 and not np.array_equal(item.rows, rows):
        own_x = next((other for other in table.columns if other.name == axis.name), None)
    found: list[NDArray[np.float64] | None] = []
    end = -1
    for piece in pieces:
        told = item.rows > end
        known = column(item.name, item.rows[told], item.values[told])
        if not told.any():
            lr = np.full(len(piece), np.nan)
        elif own_x:
            lr = fetch_at(rows[piece], x[piece], known, own_x)
        else:
            lr = fetch(rows[piece], known, material.block)
        found.append(None if np.isnan(lr).all() else lr)
        end = rows[piece[-1]]
    return found
