"""What happens in a stream: plateaus, their ends, worsening, samples that are not finite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from plateau._recurrence import LIMIT
from plateau._samples import as_sample, as_samples, first_nonfinite, nonfinite_error
from plateau.base import SIGNS, Verdict
from plateau.blocks import BLOCK, held, pieces
from plateau.detectors import ThresholdDetector
from plateau.places import Places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from plateau.base import PlateauDetector, Trace
    from plateau.outlook import Gain

    Array = NDArray[np.float64]

EventKind = Literal["plateau", "resumed", "ended", "worsening", "nonfinite"]

PLATEAU: EventKind = "plateau"
RESUMED: EventKind = "resumed"
ENDED: EventKind = "ended"
WORSENING: EventKind = "worsening"
NONFINITE: EventKind = "nonfinite"

BEFORE = 64
"""Plateaus that are remembered: a new one may turn out to be one of them, interrupted."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at a sample of a stream."""

    index: int
    """Index of the sample at which it was known."""
    kind: EventKind
    """``"plateau"``: one was declared; ``"resumed"``: it was the last one once more, interrupted or
    with a better onset; ``"ended"``: it is over; ``"worsening"``: the metric moves the wrong way;
    ``"nonfinite"``: the first sample in a row that is NaN or infinite."""
    onset: int | None
    """Index of the sample at which the plateau began; None where there is none."""
    level: float
    """Smoothed value, in metric units."""
    slope: float
    """Slope, in metric units per sample."""
    gain: Gain | None
    """What going on would bring, see `plateau.Detector.gain`; None where nothing can be said."""
    declared: int | None = None
    """Index of the sample at which the plateau was first known; None where there is none."""
    factor: float = 1.0
    """What the learning rate is multiplied with; 1.0 if it stays, and always but for a
    `plateau.Schedule`."""
    lr: float | None = None
    """The learning rate from here on; None but for a `plateau.Schedule`."""


class Rows(NamedTuple):
    """Which row a sample belongs to that was made of rows."""

    first: int
    """The first of the rows."""
    ends: NDArray[np.int64]
    """Samples up to and with each row."""
    done: int
    """Samples made before."""

    def __call__(self, i: int) -> int:
        """Return the row of a sample."""
        return self.first + int(np.searchsorted(self.ends, self.done + i, side="right"))


Told = tuple[int, EventKind, int | None, int | None]
"""Sample within a block, what happened, and the plateau it is about: rows of onset and declared."""


