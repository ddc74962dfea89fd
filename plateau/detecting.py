"""What a scheduler asks of a detector."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from plateau import Detector, DetectorBank


@runtime_checkable
class Detecting(Protocol):
    """A detector of one stream: `plateau.Detector` and every class that works like it."""

    def update(self, x: float, /) -> bool:
        """Take one sample; return whether the detector fires."""

    def changed(self) -> None:
        """Take note that a new regime may begin here."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Take over a state."""

    @property
    def count(self) -> int:
        """Samples accepted."""

    @property
    def skipped(self) -> int:
        """Samples that were not finite."""

    @property
    def fires(self) -> int:
        """How many fires in a row, up to the last one, nothing came between."""

    @property
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began."""

    @property
    def level(self) -> float:
        """Smoothed value, in metric units."""


def as_detector(detector: Detecting | None) -> Detecting:
    """Return the detector, by default the calibrated one.

    Raises
    ------
    TypeError
        If it is no detector of one stream.
    """
    if detector is None:
        return Detector()
    if isinstance(detector, type | DetectorBank) or not isinstance(detector, Detecting):
        raise TypeError(f"detector must be a detector such as plateau.Detector(), not {detector!r}")
    return detector
