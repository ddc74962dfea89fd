"""A plateau that was found in a stream, and the finding of them sample by sample."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """One plateau: indices of samples."""

    onset: int
    """Where it began, in hindsight."""
    declared: int
    """The sample at which it was known."""
    stop: int | None
    """The sample at which it was known to be over; None if it stands at the end."""


Find = Callable[[np.ndarray, Sequence[int], str], list[Run]]
"""(samples, indices of changes the finder is told of, mode) -> the plateaus in order."""


def stream(detector, x, changes=()):
    """Feed a detector one sample at a time; it is told of a change just before its sample."""
    update, told = detector.update, frozenset(changes)
    found, start = [], None
    for i, value in enumerate(np.asarray(x, float).tolist()):
        if i in told:
            detector.changed()
            if start is not None:
                found.append(Run(*start, i))
                start = None
        update(value)
        if detector.in_plateau:
            if start is None:
                start = detector.onset, i
        elif start is not None:
            found.append(Run(*start, i))
            start = None
    return found if start is None else [*found, Run(*start, None)]


def piecewise(find, x, changes):
    """Start a finder afresh at each change: what can be done for one that cannot be told."""
    bounds = [0, *changes, len(x)]
    found = []
    for start, stop in pairwise(bounds):
        for onset, declared, end in find(x[start:stop]):
            end = stop - start if end is None and stop < len(x) else end
            found.append(Run(onset + start, declared + start, None if end is None else end + start))
    return found


def edges(runs, n):
    """Cut a series of n samples at its plateaus, in hindsight: sorted indices, without 0 and n.

    A plateau reaches from its onset to its stop, or only to the onset of the next one: a stop is
    noticed late, an onset is back-dated.
    """
    cuts = set()
    for i, run in enumerate(runs):
        following = runs[i + 1].onset if i + 1 < len(runs) else n
        cuts |= {run.onset, min(n if run.stop is None else run.stop, following)}
    return sorted(cut for cut in cuts if 0 < cut < n)
