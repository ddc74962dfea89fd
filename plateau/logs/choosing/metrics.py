"""Find the metric's column, and the tables that hold it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import behaviour
from plateau.logs.choosing.asked import listed
from plateau.logs.choosing.axis import COUNTERS, count_along, x_at
from plateau.logs.choosing.several_writers import take_turns
from plateau.logs.columns import Column, Table, column, together
from plateau.logs.model import NoSeriesError
from plateau.logs.names import as_metric, as_rate, as_x, quantities
from plateau.logs.names.meanings import tell_meanings
from plateau.logs.names.words import words
from plateau.logs.text.shapes import LineTable
from plateau.logs.text.slots import counts

if TYPE_CHECKING:
    from plateau.logs.choosing.asked import Material
    from plateau.logs.choosing.axis import Axis

SIDE_BY_SIDE = " - "  # "run name - metric", as experiment trackers export several runs
MEASURED_FEW = 2  # rows of a measurement in a table
MEASURED_LEAST, VARIED = 16, 0.5  # rows, and share of different values among them
ALIKE = 0.1  # of the rows that lines of another shape may have more, or fewer
LETTERS = 4  # columns of a table among which a single letter says nothing
RUNS_MOST, SHARED_MOST = 2048, 64  # runs side by side, and columns that all of them have
LEAST_STEPS, SEVERAL = 4, 1.5  # rows of a whole; of its parts for each of them
PARTS_NEAR = 2.0  # points within which a metric of the whole is better than one of its parts
OTHER_PARTS = 0.5  # different parts in a log, at most, for each of their rows
EQUALS = 4  # metrics at most that are as good as each other
WORDS = 8  # that may tell the writers of lines apart
SHAPES = 128  # of lines with the metric that are compared, of which each may repeat all others
NODES = 1000  # "node2.gpu1" is writer 2001
TWINS = 0.4  # of the places where two line shapes meet at the same x: they repeat each other, and
# of a row of each at every x hardly half the places are within x, the others between two


@dataclass
class Candidate:
    """A column and how well it does as the metric."""

    table: Table
    column: Column
    points: float


def choose_metrics(material: Material) -> list[Candidate]:
    """Pick the metric; others follow that are as good and stand in the same table."""
    candidates = ranked(material)
    if not candidates:
        raise NoSeriesError(f"{material.path}: no series of numbers found")
    best = candidates[0]
    if material.asked.metric is None and best.points < 0 and not _is_best_told(candidates):
        return [_measured(material, candidates)]
    chosen = [best, *(one for one in candidates[1:] if _is_equal(one, best))]
    chosen = [
        one
        for index, one in enumerate(chosen)
        if not any(same(one.column, other.column) for other in chosen[:index])
    ]
    if material.asked.metric is None:
        _tell_unknown(material, candidates, chosen)
    return chosen[:EQUALS]


def _is_best_told(candidates: list[Candidate]) -> bool:
    """Whether the name of the best is that of a metric, such as the best error so far."""
    best = candidates[0]
    varies = len(best.column.rows) >= MEASURED_FEW and not behaviour.is_constant(best.column.values)
    return varies and best.points > as_metric.NOT_LR and as_metric.is_metric(best.column)


def _tell_unknown(material: Material, candidates: list[Candidate], chosen: list[Candidate]) -> None:
    """Warn of a metric that says nothing, where a text or other columns leave it open."""
    best, taken = chosen[0], {one.column.name for one in chosen}
    others = listed(
        one.column.name
        for one in candidates
        if one.column.name not in taken and not as_x.x_points(one.column)
    )
    open_ = bool(others) or len(chosen) > 1 or not best.table.sparse
    letter = len(best.column.meaning) == 1 and len(best.table.columns) > LETTERS
    if best.column.name and open_ and (letter or _says_nothing(chosen)):
        more = f"; --metric could also name {others}" if others else ""
        material.warnings.append(f"unsure: {best.column.name!r} is no name of a metric{more}")
    elif others and behaviour.is_constant(best.column.values):
        more = f"--metric could name {others}"
        material.warnings.append(f"unsure: {best.column.name!r} never changes; {more}")


def _says_nothing(chosen: list[Candidate]) -> bool:
    """Whether the name of the best is unknown, or that of one measurement among others."""
    best = chosen[0].column
    kinds = {as_metric.measured(one.column) for one in chosen}
    return as_metric.is_unknown(best) and (frozenset() in kinds or len(kinds) > 1)


@np.errstate(over="ignore", invalid="ignore")  # differences may be larger than any number
def ranked(material: Material) -> list[Candidate]:
    """All columns that could be the metric, the best first."""
    columns = list(material.columns())
    if material.asked.metric is not None:
        names = material.names_for("metric", material.asked.metric)
        columns = [(table, item) for table, item in columns if item.name in names]
    tell_meanings(item for _, item in material.columns())
    training = as_metric.is_training(item for _, item in material.columns())
    rows: Counter[tuple[str, bool]] = Counter()
    for table, item in columns:
        rows[item.name, item.held_out] += _size(table, item)
    worth = [
        min(
            as_metric.metric_points(item, training=training),
            np.inf if _is_told(table) else as_metric.LONELY,
        )
        for table, item in columns
    ]
    telling = [
        item for (_, item), points in zip(columns, worth, strict=True) if points > as_metric.NOT_LR
    ]
    longest = max((rows[item.name, item.held_out] for item in telling), default=0)
    longest = longest or max(rows.values(), default=1)
    best, candidates = -np.inf, []
    counting: dict[int, int] = {}
    for (table, item), named in zip(columns, worth, strict=True):
        count, size = rows[item.name, item.held_out], _size(table, item)
        if not size:
            continue
        points = (
            named
            + as_metric.OWN_X * _has_own_x(table, item, counting)
            + as_metric.ROWS * min(np.log10(count / longest), 0.0)
            + as_metric.SHARE * np.log10(size / count)
        )
        # Looking at the numbers takes time: only where it matters.
        unknown = as_metric.is_unknown(item)
        if not training and points >= best and as_metric.counts_errors(item):
            points += quantities.COUNTED_ERRORS - named
        if points >= best and _counts_up(item, named, unknown=unknown):
            points += quantities.NOT_IT
        elif points >= best and behaviour.is_constant(item.values):
            points += as_metric.CONSTANT
        elif points >= best and as_metric.adds_up(item):
            points += as_metric.GROWING
        best = max(best, points)
        candidates.append(Candidate(table, item, float(points)))
    candidates = _without_details(sorted(candidates, key=lambda one: -one.points))
    return _as_they_stand(candidates)


def _without_details(candidates: list[Candidate]) -> list[Candidate]:
    """Put a metric of the whole before the same one of its parts, which an id tells apart.

    A program may list its parts in each step ("ID 1 fitness 3.1"), and say once how all do. Parts
    that are the same in each step ("State 1 error 0.1") come after any metric that is nearly as
    good.
    """
    for best in candidates[:1]:
        keys = [item for item in best.table.columns if _is_key(item)]
        same_parts = [item for item in best.table.columns if _starts_again(item)]
        told = {word for word in words(best.column.name) if quantities.metric_word(word)}
        for one in candidates[1:] if (keys or same_parts) and told else ():
            if one.table is best.table or one.points <= 0:
                continue
            of_it = not told.isdisjoint(words(one.column.name))
            near = best.points - one.points < PARTS_NEAR and as_metric.is_metric(one.column)
            if (of_it and _parts(keys, one.column)) or (near and _parts(same_parts, one.column)):
                parts = [other for other in candidates if other.table is best.table]
                return [other for other in candidates if other.table is not best.table] + [
                    replace(other, points=min(other.points, one.points - as_metric.OWN_X))
                    for other in parts
                ]
    return candidates


def _starts_again(item: Column) -> bool:
    """Whether a column numbers the same parts again and again, and is no step."""
    if as_x.x_points(item) or item.implied or not behaviour.is_whole(item.values):
        return False
    parts = len(np.unique(item.values))
    again = item.values[parts:] == item.values[:-parts]
    return 1 < parts < len(item.values) and bool(again.all())


def _is_key(item: Column) -> bool:
    return as_metric.CODES.issuperset(words(item.name)) and behaviour.is_whole(item.values)


def _parts(keys: list[Column], whole: Column) -> bool:
    """Whether several rows, told apart by a key, come with each row of a column."""
    if len(whole.rows) < LEAST_STEPS:
        return False
    for key in keys:
        step = np.searchsorted(whole.rows, key.rows)
        told = len(np.unique(np.column_stack([step, key.values]), axis=0)) == len(step)
        again = len(np.unique(key.values)) <= OTHER_PARTS * len(key.values)
        if told and again and len(step) >= SEVERAL * len(whole.rows):
            return True
    return False


def _counts_up(item: Column, named: float, *, unknown: bool) -> bool:
    """Whether numbers count, or are a clock, whatever their name."""
    if unknown:
        return as_x.is_axis(item)
    clock = named == quantities.DURATION and as_metric.tells_time(item)
    sum_ = named == quantities.SERVICE and not as_x.SUMS.isdisjoint(words(item.name))  # "total ops"
    return behaviour.is_growing(item.values) if clock or sum_ else behaviour.is_tally(item.values)


def _as_they_stand(candidates: list[Candidate]) -> list[Candidate]:
    """Put those that are nearly as good as the best in the order of their table."""
    equal = [_is_equal(one, candidates[0]) for one in candidates]
    pairs = list(zip(candidates, equal, strict=True))
    own = [one for one, is_equal in pairs if is_equal and one.table is candidates[0].table]
    if own:
        order = {id(item): index for index, item in enumerate(own[0].table.columns)}
        own.sort(key=lambda one: order[id(one.column)])
    beside = [one for one, is_equal in pairs if is_equal and one.table is not candidates[0].table]
    return own + beside + [one for one, is_equal in pairs if not is_equal]


def _has_own_x(table: Table, item: Column, counting: dict[int, int]) -> bool:
    """Whether another column of a table counts; ``counting`` remembers how many of each do."""
    if id(table) not in counting:
        counting[id(table)] = sum(map(_may_be_x, table.columns))
    return counting[id(table)] > _may_be_x(item)


def _may_be_x(item: Column) -> bool:
    return as_x.x_points(item) > 0 and item.name not in as_metric.UNITS_OF_TIME


def _is_told(table: Table) -> bool:
    """Whether rows name other numbers than their counter."""
    told = (
        item.name and not as_x.COLUMN_NUMBER.fullmatch(item.name)
        for item in table.columns
        if not item.implied
    )
    return table.sparse or any(told)


def _is_equal(one: Candidate, best: Candidate) -> bool:
    """Whether a column is another metric of the same rows, and no worse."""
    beside = SIDE_BY_SIDE in one.column.name  # another run
    near = best.points - one.points < as_metric.NEAR
    return near and not beside and (one.table is best.table or _go_alike(one, best))


def _go_alike(one: Candidate, best: Candidate) -> bool:
    """Whether lines of another shape, as many, tell the same of something else."""
    lines, others = best.table, one.table
    return (
        isinstance(lines, LineTable)
        and isinstance(others, LineTable)
        and others.run == lines.run
        and one.column.name != best.column.name
        and len(lines.columns) == len(others.columns)
        and abs(lines.size - others.size) <= ALIKE * lines.size
    )


def _measured(material: Material, candidates: list[Candidate]) -> Candidate:
    """Take a column that varies, from enough rows that something counts: a measurement."""
    there = listed(one.column.name for one in candidates)
    for one in candidates:
        settled = as_x.is_axis(one.column) or len(one.column.rows) < MEASURED_FEW
        if (one.table.sparse and not settled) or _varies(one):
            material.warnings.append(
                f"unsure: no column looks like a metric; took {one.column.name!r} out of {there}"
            )
            return one
    raise NoSeriesError(f"{material.path}: no column looks like a metric; name one of {there}")


def _varies(one: Candidate) -> bool:
    values = one.column.values
    varied = len(values) >= MEASURED_LEAST and len(np.unique(values)) > VARIED * len(values)
    if not varied or as_x.is_axis(one.column) or as_rate.lr_points(one.column):
        return False
    return not behaviour.is_whole(values) or any(map(_counts, one.table.without(one.column)))


def _counts(item: Column) -> bool:
    values = item.values
    return behaviour.is_whole(values) and len(values) > 1 and bool(np.all(np.diff(values) > 0))


def _size(table: Table, item: Column) -> int:
    """Count a column's rows; those of a text table are full and need no conversion for this."""
    return len(item.rows) if table.sparse else table.size


