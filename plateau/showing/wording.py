"""Words that the terminal, the report and its Markdown summary share."""

from collections.abc import Sequence
from datetime import datetime

from plateau._rules import ODDS
from plateau.base import Mode, PlateauDetector, Verdict
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.durations import MILLISECONDS, shown
from plateau.logs.model import Run
from plateau.offline import RunScan, Unit
from plateau.outlook import Gain
from plateau.segments import Plateau

NOISE_ONLY = round(ODDS**2)
"""Samples that it takes to tell flat from slow where there is nothing but noise."""

LONG = 1e15
"""Above it, x is written with a power of ten."""

CLOCK_TEXT = len("2031-03-04 05:00:00")


def never_worsens(metric: str) -> str:
    """Say why ``--fail-on worsening`` waits in vain for a metric without a better direction."""
    return f"{metric} has no better direction, so --fail-on worsening never fails: give --mode"


def read(run: Run) -> str:
    """Say which columns were read, and how many rows."""
    text = f"metric {run.metric} ({better(run.mode)}), x {run.x_name}"
    text += f", learning rate {run.lr_name}" if run.lr_name else ", no learning rate"
    return f"{text}; {count(len(run.values) * run.every, 'row')}"


def better(mode: Mode) -> str:
    """Say which way a metric gets better."""
    return {"min": "lower is better", "max": "higher is better"}.get(mode, "no direction")


def rule(detector: PlateauDetector, unit: Unit) -> str:
    """Say when the detector calls a stream flat."""
    if isinstance(detector, ThresholdDetector):
        text = f"{detector.slope_filter}, flat below {detector.threshold:.3g} per {unit}"
        return f"{text} for more than {detector.patience:,} {unit}s"
    assert isinstance(detector, Detector)
    text = (
        "calibrated detector: flat when no progress is seen beside the noise and the range so far"
    )
    horizon = detector.horizon
    return f"{text}, for {horizon:,} {unit}s" if horizon else text


def ending(found: RunScan) -> str:
    """Say how a run ends, so that it fits behind "the run ends" or "is"."""
    if found.verdict != Verdict.PLATEAU:
        return str(found.verdict)
    return "in a plateau" if found.plateaus[-1].kind == "flat" else "in a slow plateau"


def summary(found: RunScan) -> str:
    """Say in one sentence what was found in a run."""
    bad = found.nonfinite
    broken = f" {count(bad, 'row')} {'is' if bad == 1 else 'are'} not finite." if bad else ""
    broken += overfitting(found)
    if not found.plateaus:
        return f"No plateau; at its end the run is {ending(found)}.{broken}{_hint(found)}"
    share = f", {found.flat_share:.0%} of the rows" if found.flat else ""
    return f"{plateaus([found], share)}; the run ends {ending(found)}.{broken}"


def overfitting(found: RunScan) -> str:
    """Say since when the held-out metric got worse while the training went on."""
    turn, other = found.overfitting, found.run.held_out
    if turn is None or other is None:
        return ""
    since = f"{found.run.x_name} {place(found.run, turn.x)}"
    went = f"{other.metric} went from {turn.best:.4g} to {turn.last:.4g}"
    return f" Overfitting since {since}: {went} while {found.run.metric} got better."


def plateaus(found: Sequence[RunScan], behind: str = "") -> str:
    """Count the plateaus of runs, slow ones apart since they still move; put more words behind."""
    flat = sum(len(scan.flat) for scan in found)
    slow = sum(len(scan.plateaus) for scan in found) - flat
    if slow and not flat:
        return count(slow, "slow plateau") + behind
    return count(flat, "plateau") + behind + (f", and {slow:,} slow" if slow else "")


def numbers(found: RunScan) -> str:
    """Return how many plateaus a run has, for a table."""
    flat = len(found.flat)
    slow = len(found.plateaus) - flat
    return f"{flat:,} + {slow:,} slow" if slow else f"{flat:,}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it should be."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def known_at(run: Run, plateau: Plateau) -> str:
    """Say where in x a plateau would have been known while it was going on."""
    return "-" if plateau.declared is None else place(run, float(run.x[plateau.declared]))


def until(run: Run, plateau: Plateau) -> str:
    """Say where in x a plateau ends."""
    end = float(run.x[min(plateau.stop, len(run.x) - 1)])
    return place(run, end) if plateau.closed else "end"


def lasts(run: Run, plateau: Plateau) -> str:
    """Say how long a plateau lasts, where x is a time."""
    return shown(seconds_in(run, plateau))


def seconds_in(run: Run, plateau: Plateau) -> float:
    """Return the seconds from the first row of a plateau to the one behind it."""
    first, last = run.x[plateau.start], run.x[min(plateau.stop, len(run.x) - 1)]
    return float(last - first) / (1000 if abs(first) > MILLISECONDS else 1)


def now(found: RunScan) -> str:
    """Say in a few words where a run stands at its end."""
    if found.verdict != Verdict.PLATEAU:
        return {"improving": "still moving"}.get(str(found.verdict), str(found.verdict))
    return f"{found.plateaus[-1].kind} {since(found)}"


def since(found: RunScan) -> str:
    """Say since when a run has been in the plateau in which it ends."""
    return f"since {place(found.run, float(found.run.x[found.plateaus[-1].start]))}"


def place(run: Run, x: float) -> str:
    """Return a value of the x column of a run as people read it: a time as date and time."""
    return date(x) if run.clock else position(x)


def date(x: float) -> str:
    """Return seconds or milliseconds since 1970 as date and time of this place."""
    return clock(x).replace("T", " ")[:CLOCK_TEXT]


def clock(x: float) -> str:
    """Return seconds or milliseconds since 1970 in ISO 8601, with the offset of this place."""
    seconds = x / 1000 if abs(x) > MILLISECONDS else x
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # no such year
        return position(x)


def position(x: float) -> str:
    """Return a value of the x column as people read it."""
    if abs(x) >= LONG:
        return f"{x:.6g}"
    return f"{x:,.0f}" if float(x).is_integer() or abs(x) >= 1000 else f"{x:.4g}"


def outlook(gain: Gain) -> str:
    """Say what going on would bring."""
    expected = f"{gain.expected:.2g} ({gain.low:.1g} to {gain.high:.2g})"
    return f"as many rows again may bring {expected}, {gain.share:.1%} of the range covered"


def brings(found: RunScan) -> str:
    """Say in a few words what as many rows again would bring."""
    gain = found.gain
    return "-" if gain is None else f"{gain.expected:.2g} ({gain.share:.1%})"


def _hint(found: RunScan) -> str:
    """Say why the calibrated detector leaves a short run open."""
    rows, detector = len(found.run.values), found.detector
    if not isinstance(detector, Detector) or detector.verdict is not Verdict.UNDECIDED:
        return ""
    wanted = detector.horizon or NOISE_ONLY
    if rows >= 2 * wanted:
        return ""
    return f" Its noise hides whether it moves: to know takes some {wanted:,} {found.unit}s."
