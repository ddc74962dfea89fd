"""Whole series: what a detector says after each sample, and the plateaus it finds."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._recurrence import LIMIT
from plateau._samples import as_samples, first_nonfinite, nonfinite_error
from plateau.base import KINDS, Kind, PlateauDetector, Trace, Verdict
from plateau.calibrated import Detector
from plateau.hindsight import look_back


class Plateau(NamedTuple):
    """A stretch of a series that does not move: the samples [start, stop)."""

    start: int
    """Onset: index of its first sample, as estimated in hindsight."""
    stop: int
    """Index of the sample at which it was over; behind the last finite sample if it is not."""
    declared: int | None
    """Index of the sample at which a detector fed one by one would have known of it; None where it
    would not."""
    level: float
    """Mean of its samples, in metric units."""
    slope: float
    """Slope of the straight line fitted to its samples, in metric units per sample."""
    noise: float
    """Standard deviation of its samples around that line."""
    closed: bool
    """False if the series ends within it."""
    kind: Kind = "flat"
    """``"flat"``: no movement is seen. ``"slow"``: some is, but little beside what came before."""


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

    With a `Detector` they are those of hindsight, as somebody marks them who sees the whole series:
    a stream knows less, and `Plateau.declared` says when it would have known. A positive series
    whose level spans two decades or more is judged by its logarithm. With a `ThresholdDetector`, or
    a `horizon` of your own, they are what the detector says while it is fed.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units. Samples that are not finite belong to no plateau but may lie
        within one.
    detector : Detector or ThresholdDetector, optional
        Taken as a description; its own state is neither used nor touched. ``Detector()`` by
        default. Of a `Detector` hindsight uses `min_change`.

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
    ends = np.arange(1, len(values) + 1)
    rows = Rows(values, ends, places_of(places))
    return plateaus_of(
        fresh, [fresh._record(values)], rows, broken=len(samples) > int(rows.places[-1])
    )


class Rows(NamedTuple):
    """Rows of a series that have a finite value."""

    values: NDArray[np.float64]
    """Shape (n,)."""
    ends: NDArray[np.int64]
    """Samples up to and with each, shape (n,)."""
    places: NDArray[np.int64]
    """Index of each in the series, and last that behind them, shape (n + 1,)."""


def places_of(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Append the place behind the last of some rows."""
    return np.append(rows, rows[-1] + 1 if len(rows) else 0)


def plateaus_of(
    detector: PlateauDetector,
    traces: Iterable[Trace],
    rows: Rows,
    *,
    broken: bool,
    past: bool = False,
) -> list[Plateau]:
    """Find the plateaus of a series to which a detector has been listening.

    Parameters
    ----------
    detector : PlateauDetector
        Whose traces they are; taken as a description.
    traces : iterable of Trace
        Of the successive samples that the rows stand for.
    rows : Rows
        The series.
    broken : bool
        Whether the series ends in values that are not finite.
    past : bool
        Whether it is to be judged by what was known at the time only.
    """
    if past or not isinstance(detector, Detector) or detector.horizon is not None:
        return measured(stretches(traces, detector.revises), *rows)
    known = list(_raw_stretches(traces))
    values, ends, places = rows
    return [
        Plateau(
            int(places[start]),
            int(places[stop - 1]) + 1,
            _first_known(known, ends, places, start, stop),
            *_fitted(ends[start:stop], values[start:stop]),
            stop < len(values) or broken,
            kind,
        )
        for start, stop, kind in look_back(values, detector.min_change)
    ]


def _first_known(
    known: Iterable["Stretch"],
    ends: NDArray[np.int64],
    places: NDArray[np.int64],
    start: int,
    stop: int,
) -> int | None:
    """Return the first row of a plateau at which a stream was in it.

    What it had known before counts where it went on for longer within this plateau than before: a
    stream sees a little late that the plateau before is over.
    """
    for _, declared, end, _ in known:
        first = int(np.searchsorted(ends, declared, side="right"))
        last = stop if end is None else int(np.searchsorted(ends, end, side="right"))
        if first < stop and last > start and last - start > start - first:
            return int(places[max(first, start)])
    return None


Stretch = tuple[int, int, int | None, int]
"""Onset, declared and stop, in samples, and the kind that it had at its end; stop is None for a
plateau that is open at the end."""


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
    for onset, declared, stop, kind in _raw_stretches(traces):
        while revises and spans and (known := taken_up(spans[-1][:3], onset, declared)) is not None:
            spans.pop()
            declared = known
        spans.append((onset, declared, stop, kind))
    return _disjoint(spans) if revises else spans


def _disjoint(spans: list[Stretch]) -> list[Stretch]:
    """End each at the onset of the next, if it goes on until then."""
    onsets = [onset for onset, *_ in spans[1:]]
    return [
        (onset, declared, following if stop is None or following < stop else stop, kind)
        for (onset, declared, stop, kind), following in zip(spans, onsets, strict=False)
    ] + spans[-1:]


def taken_up(earlier: tuple[int, int, int | None], onset: int, declared: int) -> int | None:
    """Return when a plateau was first known that takes up the one before; None if it does not.

    The one before is told by its onset, and when it was declared and over. It was a mistake where
    the new one neither begins as early nor was declared at once where it ended.
    """
    before, known, stop = earlier
    if onset > known:
        return None
    return known if onset <= before or _at_once(stop, declared) else declared


def _at_once(stop: int | None, declared: int) -> bool:
    """Whether a plateau was declared as soon as the one before ended, within a block or two.

    A stream has at least 128 blocks, so one is no longer than that share of what came before.
    """
    return stop is None or declared - stop <= 1 + stop // 64


def _raw_stretches(traces: Iterable[Trace]) -> Iterator[Stretch]:
    position, present, kind = 0, None, 0
    for found in traces:
        inside = found.verdict == Verdict.PLATEAU
        for i in np.flatnonzero(np.diff(inside, prepend=present is not None)).tolist():
            if present is None:
                present = int(found.onset[i]), position + i
            else:
                yield *present, position + i, int(found.kind[i - 1]) if i else kind
                present = None
        position += len(inside)
        kind = int(found.kind[-1]) if len(inside) else kind
    if present is not None:
        yield *present, None, kind


def measured(
    found: Iterable[Stretch],
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
        Index of that row in the series, and last that behind them.
    """
    spans: list[tuple[int, int, int, bool, int]] = []
    for onset, declared, stop, kind in found:
        start, known = np.searchsorted(ends, [onset, declared], side="right").tolist()
        end = len(values) if stop is None else int(np.searchsorted(ends, stop, side="right"))
        end = max(end, known + 1)
        if spans and known < spans[-1][2]:  # it ended and came back within one row
            start, known = spans.pop()[:2]
        elif spans:
            start = max(start, spans[-1][2])
        spans.append((start, known, end, stop is not None, kind))
    return [
        Plateau(
            int(places[start]),
            int(places[end]),
            int(places[known]),
            *_fitted(ends[start:end], values[start:end]),
            closed,
            KINDS[kind],
        )
        for start, known, end, closed, kind in spans
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