def by_run(material: Material, table: Table, metric: Column) -> list[tuple[Table, Column]]:
    """Take runs apart that stand side by side in one table, or that a column names."""
    _, dash, suffix = metric.name.rpartition(SIDE_BY_SIDE)
    beside = [
        item
        for item in table.columns
        if dash and item.name.rpartition(SIDE_BY_SIDE)[1:] == (dash, suffix)
    ]
    if len(beside) > RUNS_MOST:
        left = len(beside) - RUNS_MOST
        material.warnings.append(
            f"{left} more runs side by side were left out: name one by --metric"
        )
        beside = beside[:RUNS_MOST]
    if len(beside) > 1:
        shared = [item for item in table.columns if SIDE_BY_SIDE not in item.name]
        if len(shared) > SHARED_MOST:  # of each run they are looked at
            shared = [item for item in shared if as_x.x_points(item) or as_rate.lr_points(item)]
            shared = shared[:COUNTERS]
        names = [item.name.rpartition(SIDE_BY_SIDE)[0] for item in beside]
        return [
            (Table([item, *shared], table.size, name, table.sparse), item)
            for name, item in zip(names, beside, strict=True)
        ]
    named: dict[str, tuple[Table, Column]] = {}
    for other, item in material.columns():
        if other.run is not None and same(item, metric) and len(item.rows):
            known = named.get(other.run)
            if not known or len(item.rows) > len(known[1].rows):  # of lines the commonest shape
                named[other.run] = other, item
    return [*named.values()] or [(table, metric)]


