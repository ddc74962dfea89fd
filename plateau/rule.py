"""Settings of a threshold rule for a series that is known as a whole, some of them left open."""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plateau.detectors import Mode, ThresholdDetector
from plateau.filters import EmaHaar, Haar, SlopeFilter


@dataclass(frozen=True)
class Rule:
    """A threshold rule; what is None is chosen from the series when it is known.

    The window and the smoothing are then 2 % of the samples each (1/alpha and 1/beta half of that),
    the patience is 4 %. Flat is a slope that would need the whole length of the series to cross
    half of the range in which its middle 80 % of values lie.

    Parameters
    ----------
    kind : {"auto", "haar", "ema"}, default "auto"
        The slope filter; auto takes ``"ema"`` if `alpha` or `beta` is given, else ``"haar"``.
    window, smooth : int, optional
        Of `plateau.Haar`, in samples.
    alpha, beta : float, optional
        Of `plateau.EmaHaar`.
    threshold : float, optional
        Of `plateau.ThresholdDetector`, in metric units per sample.
    patience : int, optional
        Of `plateau.ThresholdDetector`, in samples.

    Raises
    ------
    ValueError
        If a setting belongs to the other filter.
    """

    kind: Literal["auto", "haar", "ema"] = "auto"
    window: int | None = None
    smooth: int | None = None
    alpha: float | None = None
    beta: float | None = None
    threshold: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        given = {field.name for field in fields(self) if getattr(self, field.name) is not None}
        ema, haar = given & {"alpha", "beta"}, given & {"window", "smooth"}
        if self.kind == "haar" or (self.kind == "auto" and haar):
            self._refuse(ema, "ema")
        if self.kind == "ema":
            self._refuse(haar, "haar")

    @staticmethod
    def _refuse(given: set[str], kind: str) -> None:
        if given:
            verb = "belongs" if len(given) == 1 else "belong"
            raise ValueError(f"{' and '.join(sorted(given))} {verb} to the detector {kind}")

    def detector(
        self, values: NDArray[np.float64], samples: int, mode: Mode = "min"
    ) -> ThresholdDetector:
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
        reach = max(1, round(samples / 100))
        threshold, patience = self.threshold, self.patience
        if threshold is None:
            low, high = np.quantile(values, [0.1, 0.9]) if len(values) else (0.0, 0.0)
            # A constant series has no range: any slope above nothing at all is then a movement.
            threshold = max(0.5 * (high - low) / max(samples, 1), float(np.finfo(float).tiny))
        if patience is None:
            patience = 4 * reach
        return ThresholdDetector(self._filter(reach), threshold, patience, mode=mode)

    def _filter(self, reach: int) -> SlopeFilter:
        if self.kind == "ema" or self.alpha is not None or self.beta is not None:
            return EmaHaar(self.alpha or 1 / reach, self.beta or 1 / reach)
        window = 2 * reach if self.window is None else self.window
        return Haar(window, window if self.smooth is None else self.smooth)
