"""Tells, sample by sample and at O(1) cost, when a metric has stopped moving."""

from plateau.bank import DetectorBank as DetectorBank
from plateau.detectors import ThresholdDetector as ThresholdDetector
from plateau.detectors import Verdict as Verdict
from plateau.filters import Ema as Ema
from plateau.filters import EmaHaar as EmaHaar
from plateau.filters import Haar as Haar
from plateau.segments import Plateau as Plateau
from plateau.segments import Trace as Trace
from plateau.segments import find_plateaus as find_plateaus
from plateau.segments import trace as trace

__version__ = "0.1.0"