def same(one: Column, other: Column) -> bool:
    """Whether two tables hold the same series."""
    return one.name == other.name and one.held_out == other.held_out


def with_optional_fields(
    material: Material,
    table: Table,
    metric: Column,
    axis: Axis | None,
    words: tuple[str, ...] | None = None,
) -> Table:
    """Add the rows of lines that have the metric and x too, but more or fewer other fields.

    Several writers are told apart by the numbers in ``words``: by those that do so where it is
    None, not at all where it is empty.
    """
    if table.sparse:
        return table
    own = {item.name for item in table.columns}
    needed = {item.name for item in axis.columns} & own if axis else set()
    others = [
        fitting
        for other in material.tables
        if other is not table
        and other.run == table.run
        and any(same(item, metric) for item in other.columns)
        and (fitting := fitted(other, needed, table))
        and all(_goes_on(table, other, name) for name in needed)
    ]
    lines = [one for one in (table, *others) if isinstance(one, LineTable)]
    if words and any(set(words) <= one.told.keys() for one in lines):
        return _parted(lines, words)
    if axis and words is None:
        found = _of_writers(material, lines, metric, axis) if table in lines else None
        if found:
            return found
    joined = [table]
    left: list[Table] = []
    tried = set(sorted(others, key=lambda other: -other.size)[:SHAPES])
    for other in others:
        twin = axis and other in tried and _twins(material, joined, other, metric, axis)
        (left if twin else joined).append(other)
    _tell_left(material, table, left)
    return merge(joined) if len(joined) > 1 else table


