"""Which columns of a log are watched: chosen once, as a scan does, from what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import NEWEST_FIRST, restarts
from plateau.logs.choosing.asked import UNNAMED_METRIC, Asked, Material, listed
from plateau.logs.choosing.axis import count_along, is_time
from plateau.logs.choosing.runs import select
from plateau.logs.choosing.several_writers import name_of
from plateau.logs.large.parts import Series, Wanted
from plateau.logs.model import LogError, NoSeriesError
from plateau.logs.names import as_metric, quantities
from plateau.logs.text.shapes import LineTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from plateau.base import Mode
    from plateau.logs.choosing.asked import Asked
    from plateau.logs.choosing.runs import Selection
    from plateau.logs.columns import Contents, Table
    from plateau.logs.large.thinned import Rows

ENOUGH = 24
"""Rows of the metric from which columns are chosen: no detector declares anything before."""

UNSURE = 600
"""Rows from which that is done although the metric has no telling name, or nothing counts."""


@dataclass(frozen=True)
class Chosen:
    """The columns that are watched.

    Attributes
    ----------
    wanted : Wanted
        Their names.
    mode : {"min", "max", "both"}
        The way the metric gets better.
    own : tuple of str
        Those of `wanted.main` that stand on the metric's own rows.
    refused : tuple of tuple of str
        Shapes of lines that have the metric too, but repeat others.
    spread : bool
        Whether a row takes x or learning rate from other lines than its own.
    in_blocks : bool
        Whether empty or drawn lines part the blocks in which these lines stand.
    writer : float or None
        Number of the writer whose rows are taken, where there are several.
    clock : bool
        Whether x is a time.
    """

    wanted: Wanted
    mode: Mode
    own: tuple[str, ...]
    refused: tuple[tuple[str, ...], ...]
    spread: bool
    in_blocks: bool
    writer: float | None = None
    clock: bool = False

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.wanted.metric or UNNAMED_METRIC

    @property
    def x_name(self) -> str:
        """Name of x."""
        return ", ".join(self.wanted.main) or "row"


class Columns:
    """Chooses columns and then takes their rows out of what is new.

    Parameters
    ----------
    path : str
        The log, for messages.
    asked : Asked
        What the user named.
    complain : callable
        Is told in one line what the user should know of the choice.
    """

    def __init__(self, path: str, asked: Asked, complain: Callable[[str], None]) -> None:
        self.path = path
        self.asked = asked
        self.complain = complain
        self.chosen: Chosen | None = None
        self.series: Series | None = None

    def choose(self, contents: Contents, *, last: bool) -> bool:
        """Choose from what is there, if that is enough or the last; return whether it was."""
        material = self._material(contents)
        try:
            selections = select(material) if contents.tables else []
        except LogError:
            if last:
                raise
            return False
        if last and not selections:
            raise NoSeriesError(f"{self.path}: no series of numbers found")
        selection = self._one_of(selections, last=last)
        if selection is None or (not last and not self._enough(selection)):
            return False
        self._tell_others(selection, selections)
        if _is_newest_first(selection, material):
            told = "the newest rows come first, and what is added there cannot be followed"
            raise LogError(f"{self.path}: {told}: use plateau scan")
        for warning in material.warnings:
            self.complain(f"{self.path}: {warning}")
        if writer := selection.writer:
            one = f"{name_of(writer)} {writer.values[0]:.0f}"
            self.complain(f"{self.path}: has several writers, only {one} is watched")
        self.use(_chosen(material, selection))
        return True

    def _one_of(self, selections: list[Selection], *, last: bool) -> Selection | None:
        """Return the series that is asked for, else the first; None where it is not there yet."""
        if self.asked.run is None or not selections:
            return selections[0] if selections else None
        told = [one for one in selections if one.table.before is not None]
        named = [one for one in told if one.table.run == self.asked.run]
        if not named and last:
            there = listed(repr(one.table.run) for one in told) or "no series that words tell apart"
            raise LogError(f"{self.path}: no run {self.asked.run!r}; there are {there}")
        return named[0] if named else None

    def _tell_others(self, selection: Selection, selections: list[Selection]) -> None:
        """Say which series are not watched."""
        if len(selections) == 1 or self.asked.run is not None:
            return
        others = listed(repr(one.table.run) for one in selections[1:])
        if selection.table.before is None:
            names = f"{selection.table.run!r}, {others}"
            raise LogError(
                f"{self.path}: has several runs side by side ({names}): use plateau scan"
            )
        only = f"only {selection.table.run!r} is watched"
        self.complain(f"{self.path}: {only}; --run could name {others}")

    def _enough(self, selection: Selection) -> bool:
        """Whether there are enough rows; what heads a log may look like one, for a while."""
        known = self.asked.metric is not None or not as_metric.is_unknown(selection.metric)
        counts = self.asked.x is not None or selection.axis is not None
        return len(selection.metric.rows) >= (ENOUGH if known and counts else UNSURE)

    def use(self, chosen: Chosen) -> None:
        """Take these columns from now on."""
        self.chosen = chosen
        self.series = Series(chosen.wanted)

    def rows(self, contents: Contents) -> Rows | None:
        """Give the rows of the metric in what is new, None where it is not in it."""
        assert self.series is not None
        contents.tables[:] = [table for table in contents.tables if self._fits(table)]
        rows = self.series.take(self._material(contents))
        if rows is None or rows.writers is None or self.chosen is None:
            return rows
        own = np.flatnonzero(rows.writers == self.chosen.writer)
        return rows.at(own) if len(own) else None

    def is_metric(self, table: Table) -> bool:
        """Whether the metric is in a table."""
        assert self.chosen is not None
        return any(map(self.chosen.wanted.is_metric, table.columns))

    def _fits(self, table: Table) -> bool:
        """Whether lines give rows as those do that the columns were chosen from."""
        assert self.chosen is not None
        if not isinstance(table, LineTable) or not self.is_metric(table):
            return True
        names = {item.name for item in table.columns}
        return table.literals not in self.chosen.refused and names.issuperset(self.chosen.own)

    def _material(self, contents: Contents) -> Material:
        return Material(self.path, contents, [], self.asked)


def _is_newest_first(selection: Selection, material: Material) -> bool:
    """Whether times go back from row to row: new ones are written above those that were read."""
    if not selection.axis or not is_time(selection.axis.columns[-1]):
        return False
    x, _ = count_along(selection.axis, selection.metric.rows, material.block)
    return len(x) > 1 and bool(np.mean(restarts(x)) >= NEWEST_FIRST)


def _chosen(material: Material, selection: Selection) -> Chosen:
    wanted = Wanted.of(selection)
    beside = {item.name for item in selection.table.columns}
    others = [*(selection.axis.columns if selection.axis else ())]
    others += [selection.rate[1]] if selection.rate else []
    return Chosen(
        wanted,
        material.asked.mode
        or quantities.direction(selection.metric.meaning, selection.metric.values),
        tuple(name for name in wanted.main if name in beside),
        tuple(_refused(material, selection, wanted)),
        any(not np.isin(selection.metric.rows, item.rows).all() for item in others),
        material.block is not None and bool(material.block[-1] > material.block[0]),
        float(selection.writer.values[0]) if selection.writer else None,
        selection.axis is not None and is_time(selection.axis.columns[-1]),
    )


def _refused(material: Material, selection: Selection, wanted: Wanted) -> list[tuple[str, ...]]:
    """Return the shapes whose lines have the metric but were left out."""
    return [
        table.literals
        for table in material.tables
        if isinstance(table, LineTable)
        for item in table.columns
        if wanted.is_metric(item) and not np.isin(item.rows, selection.metric.rows).all()
    ]
