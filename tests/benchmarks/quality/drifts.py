"""Peers that signal a change: a plateau is what lies between two of their signals.

It begins where the peer says that the change was, is declared once GRACE samples have passed since
the signal, and ends at the next signal. The change detectors are run with their defaults.

Page-Hinkley, ADWIN and FOCuS assume a scale: they get the samples less the median of the first
GRACE and divided by their noise, the root of half the median square of successive differences over
that of a normal variate. That is in their favour; none of them says how to find it.
"""

import numpy as np

GRACE = 100
FOCUS_THRESHOLD = 20.0
"""That of its documentation."""
MEDIAN_SQUARE = 0.4549
"""Median of the square of a standard normal variate."""


def plateaus_between(signals, n):
    """Plateaus as (onset, declared, stop) between signals given as (place of the change, seen)."""
    found = []
    signals = [(0, 0), *signals]
    for i, (place, seen) in enumerate(signals):
        stop = signals[i + 1][1] if i + 1 < len(signals) else None
        if seen + GRACE < (n if stop is None else stop):
            found.append((place, seen + GRACE, stop))
    return found


def scaled(x):
    """Samples in units of their noise, as it is in the first GRACE."""
    x = np.asarray(x, float)
    noise = np.sqrt(np.median(np.diff(x[:GRACE]) ** 2) / 2 / MEDIAN_SQUARE)
    return (x - np.median(x[:GRACE])) / (noise or 1.0)


def signals_of(detector, x, place):
    """Feed a detector of river; `place` tells where the change was from it and the sample."""
    found = []
    for i, value in enumerate(x.tolist()):
        detector.update(value)
        if detector.drift_detected:
            found.append((place(detector, i), i))
    return found


def adwin(x):
    """River's ADWIN; the change lies at the start of its window."""
    from river.drift import ADWIN

    return plateaus_between(
        signals_of(ADWIN(), scaled(x), lambda d, i: max(0, i + 1 - int(d.width))), len(x)
    )


def page_hinkley(x):
    """River's Page-Hinkley test; the change lies where it is signalled."""
    from river.drift import PageHinkley

    return plateaus_between(signals_of(PageHinkley(), scaled(x), lambda _, i: i), len(x))


def kswin(x):
    """River's KSWIN; the change lies at the start of its recent window."""
    from river.drift import KSWIN

    detector = KSWIN(seed=0)
    signals = signals_of(detector, np.asarray(x, float), lambda d, i: max(0, i + 1 - d.stat_size))
    return plateaus_between(signals, len(x))


def focus(x):
    """FOCuS for a change of a normal mean, both means unknown; started afresh at each signal."""
    from focus_cpt import focus_offline

    x, signals, start = scaled(x), [], 0
    while len(x) - start > 1:
        found = focus_offline(
            x[start:], threshold=FOCUS_THRESHOLD, type="univariate", family="gaussian"
        )
        if found["detection_time"] is None:
            break
        seen = start + int(found["detection_time"])
        signals.append((start + int(found["detected_changepoint"]), min(seen, len(x)) - 1))
        start = seen
    return plateaus_between(signals, len(x))
