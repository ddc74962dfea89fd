"""Whole series: what a detector says after each sample, and the plateaus it finds."""

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._estimates import confidence_of, estimates_of
from plateau._samples import LIMIT, as_samples, first_nonfinite, nonfinite_error
from plateau.base import KINDS, SIGNS, Kind, Mode, Trace, Verdict
from plateau.calibrated import Detector, Settings
from plateau.detectors import ThresholdDetector
from plateau.hindsight import gain_so_far, look_back, on_scale
from plateau.outlook import Gain
from plateau.protocol import DetectorProtocol

if TYPE_CHECKING:
    from plateau.logs.model import Run


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
    level_error: float = math.nan
    """Standard error of `level`, autocorrelation included."""
    effective: float = math.nan
    """Uncorrelated samples that it is worth."""
    confidence: float = math.nan
    """Probability that the drift along it stays below what counts: half of its noise, or twice
    `min_change` of the range of the series if that is more; NaN of next to no samples. Of a
    `ThresholdDetector` what its threshold adds up to."""
    gain: Gain | None = None
    """What as many samples again as up to `stop` were expected to bring there; None where nothing
    can be said."""

    def __repr__(self) -> str:
        known = ((name, x) for name, x in zip(self._fields, self, strict=True) if _is_known(x))
        said = (f"{name}={f'{x:.4g}' if isinstance(x, float) else repr(x)}" for name, x in known)
        return f"Plateau({', '.join(said)})"


def _is_known(field: object) -> bool:
    return field is not None and not (isinstance(field, float) and math.isnan(field))


class Plateaus(list[Plateau]):
    """Plateaus of a series in order: a list that a notebook shows as a picture and a table.

    Parameters
    ----------
    found : iterable of Plateau
        The plateaus.
    xs : array_like, shape (n,)
        The series.
    mode : {"min", "max", "both"}
        The detector's.
    """

    def __init__(
        self, found: Iterable[Plateau], xs: ArrayLike | Iterable[float], mode: Mode
    ) -> None:
        super().__init__(found)
        self._xs = xs
        self._mode = mode

    @cached_property
    def run(self) -> "Run":
        """The series, with the index of one of pandas or xarray as its x."""
        from plateau.series import run_of

        return run_of(self._xs, self._mode)

    def __reduce__(self) -> tuple[type, tuple[list[Plateau]]]:
        return list, (list(self),)  # elsewhere they are a list

    def _repr_html_(self) -> str:
        from plateau.showing.notebook import plateaus_html

        return plateaus_html(self)


