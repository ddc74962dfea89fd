"""Words that the terminal, the report and its Markdown summary share."""

from datetime import datetime

from plateau.base import PlateauDetector
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.logs.model import Run
from plateau.offline import RunScan, Unit

MILLISECONDS = 1e11
"""Seconds since 1970 of the year 5138: what is larger are milliseconds."""

CLOCK_TEXT = len("2031-03-04 05:00:00")

SHORTEST = 120
"""Rows that a run must have for a shorter horizon to be worth a try."""


def read(run: Run) -> str:
    """Say which columns were read, and how many rows."""
    better = {"min": "lower is better", "max": "higher is better"}.get(run.mode, "no direction")
    text = f"metric {run.metric} ({better}), x {run.x_name}"
    text += f", learning rate {run.lr_name}" if run.lr_name else ", no learning rate"
    return f"{text}; {count(len(run.values) * run.every, 'row')}"


def rule(detector: PlateauDetector, unit: Unit) -> str:
    """Say when the detector calls a stream flat."""
    if isinstance(detector, ThresholdDetector):
        text = f"{detector.slope_filter}, flat below {detector.threshold:.3g} per {unit}"
        return f"{text} for more than {detector.patience:,} {unit}s"
    assert isinstance(detector, Detector)
    text = f"calibrated detector: flat when {detector.horizon:,} {unit}s show no drift, or the last"
    return f"{text} quarter moves by less than {100 * detector.min_change:g} % of the range so far"


def ending(found: RunScan) -> str:
    """Say how a run ends, so that it fits behind "the run ends" or "is"."""
    if "worsening" in found.ends:
        return "worsening"
    verdict = found.detector.verdict.name.lower().replace("_", " ")
    return "in a plateau" if verdict == "plateau" else verdict


def summary(found: RunScan) -> str:
    """Say in one sentence what was found in a run."""
    bad = found.nonfinite
    broken = f" {count(bad, 'row')} {'is' if bad == 1 else 'are'} not finite." if bad else ""
    if not found.plateaus:
        return f"No plateau; at its end the run is {ending(found)}.{broken}{_hint(found)}"
    plateaus = count(len(found.plateaus), "plateau")
    return f"{plateaus}, {found.flat_share:.0%} of the rows; the run ends {ending(found)}.{broken}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it should be."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def place(run: Run, x: float) -> str:
    """Return a value of the x column of a run as people read it: a time as date and time."""
    return clock(x).replace("T", " ")[:CLOCK_TEXT] if run.clock else position(x)


def clock(x: float) -> str:
    """Return seconds or milliseconds since 1970 in ISO 8601, with the offset of this place."""
    seconds = x / 1000 if abs(x) > MILLISECONDS else x
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # no such year
        return position(x)


def position(x: float) -> str:
    """Return a value of the x column as people read it."""
    return f"{x:,.0f}" if float(x).is_integer() or abs(x) >= 1000 else f"{x:.4g}"


def _hint(found: RunScan) -> str:
    """Say what may help if the run is too short for the calibrated detector."""
    rows, detector = len(found.run.values), found.detector
    if not isinstance(detector, Detector) or rows >= 2 * detector.horizon or rows < SHORTEST:
        return ""
    wanted = f"{detector.horizon:,} {found.unit}s without drift"
    return f" It is short for a detector that wants {wanted}: try --horizon {rows // 5}."
