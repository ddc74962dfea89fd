"""The best value of a metric so far."""

import math

from plateau.detecting import Detecting


class Best:
    """The best value and where it was.

    Parameters
    ----------
    detector : DetectorProtocol
        Its `mode` says what is better; without a direction lower is.
    """

    def __init__(self, detector: Detecting) -> None:
        self._most = getattr(detector, "mode", "min") == "max"
        self.value = math.nan
        """The value; NaN before the first."""
        self.step: int | None = None
        """Index of its step."""

    def take(self, value: float, step: int) -> None:
        """Take the value of a step; one that is as good as the best is no better."""
        if self.step is None or (value > self.value if self._most else value < self.value):
            self.value, self.step = value, step

    @property
    def level(self) -> float:
        """The value, lower is better."""
        return -self.value if self._most else self.value
