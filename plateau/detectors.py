"""Detectors: whether a stream has stopped moving."""

import math
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau import _kernels as k
from plateau._arguments import one_of, positive, whole
from plateau._compile import compiled
from plateau._samples import Sample, as_sample, as_samples, first_nonfinite, nonfinite_error
from plateau._state import Description, Streaming
from plateau.filters import SlopeFilter, filter_from

Mode = Literal["min", "max", "both"]
"""Whether lower is better, higher is better, or neither: then any movement is progress."""

SIGNS = {"min": -1.0, "max": 1.0, "both": 0.0}


class Verdict(IntEnum):
    """What a detector says of a stream at present."""

    WARMING_UP = k.WARMING_UP
    """There are too few samples for a slope."""
    IMPROVING = k.IMPROVING
    """The stream makes progress; in mode ``"both"``: it moves."""
    UNDECIDED = k.UNDECIDED
    """It makes none, but not for long enough to call it a plateau."""
    PLATEAU = k.PLATEAU
    """It has stopped moving."""
    WORSENING = k.WORSENING
    """It moves the wrong way."""


class ThresholdDetector(Streaming):
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
        If an argument is not as said above.

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

    __slots__ = (
        "_raises",
        "_update",
        "mode",
        "on_nonfinite",
        "patience",
        "slope_filter",
        "threshold",
    )
    _type = "ThresholdDetector"
    _update: Callable[[NDArray[np.float64], Sample], bool]

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
        self.mode = one_of("mode", mode, tuple(SIGNS))
        self.on_nonfinite = one_of("on_nonfinite", on_nonfinite, ("skip", "raise"))
        self._raises = on_nonfinite == "raise"
        self._layout = slope_filter._layout
        self._block = self._make_block(streams=1)
        self._update = compiled(f"{slope_filter.kernels}_update")

    def _make_block(self, streams: int) -> NDArray[np.float64]:
        return self.slope_filter.make_block(
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

    def update(self, x: Sample) -> bool:
        """Take one sample.

        Parameters
        ----------
        x : float
            The sample, in metric units.

        Returns
        -------
        bool
            Whether the detector fires.

        Raises
        ------
        TypeError
            If `x` is not one real number.
        ValueError
            If it is not finite and ``on_nonfinite="raise"``; the state stays as it was.
        """
        if self._raises:
            self._refuse_nonfinite(x)
        try:
            return self._update(self._block, x)
        except (TypeError, OverflowError):  # a wrong type, or an int too large for a float
            return self._update(self._block, as_sample(x))

    def update_many(self, xs: ArrayLike | Iterable[float]) -> NDArray[np.int64]:
        """Take samples in a row; the state is then as after one `update` for each.

        Parameters
        ----------
        xs : array_like, shape (n,)
            The samples, in metric units.

        Returns
        -------
        numpy.ndarray of int64
            Offsets in `xs` of the samples at which the detector fired, ascending.

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If there is not exactly one dimension; or if one is not finite and
            ``on_nonfinite="raise"``: then the samples before it have been taken.
        """
        samples = as_samples(xs)
        bad = first_nonfinite(samples) if self._raises else None
        accepted = samples[:bad]
        offsets = np.empty(len(accepted) // (self.patience + 1) + 1, dtype=np.int64)
        found = compiled(f"{self.slope_filter.kernels}_update_many")(self._block, accepted, offsets)
        if bad is not None:
            raise nonfinite_error(samples, bad)
        return offsets[:found]

    def _take_until_fire(self, samples: NDArray[np.float64]) -> int | None:
        """Take float64 samples up to the first that fires; return its offset, None if none does."""
        offset: int = compiled(f"{self.slope_filter.kernels}_until_fire")(self._block, samples)
        return None if offset < 0 else offset

    def changed(self) -> None:
        """Take note that a new regime may begin here, say because the learning rate was lowered.

        The plateau, if there is one, ends here and patience starts anew. What is known of level,
        slope and noise stays.
        """
        mark_changed(self._table())

    @property
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""
        return Verdict(self._reading()[0])

    @property
    def in_plateau(self) -> bool:
        """Whether the verdict is `Verdict.PLATEAU`."""
        return self.verdict is Verdict.PLATEAU

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
        return self._cell(k.LEVEL) if self.count else math.nan

    @property
    def slope(self) -> float:
        """Slope after the last sample, in metric units per sample; NaN while warming up."""
        return self._cell(k.SLOPE) if self.count > self.slope_filter.warmup else math.nan

    @property
    def noise(self) -> float:
        """Standard deviation of the stream around its level; NaN before the second sample.

        The square root of half the mean square of successive differences (von Neumann 1941),
        averaged with a time constant of the filter's length. Trends do not disturb it; for samples
        that are correlated with their predecessors it is too small.
        """
        return float(noise_of(self._cell(k.VARIANCE), self.count, self.slope_filter.warmup + 1))

    @property
    def count(self) -> int:
        """Samples accepted."""
        return int(self._cell(k.ACCEPTED))

    @property
    def skipped(self) -> int:
        """Samples that were not finite and so left the state as it was."""
        return int(self._cell(k.SKIPPED))

    @property
    def fires(self) -> int:
        """How many fires in a row, up to the last one, nothing came between.

        Progress comes between, and so does `changed()` unless it was called at the fire itself.
        """
        return int(self._cell(k.FIRES))

    @staticmethod
    def _refuse_nonfinite(x: Sample) -> None:
        sample = as_sample(x)
        if not abs(sample) <= k.LIMIT:
            raise nonfinite_error(np.array([sample]), 0)

    def _cell(self, index: int) -> float:
        return float(self._block[k.PARAMS + index])

    def _reading(self) -> tuple[int, float, float]:
        reading: tuple[int, float, float] = compiled("reading")(self._block, k.PARAMS, 1)
        return reading


def noise_of(variance: ArrayLike, count: ArrayLike, length: int) -> NDArray[np.float64]:
    """Return the noise from the running variance after `count` samples; NaN before the second."""
    # The running average began at 0: divide by the weight that the differences have had so far.
    differences = np.asarray(count) - 1.0
    seen = -np.expm1(differences * np.log1p(-1.0 / length))
    unseen = np.full(seen.shape, np.nan)
    noise: NDArray[np.float64] = np.sqrt(np.divide(variance, seen, unseen, where=differences > 0))
    return noise


def mark_changed(table: NDArray[Any]) -> None:
    """Begin a new regime for the streams whose cells are the rows of `table`, in place."""
    table[:, k.RUN] = 0.0
    table[:, k.SINCE] = table[:, k.ACCEPTED]
