"""One run while it is written: its rows go to the detector, and what that says makes events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plateau._samples import LIMIT
from plateau.base import Trace, Verdict
from plateau.calibrated import Detector
from plateau.logs.model import LogError
from plateau.offline import RateSteps, held, pieces, worsening
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


class Track:
    """Follows one run.

    Parameters
    ----------
    detector : DetectorProtocol
        Fresh.
    usual : int, optional
        Steps from one row to the next, where samples are steps of x: the first row stands for so
        many. None where samples are rows.
    """

    def __init__(self, detector: DetectorProtocol, usual: int | None = None) -> None:
        self.detector = detector
        self.usual = usual
        self.rows = 0
        self.samples = 0
        self.due = False
        """Whether a new regime begins with the next sample."""
        self.x_last = float("nan")
        self.verdict = -1
        self.worse = False
        self.armed = True
        """Whether worsening would be news: it was told, and nothing better came since, if not."""
        self.broken = False
        """Whether the last value was not finite."""
        self.plateaus: list[tuple[int, int, int]] = []
        """Row where it began, sample at which it was declared, row where it ended or -1."""
        self.x, self.row, self.rates = Places(), Places(), RateSteps()

    @property
    def flat(self) -> bool:
        """Whether it is in a plateau."""
        return self.verdict == Verdict.PLATEAU

    @property
    def since(self) -> float:
        """X at which the plateau began that it is in."""
        return self.x(self.plateaus[-1][0])

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
        steps = self.rates.take(lr)
        events = self._nonfinite(values, rows)
        hold = self._hold(x)
        finite = np.abs(values) <= LIMIT
        values, rows, ends = values[finite], rows[finite], np.cumsum(hold[finite])
        begins = ends - hold[finite]
        self.row.add(self.samples + begins, rows.astype(np.float64))
        cuts = self._regimes(steps, rows, begins)
        done = 0
        for block in pieces(held(values, ends), sorted(cuts)):
            if done in cuts:
                self.detector.changed()
            found = self.detector.record(block)
            events += self._look(found)
            done += len(block)
            self.samples += len(block)
        self.rows += len(x)
        self.x_last = float(x[-1])
        return sorted(events, key=lambda event: event.row)

    def _hold(self, x: Array) -> NDArray[np.int64]:
        """Return how many samples each row stands for, see `plateau.offline.Rows`."""
        if self.usual is None:
            return np.ones(len(x), dtype=np.int64)
        steps = np.diff(x, prepend=x[0] - self.usual if self.rows == 0 else self.x_last)
        if not (np.all(x % 1 == 0) and np.all(steps >= 1)):
            raise LogError("x is no growing count of steps: use --unit row")
        return steps.astype(np.int64)

    def _regimes(
        self, steps: NDArray[np.int64], rows: NDArray[np.int64], begins: NDArray[np.int64]
    ) -> set[int]:
        """Return at which of the new samples the learning rate has made a step."""
        if not isinstance(self.detector, Detector):
            return set()
        at = np.searchsorted(rows, steps)
        cuts = set(begins[at[at < len(rows)]].tolist())
        if self.due and len(rows):
            cuts.add(0)
        if len(rows):
            self.due = bool(np.any(at == len(rows)))
        else:
            self.due = self.due or bool(len(steps))
        return cuts if self.samples else cuts - {0}

    def _nonfinite(self, values: Array, rows: NDArray[np.int64]) -> list[Event]:
        """Tell where values cease to be finite."""
        broken = ~np.isfinite(values)
        first = np.flatnonzero(broken & ~np.insert(broken, 0, self.broken)[:-1])
        self.broken = bool(broken[-1])
        return [
            Event(NONFINITE, int(rows[i]), self.x(int(rows[i])), {"value": str(values[i])})
            for i in first.tolist()
        ]

    def _look(self, found: Trace) -> list[Event]:
        """Tell what changed in a trace of the next samples."""
        worse = worsening(self.detector, found.verdict, found.slope)
        changes = np.diff(found.verdict, prepend=np.int8(self.verdict)) != 0
        changes |= np.diff(worse, prepend=self.worse)
        events: list[Event] = []
        for i in np.flatnonzero(changes).tolist():
            flat, was = found.verdict[i] == Verdict.PLATEAU, self.flat
            self.verdict, self.worse = int(found.verdict[i]), bool(worse[i])
            if was and not flat:
                events.append(self._ended(i))
            if flat and not was:
                events.append(self._declared(i, found))
            if (flat and not was) or self.verdict == Verdict.IMPROVING:
                self.armed = True
            if self.worse and self.armed:
                self.armed = False
                events.append(self._event(WORSENING, i, _readings(found, i)))
        return events

    def _declared(self, i: int, found: Trace) -> Event:
        """Enter a plateau: a new one, or one that was interrupted or began earlier than thought."""
        onset, declared, kind = int(found.onset[i]), self.samples + i, PLATEAU
        start = self._row(onset)
        while self.plateaus and self._is_again(onset, declared):
            before, declared, _ = self.plateaus.pop()
            start, kind = start if self.detector.revises else before, RESUMED
        if self.plateaus and not self.detector.revises:
            start = max(start, self.plateaus[-1][2])
        self.plateaus = [*self.plateaus[1 - BEFORE :], (start, declared, -1)]
        return self._event(kind, i, self._place(start, declared) | _readings(found, i))

    def _is_again(self, onset: int, declared: int) -> bool:
        """Whether a plateau is the last one once more, as in `plateau.segments`."""
        _, known, ended = self.plateaus[-1]
        again = self.detector.revises and onset <= known
        return again or self._row(declared) < ended

    def _ended(self, i: int) -> Event:
        start, declared, _ = self.plateaus[-1]
        stop = self._row(self.samples + i)
        self.plateaus[-1] = start, declared, max(stop, self._row(declared) + 1)
        told = {"stop": stop, "stop_x": self.x(stop)}
        return self._event(ENDED, i, self._place(start, declared) | told)

    def _event(self, kind: str, i: int, told: dict[str, Any]) -> Event:
        row = self._row(self.samples + i)
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
