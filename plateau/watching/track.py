"""One run while it is written: its rows go to the detector, and what that says makes events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.events import ENDED, NONFINITE, Change, Changes
from plateau.follower import Follower
from plateau.places import MOST_PIECES, Places
from plateau.watching.event import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.protocol import DetectorProtocol

    Array = NDArray[np.float64]


class Track:
    """Tells what happens in one run, see `plateau.follower.Follower`.

    Parameters
    ----------
    detector : DetectorProtocol
        Fresh.
    usual : int or None
        As of a follower.
    pieces : int
        Of x that are kept where it goes up unevenly; of some more x is interpolated.
    """

    def __init__(
        self, detector: DetectorProtocol, usual: int | None = None, pieces: int = MOST_PIECES
    ) -> None:
        self.pieces = pieces
        self.follower = Follower(detector, usual)
        self.changes = Changes(detector, self._row)
        self.broken = False
        """Whether the last value was not finite."""
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
        return self.changes.flat

    @property
    def since(self) -> float:
        """X at which the plateau began that it is in."""
        return self.x(self.changes.plateaus[-1].start)

    def take(self, values: Array, x: Array, lr: Array) -> list[Event]:
        """Take the next rows; return what happened, in order."""
        events: list[Event] = []
        while len(values):
            # The same parts, whatever comes at a time.
            count = self.pieces - self.rows % self.pieces
            events += self._part(values[:count], x[:count], lr[:count])
            values, x, lr = values[count:], x[count:], lr[count:]
        return events

    def _part(self, values: Array, x: Array, lr: Array) -> list[Event]:
        if self.rows % self.pieces == 0:
            self.x.thin(self.pieces)
            self.row.thin(self.pieces)
        rows = np.arange(self.rows, self.rows + len(values))
        self.x.add(rows, x)
        events = self._nonfinite(values, rows)
        begin = self.follower.samples
        fed = self.follower.feed(values, x, lr)
        self.row.add(np.insert(fed.ends, 0, begin)[:-1], fed.rows.astype(np.float64))
        for found in fed.traces:
            events += map(self._told, self.changes.look(found, begin))
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

    def _told(self, change: Change) -> Event:
        """Return a change by the names that it has in the JSON."""
        row = self._row(change.sample)
        told: dict[str, Any] = {"level": change.level, "slope": change.slope}
        if change.span is not None:
            if change.kind == ENDED:
                told = {"stop": change.span.ended, "stop_x": self.x(row)}
            told = self._place(change.span.start, change.span.declared) | told
        return Event(change.kind, row, self.x(row), told)

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