def fitted(table: Table, needed: set[str], main: Table) -> Table | None:
    """Give a table columns of these names, as the main one has; None where it lacks one.

    "new best epoch 7" counts on from "epoch 6".
    """
    own = {item.name: item for item in table.columns}
    theirs = {item.name: item for item in main.columns}
    names: dict[str, str] = {}
    for name in needed - own.keys():
        alike = [
            other
            for other, item in own.items()
            if counts(name) and last_word(other) == last_word(name) and not item.implied
        ]
        if len(alike) != 1 or not _count_on(theirs[name], own[alike[0]]):
            return None
        names[alike[0]] = name
    if not names:
        return table
    columns = [
        column_named(item, names[item.name]) if item.name in names else item
        for item in table.columns
    ]
    return replace(table, columns=columns)


def _goes_on(table: Table, other: Table, name: str) -> bool:
    """Whether x counts on in lines of another shape, where only its numbers say that it is x."""
    one, another = (
        next((item for item in each.columns if item.name == name), None) for each in (table, other)
    )
    if one is None or another is None or as_x.x_points(one):
        return True
    return _count_on(one, another)


def _count_on(one: Column, other: Column) -> bool:
    """Whether two counters are one, which does not go back more often than these do."""
    _, both = together([one, other])
    back = [np.count_nonzero(behaviour.restarts(x)) for x in (one.values, other.values, both)]
    return bool(back[2] <= back[0] + back[1])


