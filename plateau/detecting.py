"""The detector that a scheduler or a stopper is given."""

from plateau import Detector, DetectorBank
from plateau.protocol import Detecting as Detecting


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
