"""What the library itself says of a series: plateaus, flat stretches, and where to stop."""

import numpy as np

from plateau import Detector, Verdict, find_plateaus
from plateau.segments import FiniteRows, places_of, plateaus_of

from .runs import Run

KINDS = ("flat", "slow")


def hindsight(x, changes, mode):
    """Plateaus of `find_plateaus`, of either kind; it needs not be told of changes."""
    del changes
    return [
        Run(each.start, each.stop - 1, each.stop if each.closed else None)
        for each in find_plateaus(x, Detector(mode))
    ]


def flat(x, mode):
    """Stretches that are flat by `find_plateaus`."""
    return [(p.start, p.stop) for p in find_plateaus(x, Detector(mode)) if p.kind == "flat"]


def flat_so_far(x, mode, kinds=("flat",)):
    """Stretches that a detector tells of that knows the past only, from onset to end."""
    places = np.flatnonzero(np.isfinite(x))
    rows = FiniteRows(x[places], np.arange(1, len(places) + 1), places_of(places))
    detector = Detector(mode)
    traces = [detector.clone()._record(rows.values)]
    found = plateaus_of(detector, traces, rows, broken=False, past=True)
    return [(p.start, p.stop) for p in found if p.kind in kinds]


def first_stop(x, mode, kinds=("flat",)):
    """Sample at which a detector first says plateau or worsening; the last one if it never does."""
    detector = Detector(mode)
    for i, value in enumerate(x.tolist()):
        detector.update(value)
        if detector.kind in kinds or detector.verdict is Verdict.WORSENING:
            return i
    return len(x) - 1
