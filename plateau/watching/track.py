"""One run while it is written: its rows go to the detector, and what that says makes events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from plateau.base import Trace, Verdict
from plateau.follower import Follower
from plateau.offline import worsening
from plateau.segments import taken_up
from plateau.watching.event import ENDED, NONFINITE, PLATEAU, RESUMED, WORSENING, Event
from plateau.watching.places import Places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.protocol import DetectorProtocol

    Array = NDArray[np.float64]

PART = 4096
"""Rows that are taken at a time."""

BEFORE = 64
"""Plateaus that are remembered: a new one may turn out to be one of them, interrupted."""


class Span(NamedTuple):
    """A plateau that was told."""

    start: int
    """Row where it began."""
    onset: int
    """Sample where it began."""
    declared: int
    """Sample at which it was known."""
    stop: int | None = None
    """Sample at which it was over."""
    ended: int = -1
    """Row behind it, -1 while it goes on."""


class Track:
    """Tells what happens in one run, see `plateau.follower.Follower`."""

    def __init__(self, detector: DetectorProtocol, usual: int | None = None) -> None:
        self.follower = Follower(detector, usual)
        self.verdict = -1
        self.worse = False
        self.armed = True
        """Whether worsening would be news: it was told, and nothing better came since, if not."""
        self.broken = False
        """Whether the last value was not finite."""
        self.plateaus: list[Span] = []
        self.x, self.row = Places(), Places()

    @property
    def detector(self) -> DetectorProtocol:
        """The detector as it stands now."""
        return self.follower.detector

    @property
    def rows(self) -> int:
        """How many rows were taken."""
        return self.follower.rows

    @property
    def flat(self) -> bool:
        """Whether it is in a plateau."""
        return self.verdict == Verdict.PLATEAU

    @property
    def since(self) -> float:
        """X at which the plateau began that it is in."""
        return self.x(self.plateaus[-1].start)

    def take(self, values: Array, x: Array, lr: Array) -> list[Event]:
        """Take the next rows; return what happened, in order."""
        events: list[Event] = []
        while len(values):
            count = PART - self.rows % PART  # the same parts, whatever comes at a time
            events += self._part(values[:count], x[:count], lr[:count])
            values, x, lr = values[count:], x[count:], lr[count:]
        return events

    def _part(self, values: Array, x: Array, lr: Array) -> list[Event]:
        if self.rows % PART == 0:
            self.x.thin()
            self.row.thin()
        rows = np.arange(self.rows, self.rows + len(values))
        self.x.add(rows, x)
        events = self._nonfinite(values, rows)
        begin = self.follower.samples
        fed = self.follower.feed(values, x, lr)
        self.row.add(np.insert(fed.ends, 0, begin)[:-1], fed.rows.astype(np.float64))
        for found in fed.traces:
            events += self._look(found, begin)
            begin += len(found.level)
        return sorted(events, key=lambda event: event.row)

    def _nonfinite(self, values: Array, rows: NDArray[np.int64]) -> list[Event]:
        """Tell where values cease to be finite."""
        broken = ~np.isfinite(values)
        first = np.flatnonzero(broken & ~np.insert(broken, 0, self.broken)[:-1])
        self.broken = bool(broken[-1])
        return [
            Event(NONFINITE, int(rows[i]), self.x(int(rows[i])), {"value": str(values[i])})
            for i in first.tolist()
        ]

    def _look(self, found: Trace, begin: int) -> list[Event]:
        """Tell what changed in a trace of the samples from this one on."""
        worse = worsening(self.detector, found.verdict, found.slope)
        changes = np.diff(found.verdict, prepend=np.int8(self.verdict)) != 0
        changes |= np.diff(worse, prepend=self.worse)
        events: list[Event] = []
        for i in np.flatnonzero(changes).tolist():
            flat, was = found.verdict[i] == Verdict.PLATEAU, self.flat
            self.verdict, self.worse = int(found.verdict[i]), bool(worse[i])
            if was and not flat:
                events.append(self._ended(begin + i))
            if flat and not was:
                events.append(self._declared(begin + i, int(found.onset[i]), _readings(found, i)))
            if (flat and not was) or self.verdict == Verdict.IMPROVING:
                self.armed = True
            if self.worse and self.armed:
                self.armed = False
                events.append(self._event(WORSENING, begin + i, _readings(found, i)))
        return events

    def _declared(self, declared: int, onset: int, told: dict[str, Any]) -> Event:
        """Enter a plateau: a new one, or one that was interrupted or began earlier than thought."""
        sample, start, kind = declared, self._row(onset), PLATEAU
        revises = self.detector.revises
        while self.plateaus:
            last = self.plateaus[-1]
            known = taken_up((last.onset, last.declared, last.stop), onset, declared)
            if revises and known is not None:
                declared = known
            elif self._row(declared) < last.ended:  # it ended and came back within one row
                start, declared = last.start, last.declared
            else:
                start = max(start, last.ended) if not revises else start
                break
            self.plateaus.pop()
            kind = RESUMED
        self.plateaus = [*self.plateaus[1 - BEFORE :], Span(start, onset, declared)]
        return self._event(kind, sample, self._place(start, declared) | told)

    def _ended(self, sample: int) -> Event:
        last = self.plateaus[-1]
        row = self._row(sample)
        ended = max(row, self._row(last.declared) + 1)  # it has the row at which it was known
        self.plateaus[-1] = last._replace(stop=sample, ended=ended)
        told = {"stop": ended, "stop_x": self.x(row)}
        return self._event(ENDED, sample, self._place(last.start, last.declared) | told)

    def _event(self, kind: str, sample: int, told: dict[str, Any]) -> Event:
        row = self._row(sample)
        return Event(kind, row, self.x(row), told)

    def _place(self, start: int, declared: int) -> dict[str, Any]:
        known = self._row(declared)
        return {
            "start": start,
            "start_x": self.x(start),
            "declared": known,
            "declared_x": self.x(known),
        }

    def _row(self, sample: int) -> int:
        return int(self.row(sample))


def _readings(found: Trace, i: int) -> dict[str, Any]:
    return {"level": float(found.level[i]), "slope": float(found.slope[i])}