class Follower:
    """Follows one stream, a few samples at a time: its detector takes them, and events come of it.

    Parameters
    ----------
    detector : PlateauDetector
        It goes on from where it is. Nothing else may feed it.
    """

    def __init__(self, detector: PlateauDetector) -> None:
        self.detector = detector
        self.rows = 0
        """Values taken."""
        self.before = detector.count
        """Samples that the detector had taken by itself before."""
        self.verdict = int(detector.verdict)
        self.worse = bool(worsening(detector, self.verdict, detector.slope))
        self.armed = not self.worse
        """Whether worsening would be news: it was told, and nothing better came since, if not."""
        self.broken = False
        """Whether the last value was not finite."""
        self.plateaus: list[tuple[int, int, int]] = []
        """Row where it began, row at which it was declared, row where it ended or -1."""
        self.places = Places()
        """Rows of the samples that were accepted."""
        if detector.onset is not None and detector.declared is not None:
            began, known = detector.onset - self.before, detector.declared - self.before
            self.plateaus.append((began, known, -1))

    @property
    def _gains(self) -> bool:
        """Whether the detector tells what going on would bring."""
        return hasattr(self.detector, "gain")

    @property
    def flat(self) -> bool:
        """Whether it is in a plateau."""
        return self.verdict == Verdict.PLATEAU

    @property
    def since(self) -> int:
        """Row at which the plateau began that it is in."""
        return self.plateaus[-1][0]

    def take(
        self,
        values: Array,
        hold: NDArray[np.int64] | None = None,
        changes: Collection[int] = (),
    ) -> list[Event]:
        """Take the next rows; return what happened, in order, by rows counted from the first ever.

        Parameters
        ----------
        values : numpy.ndarray of float64, shape (n,)
            A value for each row.
        hold : numpy.ndarray of int64, shape (n,), optional
            How many samples of that value each row stands for; by default 1.
        changes : collection of int
            Those of these rows before which a new regime begins.
        """
        accepted = np.abs(values) <= LIMIT
        hold = np.where(accepted, 1 if hold is None else hold, 1)
        ends = np.cumsum(hold)
        samples = np.cumsum(np.where(accepted, hold, 0))
        begins = self.detector.count - self.before + samples - hold
        self.places.add(begins[accepted], self.rows + np.flatnonzero(accepted).astype(np.float64))
        broken = (ends - hold)[self._broken(values)]
        cuts = {int(ends[row] - hold[row]) for row in changes}
        events: list[Event] = []
        done = 0
        for block in pieces(held(values, ends), sorted(cuts)):
            if done in cuts and self.detector.count:
                self.detector.changed()
            inside = broken[(broken >= done) & (broken < done + len(block))] - done
            events += self._block(block, Rows(self.rows, ends, done), inside)
            done += len(block)
        self.rows += len(values)
        return events

    def _broken(self, values: Array) -> NDArray[np.bool_]:
        """Tell at which rows values cease to be finite."""
        broken = ~np.isfinite(values)
        first: NDArray[np.bool_] = broken & ~np.insert(broken, 0, self.broken)[:-1]
        self.broken = bool(broken[-1]) if len(broken) else self.broken
        return first

    def _block(self, block: Array, rows: Rows, broken: NDArray[np.int64]) -> list[Event]:
        """Take some samples within a regime, of which these cease to be finite."""
        twin = self.detector.clone() if self._gains and len(block) > 1 else None
        found = self.detector._record(block)
        told = self._look(found, rows) + [(i, NONFINITE, None, None) for i in broken.tolist()]
        events, done = [], 0
        for i, kind, onset, declared in sorted(told, key=lambda each: each[0]):
            if twin is not None:  # the detector itself has gone on to the end of the block
                twin._take(block[done : i + 1])
                done = i + 1
            gain = getattr(twin or self.detector, "gain", None)
            level, slope = float(found.level[i]), float(found.slope[i])
            events.append(Event(rows(i), kind, onset, level, slope, gain, declared))
        return events

    def _look(self, found: Trace, rows: Rows) -> list[Told]:
        """Tell what changed in a trace."""
        worse = worsening(self.detector, found.verdict, found.slope)
        changes = np.diff(found.verdict, prepend=np.int8(self.verdict)) != 0
        changes |= np.diff(worse, prepend=self.worse)
        told: list[Told] = []
        for i in np.flatnonzero(changes).tolist():
            flat, was = found.verdict[i] == Verdict.PLATEAU, self.flat
            self.verdict, self.worse = int(found.verdict[i]), bool(worse[i])
            if was and not flat:
                told.append((i, ENDED, *self._ended(rows(i))))
            if flat and not was:
                told.append((i, *self._declared(self._row(int(found.onset[i])), rows(i))))
            if (flat and not was) or self.verdict == Verdict.IMPROVING:
                self.armed = True
            if self.worse and self.armed:
                self.armed = False
                told.append((i, WORSENING, None, None))
        return told

    def _declared(self, start: int, declared: int) -> tuple[EventKind, int, int]:
        """Enter a plateau: a new one, or one that was interrupted or began earlier than thought."""
        kind, revises = PLATEAU, self.detector.revises
        while self.plateaus and self._is_again(start, declared):
            before, declared, _ = self.plateaus.pop()
            start, kind = start if revises else before, RESUMED
        if self.plateaus and not revises:
            start = max(start, self.plateaus[-1][2])
        self.plateaus = [*self.plateaus[1 - BEFORE :], (start, declared, -1)]
        return kind, start, declared

    def _is_again(self, start: int, declared: int) -> bool:
        """Whether a plateau is the last one once more, as in `plateau.segments`."""
        _, known, ended = self.plateaus[-1]
        return (self.detector.revises and start <= known) or declared < ended

    def _ended(self, row: int) -> tuple[int, int]:
        """Close the plateau; a row that stands for many samples may both declare and end it."""
        start, declared, _ = self.plateaus[-1]
        self.plateaus[-1] = start, declared, max(row, declared + 1)
        return start, declared

    def _row(self, sample: int) -> int:
        """Return the row of an accepted sample as the detector counts them."""
        taken = sample - self.before
        return taken if taken < 0 else int(self.places(taken))

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""
        kept = {name: value for name, value in vars(self).items() if name not in PARTS}
        return {**kept, "places": vars(self.places), "detector": self.detector.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, also after a round trip through JSON."""
        self.detector.load_state_dict(state["detector"])
        vars(self.places).update(state["places"])
        vars(self).update({name: state[name] for name in vars(self) if name not in PARTS})
        self.plateaus = [(start, declared, end) for start, declared, end in self.plateaus]


PARTS = ("detector", "places")
"""Of a follower, that are objects themselves."""


def worsening(detector: PlateauDetector, verdict: ArrayLike, slope: ArrayLike) -> NDArray[np.bool_]:
    """Tell from what a detector said whether the metric moved the wrong way."""
    if isinstance(detector, ThresholdDetector):
        backwards = -SIGNS[detector.mode] * np.asarray(slope)
        return np.asarray((detector.mode != "both") & (backwards >= detector.threshold))
    return np.asarray(np.asarray(verdict) == Verdict.WORSENING)


def events_of(detector: PlateauDetector, parts: Iterable[Array]) -> Iterator[Event]:
    """Yield what happens while a detector takes samples, part by part."""
    follower, raises = Follower(detector), detector.on_nonfinite == "raise"
    for samples in parts:
        bad = first_nonfinite(samples) if raises else None
        yield from follower.take(samples[:bad])
        if bad is not None:
            raise nonfinite_error(samples, bad)


def parts_of(xs: ArrayLike | Iterable[float]) -> Iterable[Array]:
    """Return a series in blocks; of an iterator each sample as it comes, alone."""
    if isinstance(xs, Iterator):
        return (np.array([as_sample(x)]) for x in xs)
    samples = as_samples(xs)
    return np.split(samples, range(BLOCK, len(samples), BLOCK))
