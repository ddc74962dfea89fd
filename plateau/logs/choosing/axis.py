"""Find x, and turn it into one count along the whole run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import behaviour
from plateau.logs.choosing.in_force import fetch
from plateau.logs.choosing.several_writers import seen_by_one
from plateau.logs.columns import Column, column, together
from plateau.logs.names import as_rate, as_x
from plateau.logs.names.words import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from plateau.logs.choosing.asked import Material
    from plateau.logs.columns import Table


COUNTERS = 16  # columns at most among which x is looked for
TRIED = 256  # columns at most among which an epoch is
NAMES, PAIR = ", ", 2


@dataclass(frozen=True, eq=False)
class Axis:
    """The chosen x: one column, or (epoch, iteration) where the iteration starts again."""

    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """Name as a run reports it."""
        return NAMES.join(item.name for item in self.columns)

    def within(self, table: Table) -> Axis:
        """Take the columns from a merged table where it has them; the inner one of two alike."""
        merged = {item.name: item for item in table.columns}
        *outer, inner = self.columns
        kept = [one if one.name == inner.name else merged.get(one.name, one) for one in outer]
        return Axis((*kept, merged.get(inner.name, inner)))


def choose_x(material: Material, table: Table, metric: Column) -> Axis | None:
    """Pick x for a metric, from its own rows first; None where nothing counts."""
    own = table.without(metric)
    elsewhere = _together(item for _, item in material.contents.beside(table, _may_count))
    if material.asked.x is not None:
        everywhere = own + [item for _, item in material.columns()]
        return Axis(tuple(_named(material, everywhere)))
    candidates = own + elsewhere
    told = any(item.clock for item in own)  # a time is better than what comes first
    lead = None if told else table.columns[0]
    found = _best(own, candidates, metric, material, 0.0, table.writer, lead)
    if found and found[1] > as_x.X_EPOCH:
        return found[0]
    fetched = _best(elsewhere, candidates, metric, material, as_x.X_ELSEWHERE, table.writer)
    if found and fetched:
        if found[0].columns[:-1] and found[0].columns[0].name == fetched[0].columns[-1].name:
            return found[0]  # the same, but finer
        x = x_at(metric.rows, fetched[0].columns[-1], material.block)
        coarse = 1 - len(np.unique(x)) / len(x)
        fetched = fetched[0], fetched[1] + as_x.X_COARSE * coarse
    axis = max(filter(None, [found, fetched]), key=lambda one: one[1], default=(None, 0.0))[0]
    return axis or _time_line(material, table, metric)


def _together(counters: Iterable[Column]) -> list[Column]:
    """Put counters of one name together that count on, as in lines of several shapes."""
    groups: dict[str | Column, list[Column]] = {}
    for item in counters:
        groups.setdefault(item if item.implied else item.name, []).append(item)
    found: list[Column] = []
    for items in groups.values():
        if len(items) > 1:
            one = Column(items[0].name, partial(together, items))
            back = sum(np.count_nonzero(behaviour.restarts(item.values)) for item in items)
            items = [one] if np.count_nonzero(behaviour.restarts(one.values)) <= back else items
        found += items
    return found


def _named(material: Material, columns: list[Column]) -> Iterator[Column]:
    """Yield the columns that the user names as x; "epoch, step" are two, as a run reports them."""
    asked = material.asked.x or ""
    parts = asked.split(NAMES)
    told = {item.name for item in columns}
    for part in parts if len(parts) == PAIR and told.issuperset(parts) else [asked]:
        names = material.names_for("x", part)
        yield next(item for item in columns if item.name in names)


def _may_count(item: Column) -> bool:
    return as_x.x_points(item) > as_x.X_TIME


def _is_called_time(item: Column) -> bool:
    told = words(item.name)
    return told == ("time",) or (
        "time" in told and as_x.x_points(item) == as_x.X_TIME and behaviour.is_growing(item.values)
    )


def _time_line(material: Material, table: Table, metric: Column) -> Axis | None:
    """Take the time that a simulation tells on a line of its own before each block."""
    for other, item in material.contents.beside(table, _is_called_time):
        if all(behaviour.is_constant(one.values) for one in other.without(item)):
            x = x_at(metric.rows, item, material.block)
            if (
                len(x) > 1
                and np.isfinite(x).all()
                and not behaviour.is_constant(x)
                and np.mean(behaviour.restarts(x)) < behaviour.BACK_FEW
            ):
                return Axis((item,))
    return None


def _best(
    columns: list[Column],
    candidates: list[Column],
    metric: Column,
    material: Material,
    handicap: float,
    writer: Column | None,
    lead: Column | None = None,
) -> tuple[Axis, float] | None:
    """Pick x among columns; ``lead`` is the one that its rows begin with."""
    best: tuple[Axis, float] | None = None
    epochs: dict[Column, NDArray[np.float64]] | None = None
    for item, x in _worth(columns, metric, material, lead):
        outer = None
        if behaviour.restarts(x).any():
            epochs = _epochs(candidates, metric, material) if epochs is None else epochs
            outer = _outer(item, x, epochs)
        if not outer and as_x.x_points(item) and not item.implied:
            x = seen_by_one(columns, metric, x, writer)
        points = as_x.x_behaviour(item, x, first=item is lead) + handicap
        if outer and _is_inner(item, outer):
            points = max(points, as_x.x_points(outer) + as_x.X_DISTINCT + handicap)
        if not outer and not as_x.x_points(item) and behaviour.restarts(x).any():
            points += as_x.X_BACK
        if points <= (best[1] if best else as_x.X_LEAST - 1e-9):
            continue
        if outer:
            best = Axis((item,) if as_x.tells_runs(outer) else (outer, item)), points
        elif len(x) < 2 or np.mean(behaviour.restarts(x)) <= behaviour.BACK_FEW:
            best = Axis((item,)), points
    return best


def _is_inner(item: Column, outer: Column) -> bool:
    """Whether two counters are better than one: the outer one is no run, the inner no writer."""
    finer = as_x.x_points(item) >= as_x.x_points(outer)
    return (finer or as_x.counts_within(item)) and not as_x.tells_runs(outer)


def _worth(
    columns: list[Column], metric: Column, material: Material, lead: Column | None
) -> list[tuple[Column, NDArray[np.float64]]]:
    """Return the columns that may be x with what they are at the rows of the metric.

    There may be thousands, and each is compared with others. Those whose name counts are taken if
    they have the most rows, others if they count up from row to row.
    """
    rows, block = metric.rows, material.block
    columns = [item for item in columns if not as_rate.lr_points(item)]
    named = _fullest([item for item in columns if as_x.x_points(item)], COUNTERS)
    least = max(2, as_x.UP_LEAST * (len(rows) - 1))  # values that are unlike the one before
    found: list[tuple[Column, NDArray[np.float64]]] = []
    unnamed = 0
    for item in columns:
        if item in named:
            found.append((item, _x_in_time(rows, item, block)))
        elif len(item.rows) >= least and unnamed < COUNTERS and not as_x.x_points(item):
            x = _x_in_time(rows, item, block)
            if as_x.x_behaviour(item, x, first=item is lead) >= as_x.X_LEAST:
                found.append((item, x))
                unnamed += 1
    left = sum(as_x.x_points(item) > 0 for item in columns) - len(named)
    told = f"{left} more columns that may count were not looked at: name one with --x"
    if left and told not in material.warnings:
        material.warnings.append(told)
    return found


def _x_in_time(
    rows: NDArray[np.int64], item: Column, block: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Fetch x for each row; times in their order, where rows stand in another one."""
    x = x_at(rows, item, block)
    order = behaviour.in_time(x) if is_time(item) else None
    return x if order is None else x[order]


