"""Whole series: what a detector says after each sample, and the plateaus it finds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._recurrence import LIMIT
from plateau._samples import as_samples, first_nonfinite, nonfinite_error
from plateau.base import PlateauDetector, Trace, Verdict
from plateau.calibrated import Detector


class Plateau(NamedTuple):
    """A stretch of a series that does not move: the samples [start, stop)."""

    start: int
    """Onset: index of its first sample, as estimated in hindsight."""
    stop: int
    """Index of the sample at which it was seen to be over, or where hindsight has the next one
    begin; the length of the series if it is not over."""
    declared: int
    """Index of the sample at which it was first known."""
    level: float
    """Mean of its samples, in metric units."""
    slope: float
    """Slope of the straight line fitted to its samples, in metric units per sample."""
    noise: float
    """Standard deviation of its samples around that line."""
    closed: bool
    """False if the series ends within it."""


def trace(xs: ArrayLike | Iterable[float], detector: PlateauDetector) -> Trace:
    """Run a detector over a whole series and record everything it says.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units. Samples that are not finite repeat what was known before.
    detector : Detector or ThresholdDetector
        Taken as a description; its own state is neither used nor touched.

    Returns
    -------
    Trace
        Arrays of shape (n,).

    Raises
    ------
    TypeError, ValueError
        If `xs` is not one row of real numbers.

    Examples
    --------
    >>> from plateau import Haar, ThresholdDetector, Verdict, trace
    >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=2)
    >>> found = trace([4, 2, 1, 1, 1, 1, 1], detector)
    >>> found.slope.tolist()
    [nan, -2.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    >>> (found.verdict == Verdict.PLATEAU).tolist()
    [False, False, False, False, False, True, True]
    """
    samples = as_samples(xs)
    return _fresh(detector, samples)._record(samples)


def _fresh(detector: PlateauDetector, samples: NDArray[np.float64]) -> PlateauDetector:
    """Return the detector as it is before its first sample, if it may take these."""
    if not isinstance(detector, PlateauDetector):
        raise TypeError(f"detector must be a detector, say Detector(), not {detector!r}")
    bad = first_nonfinite(samples) if detector.on_nonfinite == "raise" else None
    if bad is not None:
        raise nonfinite_error(samples, bad)
    fresh = detector.clone()
    fresh.reset()
    return fresh


def find_plateaus(
    xs: ArrayLike | Iterable[float], detector: PlateauDetector | None = None
) -> list[Plateau]:
    """Find the plateaus of a whole series.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units. Samples that are not finite belong to no plateau but may lie
        within one.
    detector : Detector or ThresholdDetector, optional
        Taken as a description; its own state is neither used nor touched. ``Detector()`` by
        default.

    Returns
    -------
    list of Plateau
        In order and disjoint; indices refer to `xs`.

    Raises
    ------
    TypeError, ValueError
        If `xs` is not one row of real numbers.

    Examples
    --------
    >>> from plateau import Haar, ThresholdDetector, find_plateaus
    >>> loss = [8, 6, 4] + [3] * 7 + [2] + [1] * 7
    >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=3)
    >>> [(p.start, p.stop, p.level, p.closed) for p in find_plateaus(loss, detector)]
    [(3, 10, 3.0, True), (11, 18, 1.0, False)]
    """
    samples = as_samples(xs)
    places = np.flatnonzero(np.abs(samples) <= LIMIT)
    values = samples[places]
    fresh = _fresh(Detector() if detector is None else detector, samples)
    found = stretches([fresh._record(values)], fresh.revises)
    return measured(found, values, np.arange(1, len(values) + 1), np.append(places, len(samples)))


Stretch = tuple[int, int, int | None]
"""Onset, declared and stop, in samples; stop is None for a plateau that is open at the end."""


def stretches(traces: Iterable[Trace], revises: bool = False) -> list[Stretch]:
    """Tell the plateaus in the successive traces of one stream of finite samples.

    Parameters
    ----------
    traces : iterable of Trace
        Of successive samples.
    revises : bool
        The detector's `revises`. Then a plateau is the same as the one before if its onset is not
        behind that one's, after an interruption, or if it was declared at once where that ended,
        with a better onset. Any other ends the one before; if that was not even declared by then,
        it was a mistake and is dropped.
    """
    spans: list[Stretch] = []
    for onset, declared, stop in _raw_stretches(traces):
        while revises and spans and onset <= spans[-1][1]:
            earlier = spans.pop()
            if onset <= earlier[0] or _at_once(earlier, declared):
                declared = earlier[1]
        spans.append((onset, declared, stop))
    return _disjoint(spans) if revises else spans


def _disjoint(spans: list[Stretch]) -> list[Stretch]:
    """End each at the onset of the next, if it goes on until then."""
    onsets = [onset for onset, _, _ in spans[1:]]
    return [
        (onset, declared, following if stop is None or following < stop else stop)
        for (onset, declared, stop), following in zip(spans, onsets, strict=False)
    ] + spans[-1:]


def _at_once(earlier: Stretch, declared: int) -> bool:
    """Whether a plateau was declared as soon as the one before ended, within a block."""
    onset, _, stop = earlier
    return stop is None or declared - stop <= 1 + (stop - onset) // 64


def _raw_stretches(traces: Iterable[Trace]) -> Iterator[Stretch]:
    position, present = 0, None
    for found in traces:
        inside = found.verdict == Verdict.PLATEAU
        for i in np.flatnonzero(np.diff(inside, prepend=present is not None)):
            if present is None:
                present = int(found.onset[i]), position + int(i)
            else:
                yield *present, position + int(i)
                present = None
        position += len(inside)
    if present is not None:
        yield *present, None


def measured(
    found: Iterable[tuple[int, int, int | None]],
    values: NDArray[np.float64],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
) -> list[Plateau]:
    """Turn stretches of samples into plateaus of rows.

    Parameters
    ----------
    found : iterable
        As `stretches` yields them.
    values : numpy.ndarray, shape (n,)
        A value for each row with a finite one.
    ends : numpy.ndarray, shape (n,)
        How many samples there are up to and with that row.
    places : numpy.ndarray, shape (n + 1,)
        Index of that row in the series, and last the length of the series.
    """
    spans: list[tuple[int, int, int, bool]] = []
    for onset, declared, stop in found:
        start, known = np.searchsorted(ends, [onset, declared], side="right").tolist()
        end = len(values) if stop is None else int(np.searchsorted(ends, stop, side="right"))
        end = max(end, known + 1)
        if spans and known < spans[-1][2]:  # it ended and came back within one row
            start, known = spans.pop()[:2]
        elif spans:
            start = max(start, spans[-1][2])
        spans.append((start, known, end, stop is not None))
    return [
        Plateau(
            int(places[start]),
            int(places[end]),
            int(places[known]),
            *_fitted(ends[start:end], values[start:end]),
            closed,
        )
        for start, known, end, closed in spans
    ]


def _fitted(
    positions: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Mean, slope of the least-squares line, and standard deviation around that line."""
    level = float(values.mean())
    across = positions - positions.mean()
    spread = float(across @ across)
    slope = float(across @ (values - level)) / spread if spread else 0.0
    return level, slope, float((values - level - slope * across).std())
