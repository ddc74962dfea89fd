"""The common form of all readers: tables of named columns, each value tied to its row.

A row is an index into the lines of a text log, or into the records of a table or a JSON document.
Columns are sparse: a row without a value is simply not there, so that a NaN is always a logged one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from plateau.base import Mode

    Data = tuple[NDArray[np.int64], NDArray[np.float64]]


class Column:
    """A named series of numbers, converted when it is first looked at.

    Attributes
    ----------
    name : str
        As the log writes it; empty where the log gives none.
    meaning : str
        What the name means beside the others, where that is not what it says.
    held_out : bool
        True where the text beside it says validation or test.
    implied : bool
        True for a counter that the log does not name.
    mode : {"min", "max", "both"} or None
        The direction of progress, where the log tells it.
    clock : bool
        True for dates and times, which are seconds since 1970 here.
    stamps : bool
        True for a decimal number that opens its lines, before a colon or in brackets.
    rows : NDArray[int64], shape (n,)
        Increasing.
    values : NDArray[float64], shape (n,)
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], Data],
        *,
        held_out: bool = False,
        implied: bool = False,
        clock: bool = False,
    ) -> None:
        self.name = self.meaning = name
        self.held_out = held_out
        self.implied = implied
        self.points: dict[str, float] = {}
        """What its name is worth as what, once that was asked."""
        self.clock = clock
        self.stamps = False
        self.mode: Mode | None = None
        self._load = load

    @cached_property
    def _data(self) -> Data:
        return self._load()

    @property
    def rows(self) -> NDArray[np.int64]:
        """Where the values stand."""
        return self._data[0]

    @property
    def values(self) -> NDArray[np.float64]:
        """The numbers."""
        return self._data[1]

    def __repr__(self) -> str:
        return f"Column({self.name!r})"


@dataclass(frozen=True, eq=False)
class Table:
    """Columns that stand on the same rows: one shape of text line, or a whole CSV file.

    Attributes
    ----------
    columns : list of Column
    size : int
        Number of rows.
    run : str or None
        The run's own name where the log keeps several runs apart by one.
    sparse : bool
        True where columns may lack rows (files of records); lines of one shape lack none.
    writer : Column or None
        Tells the rows of several writers apart, where that is known before any run is made.
    before : frozenset of str or None
        Words before the metric that tell its lines from those of other series.
    """

    columns: list[Column]
    size: int
    run: str | None = None
    sparse: bool = False
    writer: Column | None = None
    before: frozenset[str] | None = None

    def moved(self, by: int) -> Table:
        """Return the table with its rows counted from further on."""
        columns = [
            Column(
                item.name,
                partial(_moved, item, by),
                held_out=item.held_out,
                implied=item.implied,
                clock=item.clock,
            )
            for item in self.columns
        ]
        return replace(self, columns=columns)

    def without(self, column: Column) -> list[Column]:
        """All columns but one."""
        return [item for item in self.columns if item is not column]


def _moved(item: Column, by: int) -> Data:
    return item.rows + by, item.values


def together(items: Sequence[Column]) -> Data:
    """Put the rows of columns together, in the order of the log."""
    rows = np.concatenate([item.rows for item in items])
    order = np.argsort(rows, kind="stable")
    return rows[order], np.concatenate([item.values for item in items])[order]


def column(name: str, rows: NDArray[np.int64], values: NDArray[np.float64]) -> Column:
    """Make a column of numbers that are already there."""
    return Column(name, lambda: (rows, values))


def named(name: str) -> Column:
    """Make a column of no rows, to ask what its name says."""
    return column(name, np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True, eq=False)
class Contents:
    """What a reader found in a log.

    Attributes
    ----------
    format : str
        As :class:`plateau.logs.Log` tells it.
    tables : list of Table
        In order of appearance.
    numbers : NDArray[int64]
        Line in the file of each row, or record where the file has no lines.
    block : NDArray[int64] or None
        Block of each row where lines form blocks.
    every : int
        Rows of the log that each row here is the mean of.
    metric : str or None
        The metric that the log is of, where it is of one.
    """

    format: str
    tables: list[Table]
    numbers: NDArray[np.int64]
    block: NDArray[np.int64] | None = None
    every: int = 1
    metric: str | None = None

    @cached_property
    def _of_runs(self) -> dict[str | None, list[tuple[int, Table]]]:
        found: dict[str | None, list[tuple[int, Table]]] = {}
        for place, table in enumerate(self.tables):
            found.setdefault(table.run, []).append((place, table))
        return found

    def beside(
        self, table: Table, worth: Callable[[Column], object]
    ) -> Iterator[tuple[Table, Column]]:
        """Give columns of the other tables of its run, and of no run, in order of appearance.

        Those of a table that are ``worth`` it are found once: there may be thousands of runs, for
        each of which this is asked.
        """
        runs = dict.fromkeys([None, table.run])
        there = [one for run in runs for one in self._of_runs.get(run, ())]
        for place, other in sorted(there, key=itemgetter(0)):
            if (place, worth) not in self._worth:
                self._worth[place, worth] = [item for item in other.columns if worth(item)]
            if other is not table:
                for item in self._worth[place, worth]:
                    yield other, item

    @cached_property
    def _worth(self) -> dict[tuple[int, Callable[[Column], object]], list[Column]]:
        return {}
