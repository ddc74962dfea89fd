"""One run while it is written: its rows are followed, and what happens gets its place along x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.calibrated import Detector
from plateau.events import ENDED, NONFINITE, Follower
from plateau.logs.model import LogError
from plateau.offline import RateSteps
from plateau.places import Places
from plateau.watching.event import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau import events
    from plateau.base import PlateauDetector

    Array = NDArray[np.float64]


class Track:
    """Follows one run.

    Parameters
    ----------
    detector : PlateauDetector
        Fresh.
    usual : int, optional
        Steps from one row to the next, where samples are steps of x: the first row stands for so
        many. None where samples are rows.
    """

    def __init__(self, detector: PlateauDetector, usual: int | None = None) -> None:
        self.follower = Follower(detector)
        self.usual = usual
        self.x_last = float("nan")
        self.x, self.rates = Places(), RateSteps()

    @property
    def detector(self) -> PlateauDetector:
        """What says whether the metric is flat."""
        return self.follower.detector

    @property
    def rows(self) -> int:
        """Rows taken."""
        return self.follower.rows

    @property
    def flat(self) -> bool:
        """Whether it is in a plateau."""
        return self.follower.flat

    @property
    def since(self) -> float:
        """X at which the plateau began that it is in."""
        return self.x(self.follower.since)

    def take(self, values: Array, x: Array, lr: Array) -> list[Event]:
        """Take the next rows; return what happened, in order."""
        if not len(values):
            return []
        first = self.rows
        self.x.add(np.arange(first, first + len(values)), x)
        steps = self.rates.take(lr)
        changes = (steps - first).tolist() if isinstance(self.detector, Detector) else ()
        found = self.follower.take(values, self._hold(x), changes)
        self.x_last = float(x[-1])
        return [self._told(event, str(values[event.index - first])) for event in found]

    def _hold(self, x: Array) -> NDArray[np.int64] | None:
        """Return how many samples each row stands for, see `plateau.offline.Rows`."""
        if self.usual is None:
            return None
        steps = np.diff(x, prepend=x[0] - self.usual if self.rows == 0 else self.x_last)
        if not (np.all(x % 1 == 0) and np.all(steps >= 1)):
            raise LogError("x is no growing count of steps: use --unit row")
        return steps.astype(np.int64)

    def _told(self, event: events.Event, value: str) -> Event:
        """Return an event by the names that it has in the JSON."""
        row, readings = event.index, {"level": event.level, "slope": event.slope}
        more: dict[str, Any] = {"value": value} if event.kind == NONFINITE else readings
        if event.kind == ENDED:
            more = {"stop": row, "stop_x": self.x(row)}
        if event.onset is not None and event.declared is not None:
            more = self._place(event.onset, event.declared) | more
        return Event(event.kind, row, self.x(row), more)

    def _place(self, start: int, declared: int) -> dict[str, Any]:
        return {
            "start": start,
            "start_x": self.x(start),
            "declared": declared,
            "declared_x": self.x(declared),
        }
