"""From tables of columns to runs: pick metric, x and learning rate, and split where x goes back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import choose
from plateau.logs.columns import Column, Table
from plateau.logs.join import fetch, fetch_at
from plateau.logs.model import LogError, Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from plateau.logs.columns import Data

SHOWN = 12  # column names in a message
TWINS = 0.5
RUNS_TOLD = 8  # run boundaries told one by one
UNNAMED_METRIC = "loss"
SIDE_BY_SIDE = " - "


@dataclass(frozen=True, eq=False)
class Material:
    """What a reader found, and what the user asked for.

    Attributes
    ----------
    path : str
    tables : list of Table
    numbers : NDArray[int64]
        Line in the file of each row.
    block : NDArray[int64] or None
        Block of each row where lines form blocks.
    warnings : list of str
    metric, x, lr, mode : str or None
        The user's choice.
    """

    path: str
    tables: list[Table]
    numbers: NDArray[np.int64]
    block: NDArray[np.int64] | None
    warnings: list[str]
    metric: str | None = None
    x: str | None = None
    lr: str | None = None
    mode: str | None = None


@dataclass(frozen=True, eq=False)
class Axis:
    """The chosen x: one column, or (epoch, iteration) where the iteration starts again."""

    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return ", ".join(item.name for item in self.columns)

    def within(self, table: Table) -> Axis:
        """The same axis, from the columns of a merged table where it has them."""
        merged = {item.name: item for item in table.columns}
        return Axis(tuple(merged.get(item.name, item) for item in self.columns))


def assemble(material: Material) -> list[Run]:
    """All runs of the chosen metric."""
    table, metric = _choose_metric(material)
    runs: list[Run] = []
    for part, chosen in _parts(material, table, metric):
        runs += _runs(material, part, chosen, unnumbered=len(runs))
    return runs


# --- metric -------------------------------------------------------------------------------------


def _choose_metric(material: Material) -> tuple[Table, Column]:
    candidates = [(table, item) for table in material.tables for item in table.columns]
    if material.metric is not None:
        names = _resolve(material, "metric", material.metric, (c.name for _, c in candidates))
        candidates = [(table, item) for table, item in candidates if item.name in names]
    rows: Counter[tuple[str, bool]] = Counter()
    for table, item in candidates:
        rows[item.name, item.held_out] += _size(table, item)
    longest = max(rows.values(), default=0)
    best, best_points = None, -np.inf
    for table, item in candidates:
        count = rows[item.name, item.held_out]
        if not count:
            continue
        own_x = any(choose.x_points(other) for other in table.columns if other is not item)
        points = (
            choose.metric_points(item)
            + choose.OWN_X * own_x
            + choose.ROWS * np.log10(count / longest)
            + choose.SHARE * np.log10(_size(table, item) / count)
        )
        if points > best_points and choose.is_unknown(item) and choose.is_counter(item.values):
            points += choose.NOT_IT
        if points > best_points:
            best, best_points = (table, item), points
    if best is None:
        raise LogError(f"{material.path}: no series of numbers found")
    if material.metric is None and best_points < 0 and not best[0].sparse:
        raise LogError(
            f"{material.path}: no column looks like a metric; name one with metric=: "
            + _listed(item.name for _, item in candidates)
        )
    return best


def _size(table: Table, item: Column) -> int:
    """Rows of a column; a text table's columns are full, so that none is converted for this."""
    return len(item.rows) if table.sparse else table.size


def _resolve(material: Material, what: str, wanted: str, names: Iterable[str]) -> set[str]:
    names = [name for name in dict.fromkeys(names) if name]
    found = choose.matching(wanted, names)
    if not found:
        raise LogError(
            f"{material.path}: no column {wanted!r} for {what}; there are {_listed(names)}"
        )
    return found


def _listed(names: Iterable[str]) -> str:
    unique = [name for name in dict.fromkeys(names) if name]
    more = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    return ", ".join(unique[:SHOWN]) + more


