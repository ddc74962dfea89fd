"""Whole series: what a detector says after each sample, and the plateaus it finds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._compile import compiled
from plateau._kernels import LIMIT
from plateau._samples import as_samples, first_nonfinite, nonfinite_error
from plateau.detectors import ThresholdDetector, Verdict
from plateau.rule import Rule


class Trace(NamedTuple):
    """What a detector knew after each of n samples: arrays of shape (n,)."""

    level: NDArray[np.float64]
    """Smoothed value, in metric units; NaN before the first accepted sample."""
    slope: NDArray[np.float64]
    """Slope, in metric units per sample; NaN while warming up."""
    verdict: NDArray[np.int8]
    """Codes of `Verdict`."""
    fired: NDArray[np.bool_]
    """Whether the detector fired at this sample."""
    onset: NDArray[np.int64]
    """Where the present plateau began, in accepted samples; -1 outside a plateau."""


class Plateau(NamedTuple):
    """A stretch of a series that does not move: the samples [start, stop)."""

    start: int
    """Onset: index of its first sample, as estimated in hindsight."""
    stop: int
    """Index of the sample at which it was seen to be over, or the length of the series."""
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


def trace(xs: ArrayLike | Iterable[float], detector: ThresholdDetector) -> Trace:
    """Run a detector over a whole series and record everything it says.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units. Samples that are not finite repeat what was known before.
    detector : ThresholdDetector
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
    return run_on(_fresh(detector, samples), samples)


def _fresh(detector: ThresholdDetector, samples: NDArray[np.float64]) -> ThresholdDetector:
    """Return the detector as it is before its first sample, if it may take these."""
    if not isinstance(detector, ThresholdDetector):
        raise TypeError(f"detector must be a ThresholdDetector, not {detector!r}")
    bad = first_nonfinite(samples) if detector.on_nonfinite == "raise" else None
    if bad is not None:
        raise nonfinite_error(samples, bad)
    fresh = detector.clone()
    fresh.reset()
    return fresh


def run_on(detector: ThresholdDetector, samples: NDArray[np.float64]) -> Trace:
    """Let a detector take more samples, as `update_many` does, and record what it says."""
    n = len(samples)
    found = Trace(
        np.empty(n), np.empty(n), np.empty(n, np.int8), np.empty(n, np.bool_), np.empty(n, np.int64)
    )
    compiled(f"{detector.slope_filter.kernels}_trace")(detector._block, samples, *found)
    return found


def find_plateaus(
    xs: ArrayLike | Iterable[float], detector: ThresholdDetector | None = None
) -> list[Plateau]:
    """Find the plateaus of a whole series.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units. Samples that are not finite belong to no plateau but may lie
        within one.
    detector : ThresholdDetector, optional
        Taken as a description; its own state is neither used nor touched. By default
        `plateau.rule.Rule` chooses one from the series.

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
    if detector is None:
        detector = Rule().detector(values, len(values))
    fresh = _fresh(detector, samples)
    found = stretches([run_on(fresh, values)])
    return measured(found, values, np.arange(1, len(values) + 1), np.append(places, len(samples)))


def stretches(traces: Iterable[Trace]) -> Iterator[tuple[int, int, int | None]]:
    """Tell the plateaus in the successive traces of one stream of finite samples.

    Yields
    ------
    onset, declared, stop : int, int, int or None
        In samples from the first on; stop is None for a plateau that is still open at the end.
    """
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
