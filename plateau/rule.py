"""Which detector a finished series gets, and the settings that were left open."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from plateau._arguments import positive, whole
from plateau._scale import Scale
from plateau.base import Mode, PlateauDetector
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.durations import in_samples, seconds_of, step_of
from plateau.filters import EmaHaar, Haar, SlopeFilter

if TYPE_CHECKING:
    from plateau.logs.model import Run

NOISE_MARGIN = 3.0
"""Standard deviations of a slope of pure noise that the threshold should be away from 0."""


OWN = {"horizon", "scale"}
"""Settings of the calibrated detector."""

COUNTS = ("window", "smooth", "patience", "horizon")
"""Settings in samples, which may be durations where x is a time."""

LONGEST = 1 << 22
"""Half of the longest window that is chosen: its rings take some 200 MB."""


@dataclass(frozen=True)
class Rule:
    """A detector for a finished series, by default the calibrated one.

    Of a threshold rule, what is None is chosen from the series. Flat is then a slope that would
    need the whole length of the series to cross half of the range in which its middle 80 % of
    values lie. The window is as short as noise allows: a slope of pure noise has a standard
    deviation of a third of that threshold, with a window of at least 2 % and at most 20 % of the
    series. Smoothing and patience are as long as the window, 1/alpha and 1/beta half of it.

    Parameters
    ----------
    kind : {"auto", "haar", "ema"}, default "auto"
        The slope filter of a threshold rule; auto takes ``"ema"`` if `alpha` or `beta` is given,
        ``"haar"`` if another setting is, and without any the calibrated detector.
    window, smooth : int or str, optional
        Of `plateau.Haar`, in samples; of a series whose x is a time also a duration, ``"30m"``.
    alpha, beta : float, optional
        Of `plateau.EmaHaar`.
    threshold : float, optional
        Of `plateau.ThresholdDetector`, in metric units per sample.
    patience : int or str, optional
        Of `plateau.ThresholdDetector`, in samples, or a duration.
    horizon : int or str, optional
        Of `plateau.Detector`, in samples, or a duration.
    scale : {"auto", "linear", "log"}, optional
        Of `plateau.Detector`.

    Raises
    ------
    TypeError, ValueError
        If the threshold is not a number above 0, or a setting belongs to the other filter.
    """

    kind: Literal["auto", "haar", "ema"] = "auto"
    window: int | str | None = None
    smooth: int | str | None = None
    alpha: float | None = None
    beta: float | None = None
    threshold: float | None = None
    patience: int | str | None = None
    horizon: int | str | None = None
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None:
            positive("threshold", self.threshold)
        durations = {name for name in COUNTS if isinstance(getattr(self, name), str)}
        for name in durations:
            try:
                seconds_of(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        if self.patience is not None and "patience" not in durations:
            whole("patience", self.patience, least=0)
        given = self._given()
        if own := given & OWN:
            if not durations:
                self._calibrated("min")
            if self.kind != "auto" or not given <= OWN | {"kind"}:
                names, verb = " and ".join(sorted(own)), "belongs" if len(own) == 1 else "belong"
                raise ValueError(f"{names} {verb} to the detector auto and to no other setting")
        ema, haar = given & {"alpha", "beta"}, given & {"window", "smooth"}
        if self.kind == "haar" or (self.kind == "auto" and haar):
            self._refuse(ema, "ema")
        if self.kind == "ema":
            self._refuse(haar, "haar")
        if not durations:
            self._filter(half=1)  # names what is wrong with the other settings

    def _given(self) -> set[str]:
        return {field.name for field in fields(self) if getattr(self, field.name) is not None}

    @property
    def timed(self) -> bool:
        """Whether a setting is a duration, which needs to know how long a sample is."""
        return any(isinstance(getattr(self, name), str) for name in COUNTS)

    def counted(self, run: "Run") -> Self:
        """Return the rule for a run, with its durations in samples."""
        return self.paced(step_of(run.x) if run.clock else None, run.x_name)

    def paced(self, step: float | None, x_name: str) -> Self:
        """Return the rule for samples that follow each other after so many seconds."""

        def counted(name: str) -> int | None:
            value = getattr(self, name)
            return None if value is None else in_samples(name, value, step, x_name)

        if not self.timed:
            return self
        window, smooth, patience, horizon = map(counted, COUNTS)
        return replace(self, window=window, smooth=smooth, patience=patience, horizon=horizon)

    def _count(self, name: str) -> int | None:
        """Return a setting in samples."""
        value = getattr(self, name)
        if isinstance(value, str):
            raise ValueError(f"{name} {value} is a duration: where x is a time only")
        return None if value is None else int(value)

    @property
    def calibrated(self) -> bool:
        """Whether no threshold rule is asked for, so that it is the calibrated detector."""
        return self.kind == "auto" and self._given() <= OWN | {"kind"}

    @property
    def complete(self) -> bool:
        """Whether no setting is left to be chosen from the whole series."""
        ema = self.kind == "ema" or bool(self._given() & {"alpha", "beta"})
        needed = {"alpha", "beta", "patience"} if ema else {"window"}
        return self.calibrated or needed | {"threshold"} <= self._given()

    def refuse_open(self, what: str) -> None:
        """Raise an error if a setting is left to be chosen from a series that is not known."""
        if not self.complete:
            raise ValueError(
                f"{what} tells too little to choose from: give --threshold with --window, "
                "or with --alpha, --beta and --patience; or none, for the calibrated detector"
            )

    @staticmethod
    def _refuse(given: set[str], kind: str) -> None:
        if given:
            verb = "belongs" if len(given) == 1 else "belong"
            raise ValueError(f"{' and '.join(sorted(given))} {verb} to the detector {kind}")

    def detector(
        self, values: NDArray[np.float64], samples: int, mode: Mode = "min"
    ) -> PlateauDetector:
        """Return the detector for one series.

        Parameters
        ----------
        values : numpy.ndarray
            Finite values of the series, in metric units.
        samples : int
            How many samples they stand for.
        mode : {"min", "max", "both"}, default "min"
            As for `plateau.ThresholdDetector`.
        """
        if self.calibrated:
            return self._calibrated(mode)
        flat = _flat_slope(values, samples) if self.threshold is None else self.threshold
        half = _half_window(values, samples, flat)
        slope_filter = self._filter(half)
        window, patience = self._count("window"), self._count("patience")
        if patience is None:
            patience = 2 * half if window is None else window
        return ThresholdDetector(slope_filter, flat, patience, mode=mode)

    def _calibrated(self, mode: Mode) -> Detector:
        return Detector(mode, horizon=self._count("horizon"), scale=self.scale or "auto")

    def _filter(self, half: int) -> SlopeFilter:
        if self.kind == "ema" or self.alpha is not None or self.beta is not None:
            weight = 1 / half
            alpha = weight if self.alpha is None else self.alpha
            return EmaHaar(alpha, weight if self.beta is None else self.beta)
        window, smooth = self._count("window"), self._count("smooth")
        window = 2 * half if window is None else window
        return Haar(window, window if smooth is None else smooth)


def _flat_slope(values: NDArray[np.float64], samples: int) -> float:
    low, high = np.quantile(values, [0.1, 0.9]) if len(values) else (0.0, 0.0)
    # A constant series has no range: what is above rounding is then a movement.
    rounding = 8 * np.finfo(float).eps * np.abs(values).max(initial=0.0)
    return max(0.5 * (high - low) / max(samples, 1), float(rounding), float(np.finfo(float).tiny))


def _half_window(values: NDArray[np.float64], samples: int, flat: float) -> int:
    """Return half a window with which noise alone seldom makes a slope of `flat`.

    White noise of variance σ² gives the slope of ``Haar(2h, 2h)`` a variance of σ²/(3h³), the sum
    of squares of its impulse response. Rows that stand for k samples each have k times as much.
    """
    steps = np.abs(np.diff(values))
    noise = 0.886 * float(steps.mean()) if len(steps) else 0.0  # of a normal distribution
    held = samples / max(len(values), 1)
    half: float = (NOISE_MARGIN**2 * held / 3) ** (1 / 3) * (noise / flat) ** (2 / 3)
    return max(1, round(min(max(half, samples / 100), samples / 10, LONGEST)))
