"""All runs of a log while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.bank import with_run_length
from plateau.calibrated import Detector
from plateau.durations import step_of
from plateau.follower import grows, usual_step
from plateau.logs.model import LogError
from plateau.logs.names.as_x import counts_steps
from plateau.places import MOST_PIECES
from plateau.watching.columns import ENOUGH
from plateau.watching.event import RUN, Event
from plateau.watching.run_starts import RunStarts, split
from plateau.watching.track import Track

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.base import Mode
    from plateau.logs.large.thinned import Rows
    from plateau.offline import Unit
    from plateau.rule import Rule
    from plateau.watching.columns import Chosen


class Runs:
    """Takes the rows of a log; where x goes back another run begins, with a fresh detector.

    Parameters
    ----------
    rule : Rule
        Settings of the detector; nothing may be left to be chosen.
    chosen : Chosen
        The columns.
    unit : {"step", "row"} or None
        As for `plateau.offline.HeldRows`.
    run_length : float or None
        Of the detector, where series share a budget of alarms.
    several : bool
        Whether x that goes back tells of another run. Not of what has labels: its x is the time,
        and a sample that comes late is one of the same series.
    pieces : int
        As for a track.
    """

    def __init__(
        self,
        rule: Rule,
        chosen: Chosen,
        unit: Unit | None,
        run_length: float | None = None,
        *,
        several: bool = True,
        pieces: int = MOST_PIECES,
    ) -> None:
        self._pieces = pieces
        self.run_length = run_length
        self._several = several
        self._rule = rule
        self._mode: Mode = chosen.mode
        self.steps = (unit or ("row" if rule.calibrated else None)) != "row"
        """Whether samples are steps of x, if it turns out to count them."""
        self._asked = unit == "step"
        self._x_name = chosen.x_name
        self.pace = np.nan
        """Seconds from one row to the next, where x is a time."""
        self._clock = chosen.clock
        self.usual: int | None = None
        self.number = 1
        """Of the present run."""
        self.told = 1
        """Number of the run that was last told of."""
        self.along = RunStarts(len(chosen.wanted.main))
        self.track: Track | None = None

    def take(self, rows: Rows) -> list[tuple[str, Event]]:
        """Take the next rows; return what happened, each with the name of its run."""
        if not len(rows.values):
            return []
        x, back = self.along.take(rows.x, len(rows.values))
        starts = back if self._several else []
        if self.track is None:
            self._settle(x[: starts[0]] if starts and starts[0] else x)
            self.track = self.fresh()
        told: list[tuple[str, Event]] = []
        for begins, part in split(starts, len(x)):
            if begins:
                self.number += self.told == self.number  # one row is no run: it may be an echo
                self.track = self.fresh()
            events = self.track.take(rows.values[part], x[part], rows.lr[part])
            if self.told < self.number and (self.track.rows > 1 or events):
                self.told = self.number
                events.insert(0, Event(RUN, 0, self.track.x(0)))
            told += [(str(self.number), event) for event in events]
        return told

    def _settle(self, x: NDArray[np.float64]) -> None:
        """Find out by the first rows whether samples are steps, and of how many the first is."""
        self.pace = step_of(x[:ENOUGH])
        counts = counts_steps(self._x_name, x) and grows(x)
        if self.steps and self._asked and not counts:
            raise LogError(f"column {self._x_name!r} is no growing count of steps: use --unit row")
        self.steps = self.steps and counts
        if self.steps:
            self.usual = usual_step(x)

    def fresh(self) -> Track:
        """Return what follows a run from its first row."""
        rule = self._rule.paced(self.pace if self._clock else None, self._x_name)
        detector = rule.detector(np.empty(0), 0, self._mode)
        if self.run_length is not None and isinstance(detector, Detector):
            detector = with_run_length(detector, self.run_length)
        return Track(detector, self.usual, self._pieces)
