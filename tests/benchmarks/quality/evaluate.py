"""All figures of one row."""

from functools import partial

from .calibration import calibration
from .exits import channels, lr_drop, tcpd
from .logs import logs
from .marks import marks
from .onset import onset
from .rows import row_of_detector, row_of_function
from .stopping import stopping

PARTS = {
    "marks": marks,
    "stopping": stopping,
    "jmh_human5": partial(onset, name="jmh_human5"),
    "jmh_cpssd": partial(onset, name="jmh_cpssd"),
    "argon_md": partial(onset, name="argon_md"),
    "lr_drop": lr_drop,
    "tcpd": tcpd,
    "skab": partial(channels, name="skab"),
    "tep": partial(channels, name="tep"),
    "calibration": calibration,
    "logs": logs,
}


def figures_of(row, parts=tuple(PARTS)):
    """Figures of a row, part by part."""
    return {part: PARTS[part](row) for part in parts}


def evaluate(factory, parts=tuple(PARTS)):
    """Figures of a class or factory of detectors, called as ``factory(mode="both")``."""
    return figures_of(row_of_detector("detector", factory), parts)


def evaluate_function(function, parts=tuple(PARTS)):
    """Figures of a function from an array to a list of (onset, declared, stop or None)."""
    return figures_of(row_of_function("function", function), parts)