def trace(
    xs: ArrayLike | Iterable[float],
    detector: DetectorProtocol | None = None,
    **settings: Unpack[Settings],
) -> Trace:
    """Run a detector over a whole series and record everything it says.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units; also a series, a frame of one column or a tensor. Samples that
        are not finite repeat what was known before.
    detector : Detector or ThresholdDetector, optional
        Taken as a description; its own state is neither used nor touched. ``Detector()`` by
        default.
    **settings
        Those of `Detector`, in place of one: ``mode="max"``.

    Returns
    -------
    Trace
        Arrays of shape (n,).

    Raises
    ------
    TypeError, ValueError
        If `xs` is not one row of real numbers, or a setting is invalid.

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
    return fresh(detector, settings, samples).record(samples)


def fresh(
    detector: DetectorProtocol | None, settings: Settings, samples: NDArray[np.float64]
) -> DetectorProtocol:
    """Return a detector as it is before its first sample, if it may take these.

    It is the one described, or that of the settings.
    """
    if detector is None:
        detector = Detector(**settings)
    elif settings:
        raise TypeError(f"give a detector or {', '.join(settings)}, not both")
    if not isinstance(detector, DetectorProtocol):
        raise TypeError(f"detector must be a detector, say Detector(), not {detector!r}")
    bad = first_nonfinite(samples) if detector.on_nonfinite == "raise" else None
    if bad is not None:
        raise nonfinite_error(samples, bad)
    made = detector.clone()
    made.reset()
    return made


def find_plateaus(
    xs: ArrayLike | Iterable[float],
    detector: DetectorProtocol | None = None,
    **settings: Unpack[Settings],
) -> Plateaus:
    """Find the plateaus of a whole series.

    With a `Detector` they are judged in hindsight, with the whole series in view: a stream
    knows less, and `Plateau.declared` says when it would have known. A positive series
    that falls by two decades or more is judged by its logarithm (`Detector.scale`). With a
    `ThresholdDetector`, or a `horizon` of your own, they are what the detector says while it is
    fed.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, in metric units; also a series, a frame of one column or a tensor. Samples that
        are not finite belong to no plateau but may lie within one.
    detector : Detector or ThresholdDetector, optional
        Taken as a description; its own state is neither used nor touched. ``Detector()`` by
        default. Of a `Detector` hindsight uses `min_change` and `scale`.
    **settings
        Those of `Detector`, in place of one: ``mode="max"``.

    Returns
    -------
    list of Plateau
        In order and disjoint; indices refer to `xs`. A notebook shows it as a picture and a table.

    Raises
    ------
    TypeError, ValueError
        If `xs` is not one row of real numbers, or a setting is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from plateau import find_plateaus
    >>> [(p.start, p.stop, p.kind) for p in find_plateaus(2 + np.exp(-np.arange(200) / 10))]
    [(44, 200, 'flat')]

    >>> from plateau import Haar, ThresholdDetector
    >>> loss = [8, 6, 4] + [3] * 7 + [2] + [1] * 7
    >>> detector = ThresholdDetector(Haar(window=2), threshold=0.1, patience=3)
    >>> [(p.start, p.stop, p.level, p.closed) for p in find_plateaus(loss, detector)]
    [(3, 10, 3.0, True), (11, 18, 1.0, False)]
    """
    samples = as_samples(xs)
    places = np.flatnonzero(np.abs(samples) <= LIMIT)
    values = samples[places]
    listening = fresh(detector, settings, samples)
    rows = FiniteRows(values, np.arange(1, len(values) + 1), places_of(places))
    broken = len(samples) > int(rows.places[-1])
    found = plateaus_of(listening, [listening.record(values)], rows, broken=broken)
    return Plateaus(found, samples if isinstance(xs, Iterator) else xs, listening.mode)


class FiniteRows(NamedTuple):
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
    detector: DetectorProtocol,
    traces: Iterable[Trace],
    rows: FiniteRows,
    *,
    broken: bool,
    past: bool = False,
) -> list[Plateau]:
    """Find the plateaus of a series to which a detector has been listening.

    Parameters
    ----------
    detector : DetectorProtocol
        Whose traces they are; taken as a description.
    traces : iterable of Trace
        Of the successive samples that the rows stand for.
    rows : FiniteRows
        The series.
    broken : bool
        Whether the series ends in values that are not finite.
    past : bool
        Whether it is to be judged by what was known at the time only.
    """
    judge = Judge(detector, rows)
    if past or not isinstance(detector, Detector) or detector.horizon is not None:
        return [
            judge.plateau(start, stop, int(rows.places[stop]), known, closed, kind)
            for start, known, stop, closed, kind in in_rows(
                stretches(traces, detector.revises), rows.ends
            )
        ]
    heard = list(_raw_stretches(traces))
    found = []
    for start, stop, kind in look_back(rows.values, detector.min_change, detector.scale):
        known = _first_known(heard, rows.ends, start, stop)
        closed = stop < len(rows.values) or broken
        behind = int(rows.places[stop - 1]) + 1
        found.append(judge.plateau(start, stop, behind, known, closed, kind))
    return found


class Judge:
    """Makes plateaus of the stretches of a series.

    Parameters
    ----------
    detector : DetectorProtocol
        Taken as a description.
    rows : FiniteRows
        The series.
    """

    def __init__(self, detector: DetectorProtocol, rows: FiniteRows) -> None:
        self.rows = rows
        self.sign = SIGNS[detector.mode]
        self.threshold = self.counts = 0.0
        self.judged = rows.values
        if isinstance(detector, ThresholdDetector):
            self.threshold = detector.threshold
        elif isinstance(detector, Detector):
            self.judged = on_scale(rows.values, detector.scale)
            covered = float(np.ptp(self.judged)) if len(self.judged) else 0.0
            self.counts = 2.0 * detector.min_change * covered

    def plateau(
        self, start: int, stop: int, behind: int, known: int | None, closed: bool, kind: Kind
    ) -> Plateau:
        """Make one of the rows [start, stop).

        Parameters
        ----------
        start, stop : int
            Which of the rows with a finite value it has.
        behind : int
            Row of the series behind it.
        known : int or None
            Which of the rows with a finite value it was known at.
        closed : bool
            Whether it is over.
        kind : {"flat", "slow"}
            Its kind.
        """
        values, ends, places = self.rows
        found = estimates_of(ends[start:stop], values[start:stop])
        counts = self.counts or self.threshold * float(ends[stop - 1] - ends[start])
        return Plateau(
            int(places[start]),
            behind,
            None if known is None else int(places[known]),
            found.level,
            found.slope,
            found.noise,
            closed,
            kind,
            found.level_error,
            found.effective,
            confidence_of(self.judged[start:stop], counts),
            gain_so_far(values[:stop], self.sign),
        )


def _first_known(
    known: Iterable["Stretch"],
    ends: NDArray[np.int64],
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
            return max(first, start)
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


def in_rows(
    found: Iterable[Stretch], ends: NDArray[np.int64]
) -> list[tuple[int, int, int, bool, Kind]]:
    """Turn stretches of samples into rows: start, declared, stop, whether it is over, and kind.

    Parameters
    ----------
    found : iterable
        As `stretches` yields them.
    ends : numpy.ndarray, shape (n,)
        How many samples there are up to and with each row.
    """
    spans: list[tuple[int, int, int, bool, Kind]] = []
    for onset, declared, stop, kind in found:
        start, known = np.searchsorted(ends, [onset, declared], side="right").tolist()
        end = len(ends) if stop is None else int(np.searchsorted(ends, stop, side="right"))
        end = max(end, known + 1)
        if spans and known < spans[-1][2]:  # it ended and came back within one row
            start, known = spans.pop()[:2]
        elif spans:
            start = max(start, spans[-1][2])
        spans.append((start, known, end, stop is not None, KINDS[kind]))
    return spans