def last_word(name: str) -> str:
    """Return the last word of a name, which says what a counter counts."""
    return (words(name) or ("",))[-1]


def column_named(item: Column, name: str) -> Column:
    """Give a column another name."""
    return Column(
        name, lambda: (item.rows, item.values), held_out=item.held_out, implied=item.implied
    )


def _of_writers(
    material: Material, lines: list[LineTable], metric: Column, axis: Axis
) -> Table | None:
    """Put the lines of several writers together, whose numbers are in a word: "[rank0]"."""
    varied = tuple(word for word in lines[0].told if len({one.told.get(word) for one in lines}) > 1)
    varied = varied[:WORDS]
    for told in dict.fromkeys([*((word,) for word in varied), varied]):
        merged = _parted(lines, told) if told else None
        if not merged or not merged.writer:
            continue
        own = next(item for item in merged.columns if same(item, metric))
        x, _ = count_along(axis.within(merged), own.rows, material.block)
        if take_turns(merged.writer.values, x):
            return merged
    return None


def _parted(lines: list[LineTable], words: tuple[str, ...]) -> Table:
    """Put lines together that have a number in each of these words: it tells their writer."""
    kept = [one for one in lines if all(word in one.told for word in words)]
    numbers = [
        sum(one.told[word] * NODES**place for place, word in enumerate(reversed(words)))
        for one in kept
    ]
    beside = [_constant(one.columns[0], n) for one, n in zip(kept, numbers, strict=True)]
    writer = Column(" ".join(words), partial(together, beside))
    merged = merge(list(kept))
    return replace(merged, columns=[*merged.columns, writer], writer=writer)


def words_of(table: Table) -> tuple[str, ...]:
    """Return the words whose numbers tell the writers of a table apart."""
    return tuple(table.writer.name.split(" ")) if table.writer else ()


def _tell_left(material: Material, table: Table, left: list[Table]) -> None:
    """Warn of lines that another writer wrote too rarely to make a run of them."""
    for word, own in table.told.items() if isinstance(table, LineTable) else ():
        told = [other.told.get(word, own) for other in left if isinstance(other, LineTable)]
        others = sorted({number for number in told if number != own})
        if others:
            what = f"{word} {', '.join(map(str, others))}"
            said = f"lines of {what} repeat those of {word} {own}: left out"
            if said not in material.warnings:  # of another part of the log
                material.warnings.append(said)
            return


def _constant(beside: Column, value: float) -> Column:
    return column(beside.name, beside.rows, np.full(len(beside.rows), float(value)))


def _twins(
    material: Material, tables: list[Table], other: Table, metric: Column, axis: Axis
) -> bool:
    """Whether the other lines repeat the same x: those of a second process, or a second field."""
    inner = axis.columns[-1]
    found = [[item for item in table.columns if same(item, metric)] for table in [*tables, other]]
    rows = np.concatenate([items[0].rows for items in found])
    order = np.argsort(rows, kind="stable")
    own = [item for table in [*tables, other] for item in table.columns if item.name == inner.name]
    if len(own) == len(found) and sum(len(item.rows) for item in own) == len(rows):
        x = np.concatenate([item.values for item in own])[order]
    elif own:
        return False
    else:
        x = x_at(rows[order], inner, material.block)
        if len(np.unique(x)) < TWINS * len(found[-1][0].rows):  # several lines to each x
            return False
    theirs = (np.arange(len(rows)) >= len(rows) - len(found[-1][0].rows))[order]
    met = theirs[1:] != theirs[:-1]
    return bool(met.any() and np.mean((x[1:] == x[:-1])[met]) > TWINS)


def merge(tables: list[Table]) -> Table:
    """Put the rows of tables together, in the order of the log."""
    groups: dict[tuple[str, bool], list[Column]] = {}
    for table in tables:
        for item in table.columns:
            groups.setdefault((item.name, item.held_out), []).append(item)
    columns = [_merged(items) for items in groups.values()]
    return Table(columns, sum(table.size for table in tables), tables[0].run)


def _merged(items: list[Column]) -> Column:
    first = items[0]
    merged = Column(
        first.name, partial(together, items), held_out=first.held_out, implied=first.implied
    )
    merged.meaning = first.meaning
    return merged
