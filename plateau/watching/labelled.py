"""Samples with labels as they come: one detector a series, new ones as they appear."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.large.parts import Wanted
from plateau.logs.large.thinned import Rows, joined
from plateau.logs.names import quantities
from plateau.logs.records.samples import TIME
from plateau.watching.columns import ENOUGH, Chosen
from plateau.watching.event import position
from plateau.watching.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from plateau.base import Mode
    from plateau.logs.columns import Column, Contents, Table
    from plateau.rule import Rule
    from plateau.watching.budget import Budget
    from plateau.watching.event import Event

LINES = 8
"""Series that the board on a terminal shows: those in which something happened last."""

PIECES = 128
"""Of the time of each series, of which there may be ten thousand: times are seldom even."""

MOST = 20_000
"""Series that are remembered, at some 16 to 50 kB each; more have labels that come and go."""

Key = tuple[str, str]
"""Labels and name of a series."""


class Series:
    """The series of one input: samples in the order in which they come, whatever their times.

    Parameters
    ----------
    rule : Rule
        Settings of the detector; nothing may be left to be chosen.
    metric : str or None
        Take only series of this name.
    mode : {"min", "max", "both"} or None
        The way a metric gets better; None: by its name.
    budget : Budget or None
        Of alarms, which they share.
    complain : callable
        Is told in one line that the series that were silent longest are forgotten.
    """

    def __init__(
        self,
        rule: Rule,
        metric: str | None,
        mode: Mode | None,
        budget: Budget | None = None,
        complain: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.budget = budget
        self._complain = complain
        self._forgets = False
        self._rule = rule
        self._metric = metric
        self._mode = mode
        self.runs: dict[Key, Runs] = {}
        """Those that were heard last are last."""
        self.chosen: dict[Key, Chosen] = {}
        self.held: dict[Key, Rows] = {}
        """What does not yet tell how long a sample is."""
        self._happened: dict[Key, None] = {}

    def take(self, contents: Contents) -> Iterator[tuple[str, Chosen, Event]]:
        """Take the next samples; yield what happened, with the labels of its series."""
        wanted = [
            (table, item, times)
            for table in contents.tables
            for times in [next((item for item in table.columns if item.name == TIME), None)]
            for item in table.columns
            if item is not times and self._metric in (None, item.name)
        ]
        wanted.sort(key=lambda one: int(one[1].rows[0]))  # new ones begin as they do line by line
        for table, item, times in wanted:
            yield from self._take(table, item, times, len(wanted))

    def _take(
        self, table: Table, item: Column, times: Column | None, there: int
    ) -> Iterator[tuple[str, Chosen, Event]]:
        key = (table.run or "", item.name)
        if key not in self.runs:
            run_length = self.budget.run_length(there) if self.budget else None
            self.begin(key, run_length, clock=times is not None)
            self._forget()
        self.runs[key] = self.runs.pop(key)
        chosen = self.chosen[key]
        x = [_times_at(item, times)] if chosen.clock and times is not None else []
        if chosen.clock and times is None:
            return  # a sample that lost its time cannot be placed
        lr = np.full(len(item.values), np.nan)
        rows = self._paced(key, Rows(item.values, x, lr, item.rows))
        for _, event in self.runs[key].take(rows) if rows else ():
            self._happened.pop(key, None)
            self._happened[key] = None
            yield key[0] or "1", chosen, event

    def begin(self, key: Key, run_length: float | None, *, clock: bool) -> Runs:
        """Begin with a series, whose samples may have times."""
        main = (TIME,) if clock else ()
        mode = self._mode or quantities.direction(key[1])
        wanted = Wanted(None, key[1], held_out=False, main=main, counting=main, rate=None, rates=())
        chosen = Chosen(wanted, mode, (), (), False, False, None, clock)
        self.chosen[key] = chosen
        self.runs[key] = Runs(self._rule, chosen, None, run_length, several=False, pieces=PIECES)
        return self.runs[key]

    def _forget(self) -> None:
        """Forget a series, the one that was silent longest, where there are too many."""
        if len(self.runs) <= MOST:
            return
        if not self._forgets:
            self._forgets = True
            self._complain(
                f"more than {MOST:,} series: those that are silent longest are forgotten, and "
                "begin anew if they come again"
            )
        silent = next(iter(self.runs))
        for kept in (self.runs, self.chosen, self.held, self._happened):
            kept.pop(silent, None)

    def _paced(self, key: Key, rows: Rows) -> Rows | None:
        """Hold rows back until they tell how long a sample is, where a setting is a duration."""
        if not self._rule.timed or self.runs[key].track is not None:
            return rows
        if key in self.held:
            rows = joined([self.held.pop(key), rows])
        if len(rows.values) < ENOUGH:
            self.held[key] = rows
            return None
        return rows

    def board(self) -> list[str]:
        """Say how many series stand how, and how those stand in which something happened last."""
        last = list(reversed(self._happened))[:LINES]
        return [self.status(), *map(self._stands, last)]

    def status(self) -> str:
        """Say how many series stand how."""
        stands = Counter(
            str(runs.track.detector.verdict) for runs in self.runs.values() if runs.track
        )
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in stands.most_common())
        return f"{len(self.runs):,} series: {counts}"

    def _stands(self, key: Key) -> str:
        track = self.runs[key].track
        assert track is not None
        chosen, detector = self.chosen[key], track.detector
        at = position(track.follower.x_last, clock=chosen.clock)
        return f"{key[0]} {key[1]} {detector.level:.4g} at {at}: {detector.verdict}"


def _times_at(item: Column, times: Column) -> NDArray[np.float64]:
    """Return the time of each value; of one without the last one before."""
    at = np.searchsorted(times.rows, item.rows, side="right") - 1
    return np.asarray(times.values[np.maximum(at, 0)])
