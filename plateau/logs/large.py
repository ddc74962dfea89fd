"""Logs that are read in parts: the first part tells which columns matter, all give their rows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import choose
from plateau.logs.axis import Axis, x_at
from plateau.logs.columns import Table, column
from plateau.logs.contents import Contents
from plateau.logs.gather import Gathered, Rows
from plateau.logs.join import fetch
from plateau.logs.metrics import same, with_optional_fields
from plateau.logs.model import LogError
from plateau.logs.rates import choose_lr, of_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from plateau.logs.assemble import Selection
    from plateau.logs.columns import Column
    from plateau.logs.material import Material
    from plateau.logs.opening import Stream

    Told = Callable[[int, int | None], None]

PART = 8 << 20  # bytes read at a time
LONGEST = 64 << 20  # bytes of a line
NEAR = 1 << 16  # bytes at the end of a part in which a block of lines may end
RULE = re.compile(rb"(?<=\n)[^\w\n]*\n")  # an empty or a drawn line
MARKS = (b"\n", b"\r")
COUNTING = 4  # columns that count
RATE = ""  # what the learning rate is carried on under


def parts(stream: Stream, head: bytes, told: Told) -> Iterator[bytes]:
    """Yield a log in parts of whole lines.

    ``told`` hears how many bytes of the file were read, and how many it has.
    """
    left = head
    while left or not stream.ended:
        if len(left) < PART and not stream.ended:
            left += stream.read(PART)
            told(stream.taken, stream.size)
        end = _end_of_lines(left, last=stream.ended)
        if not end and len(left) > LONGEST:
            raise LogError(f"{stream.path}: a line is longer than {LONGEST >> 20} MiB")
        if not end:
            left += stream.read(PART)
            continue
        yield left[:end]
        left = left[end:]


def _end_of_lines(data: bytes, *, last: bool) -> int:
    """Where the lines end that make one part: between two blocks of lines if that can be."""
    if last and len(data) <= PART:
        return len(data)
    near = max(PART - NEAR, 0)
    rules = [match.end() for match in RULE.finditer(data, near, PART)]
    for end in (*rules[-1:], *(data.rfind(mark, 0, PART) + 1 for mark in MARKS)):
        if end:
            return end
    return len(data) if last else 0


class Parts:
    """What all parts of a log give together.

    Parameters
    ----------
    selections : list of Selection
        The columns that the first part was found to hold.
    """

    def __init__(self, selections: list[Selection]) -> None:
        self._series = [_Series(selection) for selection in selections]
        self._line = 0

    def add(self, material: Material, lines: int) -> None:
        """Take the rows of a part that has so many lines."""
        for series in self._series:
            series.add(material, self._line)
        self._line += lines

    @property
    def wanted(self) -> set[str]:
        """Names of the columns that matter."""
        return set().union(*(series.wanted for series in self._series))

    def contents(self, kind: str) -> Contents:
        """Return the few columns that were gathered, as if nothing else had been in the log."""
        tables: list[Table] = []
        lines: list[NDArray[np.int64]] = []
        for series in self._series:
            rows = series.gathered.take()
            tables.append(series.table(rows, sum(map(len, lines))))
            lines.append(rows.lines)
        every = max(series.gathered.every for series in self._series)
        return Contents(kind, tables, np.concatenate(lines), every=every)


class _Series:
    """One metric of one run, part by part."""

    def __init__(self, like: Selection) -> None:
        self.gathered = Gathered()
        self._like = like
        self._x_names = _counting(like)
        self._rate = like.rate[1].name if like.rate else None
        self._carried: dict[str, float] = {}

    @property
    def wanted(self) -> set[str]:
        """Names of the metric, of what counts and of learning rates."""
        rates = {item.name for item in self._like.table.columns if choose.lr_points(item)}
        named = {self._rate} if self._rate else rates
        return {self._like.metric.name, *self._x_names, *named}

    def add(self, material: Material, line: int) -> None:
        """Add the rows of a part that begins behind a line of the log."""
        tables = [table for table in material.tables if table.run == self._like.table.run]
        found = [(t, item) for t in tables for item in t.columns if same(item, self._like.metric)]
        if found:
            own = max(found, key=lambda one: (_holds(one[0], self._x_names), one[0].size))
            rows = self._rows(material, tables, *own)
            rows.lines += line
            self.gathered.add(rows)
        for name in self._x_names:
            last = [t for table in tables for t in table.columns if t.name == name and len(t.rows)]
            if last:
                self._carried[name] = float(max(last, key=lambda t: t.rows[-1]).values[-1])

    def table(self, rows: Rows, first: int) -> Table:
        """Make a table of the gathered rows, counted from ``first``."""
        at = np.arange(first, first + len(rows.values))
        columns = [column(self._like.metric.name, at, rows.values)]
        named = [*zip(self._x_names, rows.x, strict=True)]
        named += [(self._rate, rows.lr)] if self._rate else []
        for name, values in named:
            known = slice(None) if not np.isnan(values).any() else ~np.isnan(values)
            if len(values[known]):
                columns.append(column(name, at[known], values[known]))
        return Table(columns, len(at), self._like.table.run, sparse=True)

    def _rows(self, material: Material, tables: list[Table], table: Table, metric: Column) -> Rows:
        """Rows of the metric in one part, with x and learning rate in force."""
        axis = [_named(table, tables, name) for name in self._x_names]
        main = tuple(item for item in axis[: len(_main(self._like))] if item is not None)
        table = with_optional_fields(material, table, metric, Axis(main) if main else None)
        metric = next(item for item in table.columns if same(item, metric))
        own = {item.name: item for item in table.columns}
        x = [
            self._in_force(metric, own.get(name, item), name, material)
            for name, item in zip(self._x_names, axis, strict=True)
        ]
        lr = self._rates(material, tables, table, metric, x, Axis(main))
        return Rows(metric.values.copy(), x, lr, material.numbers[metric.rows].copy())

    def _in_force(
        self, metric: Column, item: Column | None, name: str, material: Material
    ) -> NDArray[np.float64]:
        """X of each row; what was in force at the end of the last part holds up to the first."""
        before = self._carried.get(name, np.nan)
        if item is None or not len(item.rows):
            return np.full(len(metric.rows), before)
        x = x_at(metric.rows, item, material.block)
        early = np.isnan(fetch(metric.rows, item, material.block)) & (metric.rows < item.rows[0])
        return np.where(early & (not np.isnan(before)), before, x)

    def _rates(
        self,
        material: Material,
        tables: list[Table],
        table: Table,
        metric: Column,
        x: list[NDArray[np.float64]],
        axis: Axis,
    ) -> NDArray[np.float64]:
        """Learning rate in force at each row, NaN before the first."""
        rate = None
        if self._rate is None:
            rate = choose_lr(material, table, metric)
            self._rate = rate[1].name if rate else None
        elif item := _named(table, tables, self._rate):
            rate = next((t, item) for t in (table, *tables) if item in t.columns)
        lr = np.full(len(metric.rows), self._carried.get(RATE, np.nan))
        if rate:
            every = [np.arange(len(lr))]
            at = x[0] if x else np.arange(len(lr), dtype=np.float64)
            found = of_runs(material, rate, metric.rows, at, axis, every)[0]
            lr = lr if found is None else np.where(np.isnan(found), lr, found)
            self._carried[RATE] = float(rate[1].values[-1])
        return lr


def _main(like: Selection) -> list[str]:
    return [item.name for item in like.axis.columns] if like.axis else []


def _counting(like: Selection) -> list[str]:
    """Names of x, and of what else counts beside the metric: an epoch may matter later only."""
    names = _main(like)
    for item in like.table.without(like.metric):
        if choose.x_points(item) > choose.X_TIME and item.name not in names:
            names.append(item.name)
    return names[:COUNTING]


def _holds(table: Table, names: list[str]) -> bool:
    return set(names) <= {item.name for item in table.columns}


def _named(table: Table, tables: list[Table], name: str) -> Column | None:
    """Find a column by its name, in the metric's own table first."""
    for other in (table, *tables):
        for item in other.columns:
            if item.name == name and len(item.rows):
                return item
    return None
