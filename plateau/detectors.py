"""The threshold detector: FastFace's rule."""

import math
from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _recurrence as r
from plateau import fast
from plateau._arguments import positive, whole
from plateau._compile import Kernel
from plateau._kernels import reading, readings
from plateau._samples import Sample
from plateau._state import Description
from plateau.base import (
    FLAT,
    NO_ALARMS,
    SIGNS,
    KernelDetector,
    Mode,
    Readings,
    Trace,
    Verdict,
    nan_unless,
)
from plateau.filters import SlopeFilter, filter_from


class ThresholdDetector(KernelDetector):
    """FastFace's rule: flat when progress stays below a threshold for longer than the patience.

    Progress is the slope towards the better: -slope in mode ``"min"``, +slope in ``"max"``, its
    magnitude in ``"both"``. Each sample whose progress is below `threshold` lengthens the run of
    flat samples, any other ends it. When the run exceeds `patience` the detector fires and starts
    a new run, so it fires again and again while the plateau lasts.

    The test is one-sided, as published: a rising loss makes no progress and counts as flat.

    Parameters
    ----------
    slope_filter : SlopeFilter
        `Haar`, `EmaHaar` or `Ema`, taken as a description: the detector runs its own, from the
        start.
    threshold : float
        Progress below it is flat, in metric units per sample, above 0.
    patience : int
        Fires when more than this many samples in a row are flat, at least 0.
    mode : {"min", "max", "both"}, default "min"
        Whether the metric gets better downwards, upwards, or has no better direction.
    on_nonfinite : {"skip", "raise"}, default "skip"
        What to do with a sample that is NaN, infinite or above 2**500 in magnitude. Either way it
        leaves the state as it was; ``"skip"`` counts it in `skipped`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Notes
    -----
    Indices (`onset`, `declared`) count accepted samples from 0: skipped ones have no index.

    The rule is that of Gong et al., arXiv 2404.11118, which publishes a threshold of 5e-5 and a
    patience of 5 % of all steps with ``EmaHaar(1e-3, 1e-3)``. The threshold has the metric's units,
    so it must follow when the metric is scaled.

    Examples
    --------
    >>> from plateau import Haar, ThresholdDetector
    >>> loss = [9.0, 7.0, 5.0, 3.0] + [2.0] * 8
    >>> detector = ThresholdDetector(Haar(window=4), threshold=0.1, patience=3)
    >>> [i for i, x in enumerate(loss) if detector.update(x)]
    [10]
    >>> detector.verdict, detector.onset, detector.declared
    (<Verdict.PLATEAU: 3>, 5, 10)
    """

    __slots__ = ("patience", "slope_filter", "threshold")
    _type = "ThresholdDetector"
    _update: Callable[[Any, float], bool]

    def __init__(
        self,
        slope_filter: SlopeFilter,
        threshold: float,
        patience: int,
        *,
        mode: Mode = "min",
        on_nonfinite: Literal["skip", "raise"] = "skip",
    ) -> None:
        if not isinstance(slope_filter, SlopeFilter):
            raise TypeError(f"slope_filter must be Haar, EmaHaar or Ema, not {slope_filter!r}")
        self.slope_filter = slope_filter
        self.threshold = positive("threshold", threshold)
        self.patience = whole("patience", patience, least=0)
        self._set_mode(mode, on_nonfinite)
        self._layout = slope_filter._layout_with(self.patience)
        self._keep(self._make_state(streams=1))

    @property
    def _one_sample(self) -> Kernel[..., bool]:
        return self.slope_filter.kernels.update

    def _make_state(self, streams: int) -> NDArray[np.float64]:
        return self.slope_filter.make_state(
            streams, sign=SIGNS[self.mode], threshold=self.threshold, patience=self.patience
        )

    def _describe(self) -> Description:
        return {
            "type": self._type,
            "slope_filter": self.slope_filter._describe(),
            "threshold": self.threshold,
            "patience": self.patience,
            "mode": self.mode,
            "on_nonfinite": self.on_nonfinite,
        }

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        arguments = {key: value for key, value in description.items() if key != "type"}
        return cls(filter_from(arguments.pop("slope_filter")), **arguments)

    @property
    def group(self) -> int:
        """Streams of a bank whose state is interleaved, so that they advance side by side."""
        return self.slope_filter.kernels.group

    def update(self, x: Sample) -> bool:
        """Take one sample, see `PlateauDetector.update`."""
        if self._raises or type(x) is not float:
            x = self._sampled(x)
        try:
            return self._update(self._address, x)
        except AttributeError:  # nothing is compiled so far
            return bool(self._first(x))
        except RuntimeError:  # another thread has it, or this one was interrupted
            return self._one(self._one_sample, x)

    def _take(self, samples: NDArray[np.float64]) -> NDArray[np.int64]:
        offsets = np.empty(len(samples) // (self.patience + 1) + 1, dtype=np.int64)
        kernels = self.slope_filter.kernels_for(len(samples), self.patience)
        found = kernels.update_many(self._state, samples, offsets)
        return offsets[:found]

    def _take_until_fire(self, samples: NDArray[np.float64]) -> int | None:
        offset = self.slope_filter.kernels.until_fire(self._state, samples)
        return None if offset < 0 else offset

    def _record(self, samples: NDArray[np.float64]) -> Trace:
        n = len(samples)
        codes, fired, onset = np.empty(n, np.int8), np.empty(n, np.bool_), np.empty(n, np.int64)
        found = np.empty(n), np.empty(n), codes, fired, onset
        self.slope_filter.kernels.trace(self._state, samples, *found)
        return Trace(*found, np.where(codes == Verdict.PLATEAU, FLAT, -1).astype(np.int8))

    def _advance(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        fired = np.empty(streams, dtype=np.bool_)
        kernels = fast.bank_kernels(self.slope_filter.kernels)
        kernels.bank(state, streams, samples, fired)
        return fired, NO_ALARMS

    def _advance_many(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        fired = np.zeros(samples.shape, dtype=np.bool_)
        ordered = samples if samples.flags.f_contiguous else np.ascontiguousarray(samples)
        flat = ordered.ravel(order="K")
        # NumPy may give the only row or stream a stride of 0.
        hop, stride = (max(step // samples.itemsize, 1) for step in ordered.strides)
        kernels = fast.bank_kernels(self.slope_filter.kernels)
        kernels.bank_many(state, streams, flat, hop, stride, fired.ravel())
        return fired, NO_ALARMS

    def _readings(self, state: NDArray[np.float64], streams: int) -> Readings:
        size, group = self._layout.size, self.group
        number, place = np.divmod(np.arange(streams), group)
        places = r.PARAMS + number * (size * group) + place
        codes = np.empty(streams, dtype=np.int8)
        onset, declared = np.empty((2, streams), dtype=np.int64)
        readings(state, places, group, codes, onset, declared)
        cells = {name: state[places + i * group] for i, name in enumerate(self._layout.names)}
        counts = (cells[name].astype(np.int64) for name in ("accepted", "skipped", "fires"))
        count, warmup = cells["accepted"], self.slope_filter.warmup
        level = nan_unless(count > 0, cells["level"])
        slope = nan_unless(count > warmup, cells["slope"])
        noise = noise_of(cells["variance"], count, warmup + 1)
        return Readings(codes, onset, declared, level, slope, noise, *counts)

    @staticmethod
    def _mark_changed(table: NDArray[Any]) -> None:
        table[:, r.RUN] = 0.0
        table[:, r.SINCE] = table[:, r.ACCEPTED]

    @property
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""
        return Verdict(self._reading()[0])

    @property
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began, as far as can be told in hindsight.

        It is the first sample of the flat run, moved back by the filter's delay, but not beyond the
        last `changed()`. None outside a plateau.
        """
        onset = int(self._reading()[1])
        return None if onset < 0 else onset

    @property
    def declared(self) -> int | None:
        """Index of the sample at which the present plateau was first known; None outside one."""
        declared = int(self._reading()[2])
        return None if declared < 0 else declared

    @property
    def level(self) -> float:
        """Smoothed value, in metric units; NaN before the first sample."""
        return self._cell("level") if self.count else math.nan

    @property
    def slope(self) -> float:
        """Slope after the last sample, in metric units per sample; NaN while warming up."""
        return self._cell("slope") if self.count > self.slope_filter.warmup else math.nan

    @property
    def noise(self) -> float:
        """Standard deviation of the stream around its level; NaN before the second sample.

        The square root of half the mean square of successive differences (von Neumann 1941),
        averaged with a time constant of the filter's length. Trends do not disturb it; for samples
        that are correlated with their predecessors it is too small.
        """
        return float(noise_of(self._cell("variance"), self.count, self.slope_filter.warmup + 1))

    def _reading(self) -> tuple[int, float, float]:
        found: tuple[int, float, float] = reading(self._state, r.PARAMS, 1)
        return found


def noise_of(variance: ArrayLike, count: ArrayLike, length: int) -> NDArray[np.float64]:
    """Return the noise from the running variance after `count` samples; NaN before the second."""
    # The running average began at 0: divide by the weight that the differences have had so far.
    differences = np.asarray(count) - 1.0
    seen = -np.expm1(differences * np.log1p(-1.0 / length))
    unseen = np.full(seen.shape, np.nan)
    noise: NDArray[np.float64] = np.sqrt(np.divide(variance, seen, unseen, where=differences > 0))
    return noise