def is_time(item: Column) -> bool:
    """Whether a column is a time: told by a date, or by a name that is none of a counter."""
    counter = as_x.x_points(item) > as_x.X_TIME and not item.implied
    known = item.values[np.isfinite(item.values)]
    return item.clock or (not counter and behaviour.is_clock(known))


def _fullest(columns: list[Column], most: int) -> set[Column]:
    """Take the columns whose name tells most, and of these the ones with the most rows."""
    if len(columns) <= most:
        return set(columns)
    order = sorted(columns, key=lambda item: (-as_x.x_points(item), -len(item.rows)))
    return set(order[:most])


def _epochs(
    candidates: list[Column], metric: Column, material: Material
) -> dict[Column, NDArray[np.float64]]:
    """Return the columns that hardly ever go back: an epoch is among them, if there is one."""
    found: dict[Column, NDArray[np.float64]] = {}
    tried = _fullest(candidates, TRIED)
    for item in filter(tried.__contains__, candidates):
        x = x_at(metric.rows, item, material.block)
        if behaviour.is_whole(x) and np.mean(behaviour.restarts(x)) < behaviour.BACK_FEW:
            found[item] = x
        if len(found) == COUNTERS:
            break
    return found


def x_at(
    rows: NDArray[np.int64], item: Column, block: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Fetch x for each row; rows before the first x belong to it."""
    if not np.isfinite(item.values).all():
        known = np.isfinite(item.values)
        item = column(item.name, item.rows[known], item.values[known])
    if not len(item.rows):
        return np.full(len(rows), np.nan)
    if _comes_after(rows, item):
        return np.asarray(item.values[np.searchsorted(item.rows, rows, side="right")])
    x = fetch(rows, item, block)
    return np.where(np.isnan(x) & (rows < item.rows[0]), item.values[0], x)


def _comes_after(rows: NDArray[np.int64], item: Column) -> bool:
    """Whether a counter is printed after the rows that it counts: the log ends with it."""
    there = item.rows
    if len(there) < 2 or len(rows) <= len(there) or not rows[0] < there[0] < rows[-1] < there[-1]:
        return False
    return bool(np.all(np.diff(np.searchsorted(rows, there)) > 0))  # rows between any two


def _outer(
    inner: Column, x: NDArray[np.float64], epochs: dict[Column, NDArray[np.float64]]
) -> Column | None:
    """Find the epoch column that goes up where ``inner`` starts again."""
    if not np.isfinite(as_x.x_behaviour(inner, x)):
        return None
    back = behaviour.restarts(x)
    for item, epoch in epochs.items():
        if item is not inner and behaviour.is_epoch(epoch, back):
            return item
    return None


def goes_back(axis: Axis, metric: Column, block: NDArray[np.int64] | None) -> bool:
    """Whether x, which no name tells, often goes back."""
    item = axis.columns[-1]
    if len(axis.columns) > 1 or as_x.x_points(item) or is_time(item) or len(metric.rows) < 2:
        return False
    x = x_at(metric.rows, item, block)
    return bool(np.mean(behaviour.restarts(x)) > behaviour.BACK_FEW)


def count_along(
    axis: Axis, rows: NDArray[np.int64], block: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give x of each row, and the places where it goes back: another run starts there."""
    parts = [x_at(rows, item, block) for item in axis.columns]
    if len(parts) == 1:
        return parts[0], np.flatnonzero(behaviour.restarts(parts[0])) + 1
    epoch, inner = parts
    same_epoch = np.diff(epoch) == 0
    back = behaviour.restarts(epoch) | (same_epoch & behaviour.restarts(inner))
    starts = np.flatnonzero(back) + 1
    runs = np.split(np.arange(len(rows)), starts)
    return np.concatenate([_unroll(epoch[run] - epoch.min(), inner[run]) for run in runs]), starts


def _unroll(epoch: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Count on from the first epoch, where ``inner`` starts again in each."""
    step = np.diff(inner)
    step = step[step > 0]
    length: np.float64 = inner.max() - inner.min() + (np.median(step) if len(step) else 1.0)
    return np.asarray(epoch * length + inner, dtype=np.float64)