def _parts(material: Material, table: Table, metric: Column) -> list[tuple[Table, Column]]:
    """The tables of all runs: runs in one table side by side, or kept apart by name, or one."""
    _, dash, suffix = metric.name.rpartition(SIDE_BY_SIDE)
    beside = [
        item
        for item in table.columns
        if dash and item.name.rpartition(SIDE_BY_SIDE)[1:] == (dash, suffix)
    ]
    if len(beside) > 1:
        shared = [item for item in table.columns if SIDE_BY_SIDE not in item.name]
        return [
            (
                Table(
                    [item, *shared],
                    table.size,
                    item.name.rpartition(SIDE_BY_SIDE)[0],
                    sparse=table.sparse,
                ),
                item,
            )
            for item in beside
        ]
    named = [
        (other, item)
        for other in material.tables
        for item in other.columns
        if other.run is not None and _same(item, metric)
    ]
    return named or [(table, metric)]


def _same(one: Column, other: Column) -> bool:
    return one.name == other.name and one.held_out == other.held_out


# --- x ------------------------------------------------------------------------------------------


def _choose_x(material: Material, table: Table, metric: Column) -> Axis | None:
    own = [item for item in table.columns if item is not metric]
    elsewhere = [
        item
        for other in material.tables
        if other.run == table.run
        for item in other.columns
        if other is not table and (choose.x_points(item) > choose.X_TIME)
    ]
    if material.x is not None:
        names = _resolve(
            material,
            "x",
            material.x,
            (
                c.name
                for c in own
                + elsewhere
                + [item for other in material.tables for item in other.columns]
            ),
        )
        own = [item for item in own if item.name in names]
        elsewhere = (
            []
            if own
            else [
                item for other in material.tables for item in other.columns if item.name in names
            ][:1]
        )
        chosen = (own or elsewhere)[0]
        return Axis((chosen,))
    best, best_points, own_points = None, choose.X_LEAST, -np.inf
    for item, handicap in [(item, 0.0) for item in own] + [
        (item, choose.X_ELSEWHERE) for item in elsewhere
    ]:
        if choose.lr_points(item) or (handicap and own_points > choose.X_EPOCH):
            continue
        x = _x_at(metric.rows, item, material.block)
        points = choose.x_behaviour(item, x) + handicap
        if points > best_points:
            outer = _outer(item, x, own + elsewhere, metric.rows, material.block)
            if outer or np.mean(choose.restarts(x)) <= choose.BACK_FEW or len(x) < 2:
                best, best_points = Axis((outer, item) if outer else (item,)), points
                own_points = points if not handicap else own_points
    return best


