"""A drift detector of river."""

import copy
from typing import Any, get_args

import numpy as np
from river import base

from plateau import Detector
from plateau.checks import as_sample
from plateau.events import EventKind, Listener, worsening
from plateau.protocol import DetectorProtocol


class PlateauDrift(base.DriftAndWarningDetector):
    """Signal that a stream which was flat has begun to move, or any other event of it.

    There is a warning as long as the stream moves the wrong way.

    Parameters
    ----------
    detector
        A `plateau.Detector`, or another detector of one stream, taken as a description; by default
        ``plateau.Detector()``, for which lower is better.
    drift
        The kind of `plateau.Event` that is a drift: ``"ended"``, the stream was flat and is not any
        more; ``"plateau"``, ``"resumed"``, ``"worsening"`` or ``"nonfinite"``.

    Examples
    --------
    >>> import random
    >>> from plateau_river import PlateauDrift
    >>> rng = random.Random(0)
    >>> errors = [rng.gauss(0.1 if i < 1000 else 0.3, 0.05) for i in range(2000)]
    >>> drift = PlateauDrift()
    >>> for i, error in enumerate(errors):
    ...     drift.update(error)
    ...     if drift.drift_detected:
    ...         print("drift at", i)
    drift at 1023
    """

    def __init__(
        self,
        detector: DetectorProtocol | None = None,
        drift: EventKind = "ended",
    ) -> None:
        super().__init__()
        self.detector = detector
        self.drift = drift
        kinds = get_args(EventKind)
        if drift not in kinds:
            raise ValueError(f"drift must be one of {', '.join(kinds)}, not {drift!r}")
        if detector is not None and not isinstance(detector, DetectorProtocol):
            raise TypeError(
                f"detector must be a detector such as plateau.Detector(), not {detector!r}"
            )
        self._reset()

    def _reset(self) -> None:
        super()._reset()
        self._listener = Listener(copy.deepcopy(self.detector) or Detector())

    @property
    def current(self) -> Any:
        """The detector as it stands: its `verdict`, `level`, `onset` and so on."""
        return self._listener.detector

    def update(self, x: float) -> None:
        """Take one sample.

        Parameters
        ----------
        x
            The sample. One that is not finite is left out and counted.
        """
        events = self._listener.take(np.array([as_sample(x)]))
        current = self._listener.detector
        self._drift_detected = any(event.kind == self.drift for event in events)
        self._warning_detected = bool(worsening(current, current.verdict, current.slope))
