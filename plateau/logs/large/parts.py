"""Logs that are read in parts: the first part tells which columns matter, all give their rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choosing.axis import Axis, x_at
from plateau.logs.choosing.by_words import lines_of
from plateau.logs.choosing.in_force import fetch
from plateau.logs.choosing.metrics import same, with_optional_fields, words_of
from plateau.logs.choosing.rates import choose_lr, of_runs
from plateau.logs.choosing.several_writers import name_of
from plateau.logs.columns import Column, Contents, Table, column
from plateau.logs.large.thinned import Gathering, Rows
from plateau.logs.model import LogError
from plateau.logs.names import as_rate, as_x
from plateau.logs.names.quantities import direction
from plateau.logs.text.shapes import LineTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from plateau.logs.choosing.asked import Material
    from plateau.logs.choosing.runs import Selection
    from plateau.logs.files.stream import Stream

    Told = Callable[[int, int | None], None]

PART = 8 << 20  # bytes read at a time
LONGEST = 64 << 20  # bytes of a line
NEAR = 1 << 16  # bytes at the end of a part in which a block of lines may end
RULE = re.compile(rb"(?<=\n)[^\w\n]*\n")  # an empty or a drawn line
MARKS = (b"\n", b"\r")
COUNTING = 4  # columns that count
RATE = ""  # what the learning rate is carried on under


def parts(stream: Stream, told: Told) -> Iterator[bytes]:
    """Yield a log in parts of whole lines.

    ``told`` hears how many bytes of the file were read, and how many it has.
    """
    left = b""
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
        self._series = [(Series(Wanted.of(one)), Gathering()) for one in selections]

    def add(self, material: Material) -> None:
        """Take the rows of a part."""
        for series, gathered in self._series:
            if rows := series.take(material):
                gathered.add(rows)

    @property
    def wanted(self) -> set[str]:
        """Names of the columns that matter."""
        return set().union(*(series.wanted.names for series, _ in self._series))

    def contents(self, kind: str) -> Contents:
        """Return the few columns that were gathered, as if nothing else had been in the log."""
        tables: list[Table] = []
        lines: list[NDArray[np.int64]] = []
        for series, gathered in self._series:
            rows = gathered.take()
            tables.append(series.table(rows, sum(map(len, lines))))
            lines.append(rows.lines)
        every = max(gathered.every for _, gathered in self._series)
        return Contents(kind, tables, np.concatenate(lines), every=every)


@dataclass(frozen=True)
class Wanted:
    """Names of the columns that make the runs of one table.

    Attributes
    ----------
    run : str or None
        Name of the run where the log keeps several apart by one.
    metric : str
    held_out : bool
        Of the metric.
    main : tuple of str
        The axis.
    counting : tuple of str
        The axis, and what else counts beside the metric: an epoch may matter later only.
    rate : str or None
        The learning rate.
    rates : tuple of str
        Learning rates beside the metric.
    writer : str or None
        What tells several writers apart.
    writer_name : str
        The name under which that is told.
    words : tuple of str
        The words that its number is in, where it has no column of its own.
    told : dict of str to int
        Numbers within the words of lines that are preferred.
    before : frozenset of str or None
        Words before the metric that tell its lines from those of other series.
    meaning : str
        What the name of the metric means beside all others of the log.
    """

    run: str | None
    metric: str
    held_out: bool
    main: tuple[str, ...]
    counting: tuple[str, ...]
    rate: str | None
    rates: tuple[str, ...]
    writer: str | None = None
    writer_name: str = ""
    words: tuple[str, ...] = ()
    told: dict[str, int] = field(default_factory=dict)
    before: frozenset[str] | None = None
    meaning: str = ""

    @classmethod
    def of(cls, selection: Selection) -> Wanted:
        """Take the names of the columns that were selected."""
        main = [item.name for item in selection.axis.columns] if selection.axis else []
        counting = list(main)
        for item in selection.table.without(selection.metric):
            if as_x.x_points(item) > as_x.X_TIME and item.name not in counting:
                counting.append(item.name)
        return cls(
            selection.table.run,
            selection.metric.name,
            selection.metric.held_out,
            tuple(main),
            tuple(counting[:COUNTING]),
            selection.rate[1].name if selection.rate else None,
            tuple(item.name for item in selection.table.columns if as_rate.lr_points(item)),
            selection.writer.name if selection.writer else None,
            name_of(selection.writer) if selection.writer else "",
            words_of(selection.table),
            selection.told,
            selection.table.before,
            selection.metric.meaning,
        )

    @property
    def names(self) -> set[str]:
        """Names of the metric, of what counts, of learning rates and of the writer."""
        rates = [self.rate] if self.rate else self.rates
        writer = [] if self.writer is None else [self.writer]
        return {self.metric, *self.counting, *rates, *writer}

    def is_metric(self, item: Column) -> bool:
        """Whether a column is the metric."""
        return item.name == self.metric and item.held_out == self.held_out


class Series:
    """One metric of one run, part by part.

    Parameters
    ----------
    wanted : Wanted
        Its columns.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.rate = wanted.rate
        """Name of the learning rate, which may come later than the metric."""
        self.carried: dict[str, float] = {}
        """What counts and the learning rate, as they were at the end of the last part."""
        self.late: str | None = None
        """Name of one that came only once so far: that in a list of settings comes no more."""
        self.renamed = False
        """Whether it was another before, and no row came since."""

    def take(self, material: Material) -> Rows | None:
        """Give the rows of the next part; None where the metric is not in it."""
        tables = self._own_tables(material)
        found = [(t, item) for t in tables for item in t.columns if self.wanted.is_metric(item)]
        rows = None
        if found:
            own = max(found, key=lambda one: self._fitness(one[0]))
            rows = self._rows(material, tables, *own)
        elif self.rate is None:
            nothing = np.empty(0)
            metric = column(self.wanted.metric, nothing.astype(np.int64), nothing)
            self._find_rate(material, Table([], 0, self.wanted.run), metric)
        for name in self.wanted.counting:
            self._carry(tables, name, name)
        if rate := self.rate or self.late:
            self._carry(tables, rate, RATE)
        return rows

    def _own_tables(self, material: Material) -> list[Table]:
        if self.wanted.before is None:
            return [table for table in material.tables if table.run == self.wanted.run]
        nothing = np.empty(0)
        metric = Column(
            self.wanted.metric,
            lambda: (nothing.astype(np.int64), nothing),
            held_out=self.wanted.held_out,
        )
        return lines_of(material.tables, metric, self.wanted.run, self.wanted.before)

    def _fitness(self, table: Table) -> tuple[bool, bool, int]:
        """Tell how well a table does as the main one of a part."""
        names, told = self.wanted.counting, self.wanted.told.items()
        own = isinstance(table, LineTable) and told <= table.told.items()
        return own, set(names) <= {item.name for item in table.columns}, table.size

    def _carry(self, tables: list[Table], name: str, under: str) -> None:
        """Keep the last value of a name for the next part."""
        last = [t for table in tables for t in table.columns if t.name == name and len(t.rows)]
        if last:
            self.carried[under] = float(max(last, key=lambda t: t.rows[-1]).values[-1])

    def _find_rate(
        self, material: Material, table: Table, metric: Column
    ) -> tuple[Table, Column] | None:
        """Find a learning rate that comes later than the metric."""
        found = choose_lr(material, table, metric)
        if found:
            name = found[1].name
            if name == self.late or len(found[1].rows) > 1:
                self.rate = name
            self.renamed = self.renamed or self.late not in (None, name)
            self.late = name
        return found

    def table(self, rows: Rows, first: int) -> Table:
        """Make a table of rows, counted from ``first``."""
        at = np.arange(first, first + len(rows.values))
        metric = column(self.wanted.metric, at, rows.values)
        if self.wanted.meaning != metric.name:  # the columns that told it are left out
            metric.mode = direction(self.wanted.meaning, rows.values)
        columns = [metric]
        named = [*zip(self.wanted.counting, rows.x, strict=True)]
        named += [(self.rate, rows.lr)] if self.rate else []
        for name, values in named:
            known = slice(None) if not np.isnan(values).any() else ~np.isnan(values)
            if len(values[known]):
                columns.append(column(name, at[known], values[known]))
        writer = None
        if self.wanted.writer is not None and rows.writers is not None:
            writer = column(self.wanted.writer_name, at, rows.writers)
            columns = [*(one for one in columns if one.name != self.wanted.writer), writer]
        return Table(columns, len(at), self.wanted.run, sparse=True, writer=writer)

    def _rows(self, material: Material, tables: list[Table], table: Table, metric: Column) -> Rows:
        """Rows of the metric in one part, with x and learning rate in force."""
        axis = [_named(table, tables, name) for name in self.wanted.counting]
        main = tuple(item for item in axis[: len(self.wanted.main)] if item is not None)
        words = self.wanted.words
        table = with_optional_fields(material, table, metric, Axis(main) if main else None, words)
        metric = next(item for item in table.columns if same(item, metric))
        own = {item.name: item for item in table.columns}
        x = [
            self._in_force(metric, own.get(name, item), name, material)
            for name, item in zip(self.wanted.counting, axis, strict=True)
        ]
        lr = self._rates(material, tables, table, metric, x, Axis(main))
        lines = material.numbers[metric.rows].copy()
        return Rows(metric.values.copy(), x, lr, lines, self._writers(table, metric))

    def _writers(self, table: Table, metric: Column) -> NDArray[np.float64] | None:
        """Return who wrote each row, NaN where that is not told."""
        if self.wanted.writer is None:
            return None
        own = [table.writer] if table.writer else table.without(metric)
        writers = np.full(len(metric.rows), np.nan)
        for item in own:
            if item.name == self.wanted.writer and len(item.rows):
                at = np.searchsorted(item.rows, metric.rows).clip(max=len(item.rows) - 1)
                there = item.rows[at] == metric.rows
                writers[there] = item.values[at[there]]
        return writers

    def _in_force(
        self, metric: Column, item: Column | None, name: str, material: Material
    ) -> NDArray[np.float64]:
        """X of each row; what was in force at the end of the last part holds up to the first."""
        before = self.carried.get(name, np.nan)
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
        rate: tuple[Table, Column] | None = None
        if self.rate is None:
            rate = self._find_rate(material, table, metric)
        elif item := _named(table, tables, self.rate):
            rate = next((t, item) for t in (table, *tables) if item in t.columns)
        lr = np.full(len(metric.rows), self.carried.get(RATE, np.nan))
        if rate:
            every = [np.arange(len(lr))]
            at = x[0] if x else np.arange(len(lr), dtype=np.float64)
            found = of_runs(material, rate, metric.rows, at, axis, every)[0]
            found = np.full(len(lr), np.nan) if found is None else found
            lr = np.where(np.isnan(found), lr, found)
            begins = np.flatnonzero(~np.isnan(found))
        else:
            begins = np.arange(len(lr))
        if self.renamed and len(begins):
            lr[begins[0]] = np.nan  # one name's rate does not step to another's
            self.renamed = False
        return lr


def _named(table: Table, tables: list[Table], name: str) -> Column | None:
    """Find a column by its name, in the metric's own table first."""
    for other in (table, *tables):
        for item in other.columns:
            if item.name == name and len(item.rows):
                return item
    return None