def _x_at(
    rows: NDArray[np.int64], item: Column, block: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """x at each row; rows before the first x belong to it."""
    if not len(item.rows):
        return np.full(len(rows), np.nan)
    x = fetch(rows, item, block)
    early = rows < item.rows[0]
    x[early & np.isnan(x)] = item.values[0]
    return x


def _outer(
    inner: Column,
    x: NDArray[np.float64],
    candidates: list[Column],
    rows: NDArray[np.int64],
    block: NDArray[np.int64] | None,
) -> Column | None:
    """The epoch column that goes up where ``inner`` starts again."""
    back = choose.restarts(x)
    for item in candidates if back.any() else []:
        if item is not inner and choose.is_epoch(_x_at(rows, item, block), back):
            return item
    return None


def _global_x(
    axis: Axis, rows: NDArray[np.int64], block: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """x along the log, and the rows where it goes back, each the start of another run."""
    parts = [_x_at(rows, item, block) for item in axis.columns]
    if len(parts) == 1:
        return parts[0], np.flatnonzero(np.diff(parts[0]) < 0) + 1
    epoch, inner = parts
    change = np.diff(epoch)
    starts = np.flatnonzero((change < 0) | ((change == 0) & (np.diff(inner) < 0))) + 1
    x = np.empty(len(rows))
    for piece in np.split(np.arange(len(rows)), starts):
        x[piece] = _unrolled(epoch[piece] - epoch.min(), inner[piece])
    return x, starts


def _unrolled(epoch: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps since the first epoch began, from a counter that starts again in each epoch."""
    step = np.diff(inner)
    step = step[step > 0]
    period = inner.max() - inner.min() + (np.median(step) if len(step) else 1.0)
    return epoch * period + inner


# --- one run after the other --------------------------------------------------------------------


def _runs(material: Material, table: Table, metric: Column, *, unnumbered: int) -> list[Run]:
    axis = _choose_x(material, table, metric)
    table = _with_optional_fields(material, table, metric, axis)
    metric = next(item for item in table.columns if _same(item, metric))
    rows, values = metric.rows, metric.values
    if axis is None:
        x, starts = np.arange(len(rows), dtype=np.float64), np.empty(0, dtype=np.int64)
    else:
        axis = axis.within(table)
        x, starts = _global_x(axis, rows, material.block)
    lr_column, lr = _learning_rate(material, table, metric, x, axis)
    pieces = _without_echoes(material, np.split(np.arange(len(rows)), starts), x, values, rows)
    lr_pieces = _lr_of_runs(lr_column, lr, rows, pieces)
    _tell_splits(material, pieces, x, rows, axis)
    name = metric.name or UNNAMED_METRIC
    if not metric.name:
        material.warnings.append(f"the log does not name its metric; taken as {name!r}")
    x_name = axis.name if axis else "row"
    return [
        Run(
            name=_run_name(table.run, unnumbered, index, len(pieces)),
            metric=name,
            x_name=x_name,
            mode=material.mode or choose.direction(name),
            values=values[piece],
            x=x[piece],
            lr=lr_pieces[index],
            lr_name=None if lr_pieces[index] is None or not lr_column else lr_column.name,
            lines=material.numbers[rows[piece]],
            counts_steps=choose.counts_steps(x_name, x[piece]),
        )
        for index, piece in enumerate(pieces)
    ]


def _run_name(own: str | None, before: int, index: int, count: int) -> str:
    if own is None:
        return str(before + index + 1)
    return own if count == 1 else f"{own} {index + 1}"


def _with_optional_fields(
    material: Material, table: Table, metric: Column, axis: Axis | None
) -> Table:
    """Add the rows of lines that have the metric and x too, but more or fewer fields."""
    if table.sparse:
        return table
    x_names = {item.name for item in axis.columns} if axis else set()
    own = {item.name for item in table.columns}
    joined = [table]
    for other in material.tables:
        names = {item.name for item in other.columns}
        alike = any(_same(item, metric) for item in other.columns)
        if (
            other is not table
            and alike
            and x_names & names == x_names & own
            and not (axis and x_names <= own and _twins(joined, other, axis))
        ):
            joined.append(other)
    return _merge(joined) if len(joined) > 1 else table


def _twins(tables: list[Table], other: Table, axis: Axis) -> bool:
    """Whether the other lines repeat the same x (another process), not only fill gaps."""
    inner = axis.columns[-1].name
    seen = [_named(table, inner) for table in tables]
    ours_rows = np.concatenate([item.rows for item in seen])
    ours = np.concatenate([item.values for item in seen])
    theirs = _named(other, inner)
    order = np.argsort(np.concatenate([ours_rows, theirs.rows]), kind="stable")
    x = np.concatenate([ours, theirs.values])[order]
    mine = (np.arange(len(order)) < len(ours))[order]
    met = mine[1:] != mine[:-1]
    repeats = np.mean((x[1:] == x[:-1])[met]) if met.any() else 0.0
    return bool(repeats > TWINS)


def _named(table: Table, name: str) -> Column:
    return next(item for item in table.columns if item.name == name)


def _merge(tables: list[Table]) -> Table:
    groups: dict[tuple[str, bool], list[Column]] = {}
    for table in tables:
        for item in table.columns:
            groups.setdefault((item.name, item.held_out), []).append(item)
    columns = [
        Column(name, partial(_together, items), held_out=held_out, implied=items[0].implied)
        for (name, held_out), items in groups.items()
    ]
    return Table(columns, sum(table.size for table in tables), tables[0].run)


def _together(items: list[Column]) -> Data:
    rows = np.concatenate([item.rows for item in items])
    order = np.argsort(rows, kind="stable")
    return rows[order], np.concatenate([item.values for item in items])[order]


def _learning_rate(
    material: Material,
    table: Table,
    metric: Column,
    x: NDArray[np.float64],
    axis: Axis | None,
) -> tuple[Column | None, NDArray[np.float64] | None]:
    tables = [table] + [
        other for other in material.tables if other is not table and other.run == table.run
    ]
    candidates = [(other, item) for other in tables for item in other.columns if item is not metric]
    if material.lr is not None:
        names = _resolve(material, "lr", material.lr, (item.name for _, item in candidates))
        candidates = [(other, item) for other, item in candidates if item.name in names]
    best, best_points = None, 0.0
    for other, item in candidates:
        points = choose.lr_points(item) if material.lr is None else 1.0
        points += choose.LR_SAME_ROWS * (other is table)
        if points - choose.LR_SAME_ROWS * (other is table) <= 0 or points <= best_points:
            continue
        if material.lr is not None or choose.is_lr(item.values):
            best, best_points = (other, item), points
    if best is None:
        return None, None
    other, item = best
    x_name = axis.columns[0].name if axis and len(axis.columns) == 1 else None
    theirs = next((c for c in other.columns if c.name == x_name), None)
    if theirs is None or other is table:
        return item, fetch(metric.rows, item, material.block)
    return item, fetch_at(metric.rows, x, item, theirs)


def _lr_of_runs(
    lr_column: Column | None,
    lr: NDArray[np.float64] | None,
    rows: NDArray[np.int64],
    pieces: list[NDArray[np.int64]],
) -> list[NDArray[np.float64] | None]:
    """The learning rate of each run; none is carried over from the run before."""
    if lr_column is None or lr is None:
        return [None] * len(pieces)
    found: list[NDArray[np.float64] | None] = []
    end = -1
    for piece in pieces:
        first = lr_column.rows[np.searchsorted(lr_column.rows, end, side="right") :][:1]
        known = lr[piece].copy()
        known[rows[piece] < first[0] if len(first) else slice(None)] = np.nan
        found.append(None if np.isnan(known).all() else known)
        end = rows[piece[-1]]
    return found


def _without_echoes(
    material: Material,
    pieces: list[NDArray[np.int64]],
    x: NDArray[np.float64],
    values: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> list[NDArray[np.int64]]:
    """Leave out a single row that repeats an earlier one, such as "best iteration" at the end."""
    kept: list[NDArray[np.int64]] = []
    for piece in pieces:
        if len(piece) == 1 and kept:
            before = kept[-1]
            if np.any((x[before] == x[piece]) & (values[before] == values[piece])):
                line = material.numbers[rows[piece[0]]]
                material.warnings.append(f"line {line} repeats an earlier row and was left out")
                continue
        kept.append(piece)
    return kept


def _tell_splits(
    material: Material,
    pieces: list[NDArray[np.int64]],
    x: NDArray[np.float64],
    rows: NDArray[np.int64],
    axis: Axis | None,
) -> None:
    for before, after in list(zip(pieces, pieces[1:], strict=False))[:RUNS_TOLD]:
        line = material.numbers[rows[after[0]]]
        name = axis.name if axis else "row"
        material.warnings.append(
            f"{name} goes back from {x[before[-1]]:g} to {x[after[0]]:g} at line {line}: "
            "another run starts there"
        )
    if len(pieces) - 1 > RUNS_TOLD:
        material.warnings.append(f"{len(pieces) - 1 - RUNS_TOLD} more runs start later")
