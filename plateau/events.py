"""What happens in a stream: plateaus, their ends, worsening, samples that are not finite."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Self, TypeVar

import numpy as np

from plateau._samples import LIMIT, as_sample, as_samples, first_nonfinite, nonfinite_error
from plateau.base import SIGNS, Trace, Verdict
from plateau.detectors import ThresholdDetector
from plateau.places import Places
from plateau.segments import taken_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike, NDArray

    from plateau.outlook import Gain
    from plateau.protocol import DetectorProtocol

    Array = NDArray[np.float64]

D = TypeVar("D", bound="DetectorProtocol")

EventKind = Literal["plateau", "resumed", "ended", "worsening", "nonfinite"]

PLATEAU: EventKind = "plateau"
RESUMED: EventKind = "resumed"
ENDED: EventKind = "ended"
WORSENING: EventKind = "worsening"
NONFINITE: EventKind = "nonfinite"

BLOCK = 1 << 18
"""Samples taken at a time."""

HEAD = struct.Struct("<qqb???H")
"""Begins a saved listener: samples before the first, samples taken, verdict; whether the last was
not finite, it moves the wrong way, and that would be news; plateaus that follow."""

MOST = 1 << 52
"""Samples that a saved listener may have taken: so many more can be counted exactly."""

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


class Span(NamedTuple):
    """A plateau that was reported."""

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


class Change(NamedTuple):
    """Something that changed in a trace."""

    sample: int
    """Sample at which it was known."""
    kind: EventKind
    span: Span | None
    """The plateau that it is about."""
    level: float
    slope: float


class Changes:
    """Tells what changes in the successive traces of one stream.

    Parameters
    ----------
    detector : DetectorProtocol
        Whose traces they are.
    row : callable
        Returns the row of a sample: several samples may belong to one.
    """

    def __init__(self, detector: DetectorProtocol, row: Callable[[int], int]) -> None:
        self._detector = detector
        self._row = row
        self.verdict = int(Verdict.WARMING_UP)
        self.worse = False
        self.armed = True
        """Whether worsening would be news: it was told, and nothing better came since, if not."""
        self.plateaus: list[Span] = []

    @property
    def flat(self) -> bool:
        """Whether it is in a plateau."""
        return self.verdict == Verdict.PLATEAU

    def look(self, found: Trace, begin: int) -> Iterator[Change]:
        """Tell what changed in a trace of the samples from this one on."""
        worse = worsening(self._detector, found.verdict, found.slope)
        changes = np.diff(found.verdict, prepend=np.int8(self.verdict)) != 0
        changes |= np.diff(worse, prepend=self.worse)
        for i in np.flatnonzero(changes).tolist():
            sample, readings = begin + i, (float(found.level[i]), float(found.slope[i]))
            flat, was = found.verdict[i] == Verdict.PLATEAU, self.flat
            self.verdict, self.worse = int(found.verdict[i]), bool(worse[i])
            if was and not flat:
                yield Change(sample, ENDED, self._ended(sample), *readings)
            if flat and not was:
                yield Change(sample, *self._declared(sample, int(found.onset[i])), *readings)
            if (flat and not was) or self.verdict == Verdict.IMPROVING:
                self.armed = True
            if self.worse and self.armed:
                self.armed = False
                yield Change(sample, WORSENING, None, *readings)

    def _declared(self, declared: int, onset: int) -> tuple[EventKind, Span]:
        """Enter a plateau: a new one, or one that was interrupted or began earlier than thought."""
        start, kind, revises = self._row(onset), PLATEAU, self._detector.revises
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
        return kind, self.plateaus[-1]

    def _ended(self, sample: int) -> Span:
        last = self.plateaus[-1]
        # It has the row at which it was known.
        ended = max(self._row(sample), self._row(last.declared) + 1)
        self.plateaus[-1] = last._replace(stop=sample, ended=ended)
        return self.plateaus[-1]


class Listener(Generic[D]):
    """Lets a detector take samples, and tells what happens.

    Parameters
    ----------
    detector : DetectorProtocol
        It goes on from where it is. Nothing else may feed it.
    """

    def __init__(self, detector: D) -> None:
        self.detector = detector
        self._before = detector.count  # samples that the detector had taken by itself
        self._taken = 0
        self._broken = False  # whether the last one was not finite
        self._places = Places()
        self._changes = Changes(detector, self._row)
        self._changes.verdict = int(detector.verdict)
        self._changes.worse = bool(worsening(detector, detector.verdict, detector.slope))
        self._changes.armed = not self._changes.worse
        if detector.onset is not None and detector.declared is not None:
            began, known = detector.onset - self._before, detector.declared - self._before
            self._changes.plateaus.append(Span(began, began, known))

    def take_one(self, x: float) -> list[Event]:
        """Take the next sample; return what happened, which mostly is nothing."""
        if not abs(x) <= LIMIT:
            return self._take(np.array([x]))
        detector, changes = self.detector, self._changes
        index = detector.count - self._before
        detector.update(x)
        self._places.append(index, self._taken)
        self._broken = False
        self._taken += 1
        verdict = int(detector.verdict)
        worse = bool(worsening(detector, verdict, detector.slope))
        if verdict == changes.verdict and worse == changes.worse:
            return []
        found = changes.look(self._own(_now(detector), np.array([0])), index)
        return [self._event(self._taken - 1, change, detector) for change in found]

    def take(self, samples: Array) -> list[Event]:
        """Take the next samples; return what happened, by indices from the first one ever."""
        return self.take_one(float(samples[0])) if len(samples) == 1 else self._take(samples)

    def _take(self, samples: Array) -> list[Event]:
        accepted = np.flatnonzero(np.abs(samples) <= LIMIT)
        begin = self.detector.count - self._before
        at = np.arange(begin, begin + len(accepted))
        self._places.add(at, self._taken + accepted.astype(np.float64))
        self._places.thin()
        twin = self.detector.clone() if len(samples) > 1 else None
        found = self.detector.record(samples)
        told = list(self._changes.look(self._own(found, accepted), begin))
        broken = [
            Change(i, NONFINITE, None, float(found.level[i]), float(found.slope[i]))
            for i in self._breaks(samples)
        ]
        offsets = [(int(accepted[change.sample - begin]), change) for change in told]
        offsets += [(change.sample, change) for change in broken]
        events: list[Event] = []
        done = 0
        for i, change in sorted(offsets, key=lambda each: each[0]):
            if twin is not None:  # the detector itself has gone on to the end
                twin.update_many(samples[done : i + 1])
                done = i + 1
            events.append(self._event(self._taken + i, change, twin or self.detector))
        self._taken += len(samples)
        return events

    def to_bytes(self) -> bytes:
        """Return what it knows beside its detector, which is saved by itself."""
        changes = self._changes
        spans = np.array(changes.plateaus, dtype="<f8")
        news = self._broken, changes.worse, changes.armed
        head = HEAD.pack(self._before, self._taken, changes.verdict, *news, len(spans))
        return head + spans.tobytes() + self._places.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, detector: D) -> Self:
        """Go on where another one was, with its detector as it was then.

        Raises
        ------
        ValueError
            If the bytes are not those of a listener.
        """
        made = cls(detector)
        changes, size = made._changes, len(Span._fields)
        try:
            *head, spans = HEAD.unpack_from(data)
            told = np.frombuffer(data, "<f8", spans * size, HEAD.size).reshape(spans, size)
            made._places = Places.from_bytes(data[HEAD.size + told.nbytes :])
            changes.plateaus = [_span(*each) for each in told.tolist()]
        except (struct.error, ValueError, OverflowError):
            raise ValueError("state is damaged: it does not say what was told") from None
        made._before, made._taken, changes.verdict, made._broken, changes.worse, changes.armed = (
            head
        )
        if not made._fits():
            raise ValueError("state is damaged: what was told is not what its detector knows")
        return made

    def _fits(self) -> bool:
        """Whether it can have come to stand so, beside its detector."""
        count, changes = self.detector.count, self._changes
        return (
            0 <= self._before <= count
            and count - self._before <= self._taken <= MOST
            and self._places.reach(count - self._before, self._taken)
            and changes.verdict == self.detector.verdict
            and (bool(changes.plateaus) or not changes.flat)
        )

    def _own(self, found: Trace, at: NDArray[np.int64]) -> Trace:
        """Return the trace of some samples, in which the first one ever has the index 0."""
        level, slope, verdict = found.level[at], found.slope[at], found.verdict[at]
        onset = found.onset[at] - self._before
        return Trace(level, slope, verdict, found.fired[at], onset, found.kind[at])

    def _event(self, index: int, change: Change, detector: DetectorProtocol) -> Event:
        onset = declared = None
        if change.span is not None:
            onset, declared = change.span.start, self._row(change.span.declared)
        gain = getattr(detector, "gain", None)
        return Event(index, change.kind, onset, change.level, change.slope, gain, declared)

    def _breaks(self, samples: Array) -> list[int]:
        """Tell at which samples they cease to be finite."""
        broken = ~np.isfinite(samples)
        first: list[int] = np.flatnonzero(
            broken & ~np.insert(broken, 0, self._broken)[:-1]
        ).tolist()
        self._broken = bool(broken[-1]) if len(broken) else self._broken
        return first

    def _row(self, sample: int) -> int:
        """Return the index of an accepted sample; below 0 before the first."""
        return sample if sample < 0 else int(self._places(sample))


def _now(detector: DetectorProtocol) -> Trace:
    """Return what a detector knows at present, as a trace of one sample."""
    verdict, onset = detector.verdict, detector.onset
    return Trace(
        np.array([detector.level]),
        np.array([detector.slope]),
        np.array([verdict], dtype=np.int8),
        np.zeros(1, dtype=np.bool_),  # no event is made of fires and kinds
        np.array([-1 if onset is None else onset]),
        np.zeros(1, dtype=np.int8),
    )


def _span(start: float, onset: float, declared: float, stop: float, ended: float) -> Span:
    """Return a plateau from saved numbers; NaN stands where it has not stopped."""
    stopped = None if math.isnan(stop) else int(stop)
    return Span(int(start), int(onset), int(declared), stopped, int(ended))


def worsening(detector: DetectorProtocol, verdict: Any, slope: Any) -> Any:
    """Tell from what a detector said, once or in arrays, whether the metric moved the wrong way."""
    if isinstance(detector, ThresholdDetector):
        backwards = -SIGNS[detector.mode] * slope
        return (backwards >= detector.threshold) & (detector.mode != "both")
    return verdict == int(Verdict.WORSENING)


def events_of(detector: DetectorProtocol, parts: Iterable[Array]) -> Iterator[Event]:
    """Yield what happens while a detector takes samples, part by part."""
    listener, raises = Listener(detector), detector.on_nonfinite == "raise"
    for samples in parts:
        bad = first_nonfinite(samples) if raises else None
        yield from listener.take(samples[:bad])
        if bad is not None:
            raise nonfinite_error(samples, bad)


def parts_of(xs: ArrayLike | Iterable[float]) -> Iterable[Array]:
    """Return a series in blocks; of an iterator each sample as it comes, alone."""
    if isinstance(xs, Iterator):
        return (np.array([as_sample(x)]) for x in xs)
    samples = as_samples(xs)
    return np.split(samples, range(BLOCK, len(samples), BLOCK))
