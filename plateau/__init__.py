"""Tells, sample by sample and at O(1) cost, when a metric has stopped moving."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plateau.bank import DetectorBank as DetectorBank
    from plateau.base import Trace as Trace
    from plateau.base import Verdict as Verdict
    from plateau.calibrated import Detector as Detector
    from plateau.detectors import ThresholdDetector as ThresholdDetector
    from plateau.events import Event as Event
    from plateau.filters import Ema as Ema
    from plateau.filters import EmaHaar as EmaHaar
    from plateau.filters import Haar as Haar
    from plateau.keyed import KeyedDetectors as KeyedDetectors
    from plateau.outlook import Gain as Gain
    from plateau.scanning import Scan as Scan
    from plateau.scanning import read_log as read_log
    from plateau.scanning import scan as scan
    from plateau.schedule import Schedule as Schedule
    from plateau.segments import Plateau as Plateau
    from plateau.segments import find_plateaus as find_plateaus
    from plateau.segments import trace as trace
    from plateau.showing.pictures import plot as plot
    from plateau.stopper import Stopper as Stopper

__version__ = "0.1.0"

_HOMES = {
    "Detector": "calibrated",
    "DetectorBank": "bank",
    "ThresholdDetector": "detectors",
    "Verdict": "base",
    "Ema": "filters",
    "EmaHaar": "filters",
    "Haar": "filters",
    "Event": "events",
    "Gain": "outlook",
    "KeyedDetectors": "keyed",
    "Plateau": "segments",
    "Scan": "scanning",
    "Schedule": "schedule",
    "Stopper": "stopper",
    "Trace": "base",
    "find_plateaus": "segments",
    "plot": "showing.pictures",
    "read_log": "scanning",
    "scan": "scanning",
    "trace": "segments",
}
"""Where each public name is defined. They load at first use, so that the command line, which lives
in this package too, can answer ``--help`` without numba."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
