"""Peers that see the whole series.

Each gives plateaus as (onset, declared, stop); declared is the last sample of the plateau.
"""

import contextlib
import io
import logging
from itertools import pairwise

import numpy as np

SHORTEST = 5
"""Samples of a segment at least."""

POINTS, FINE = 500, 200
"""Points of a series that straight pieces are fitted to at most, and those up to which a piece may
begin at each; else at every fifth, as is ruptures' default."""

LEAST = 0.05
"""Share of the series that a segment must have to be a plateau, and of its range in which a
straight one must stay: the detector's own `min_change`."""


def standardised(x):
    """Series of mean 0 and variance 1; a constant one becomes 0."""
    x = np.asarray(x, float)
    return (x - x.mean()) / (x.std() or 1.0)


def from_onset(onset, n):
    """One plateau up to the end."""
    return [(int(onset), n - 1, None)]


def from_cuts(cuts, n):
    """Every segment between change points is a plateau."""
    bounds = [0, *cuts, n]
    return [(start, stop - 1, stop if stop < n else None) for start, stop in pairwise(bounds)]


def max_n_eff(x, starts):
    """pymbar's detect_equilibration: the start that leaves the most independent samples.

    It is sought among so many equally spaced starts, with the whole autocorrelation.
    """
    logging.getLogger("pymbar.timeseries").setLevel(logging.ERROR)
    from pymbar.timeseries import detect_equilibration

    skip = max(1, len(x) // starts)
    onset, _, _ = detect_equilibration(standardised(x), fast=False, nskip=skip)
    return from_onset(onset, len(x))


def mser5(x):
    """pymser with batches of 5.

    It takes squared standard errors below 1e-9 for none, so that it needs standardised series.
    """
    import pymser

    with contextlib.redirect_stdout(io.StringIO()):
        curve = pymser.pymser.calculate_MSEm(standardised(x), batch_size=5)
        onset = pymser.pymser.MSERm_index(curve, batch_size=5)
    return from_onset(onset, len(x))


def noise_of(x):
    """Noise of a series, by the median of its successive differences."""
    return np.median(np.abs(np.diff(x))) / 0.6745 / np.sqrt(2) or x.std() or 1.0


def pelt(x):
    """ruptures' PELT for changes of the mean, penalty 2 ln n of the noise's variance."""
    import ruptures

    x = np.asarray(x, float)
    if len(x) < 2 * SHORTEST:
        return from_cuts([], len(x))
    model = ruptures.KernelCPD(kernel="linear", min_size=SHORTEST).fit((x / noise_of(x))[:, None])
    return from_cuts(model.predict(pen=2 * np.log(len(x)))[:-1], len(x))


def long_means(x):
    """Segments of `pelt` that are not short: a descent is cut into many that are."""
    return [part for part in pelt(x) if part[1] + 1 - part[0] >= LEAST * len(x)]


def gentle_lines(x):
    """Straight pieces by ruptures' PELT, penalty 3 ln n, that are not short and do not move.

    Series longer than POINTS are averaged down to that: its time grows with the square.
    """
    import ruptures

    x = np.asarray(x, float)
    size = -(-len(x) // POINTS)
    means = x[: len(x) // size * size].reshape(-1, size).mean(axis=1)
    n = len(means)
    if n < 2 * SHORTEST:
        return []
    signal = np.column_stack([means / noise_of(means), np.arange(n), np.ones(n)])
    model = ruptures.Pelt(model="linear", min_size=SHORTEST, jump=1 if n <= FINE else 5)
    cuts, found = model.fit(signal).predict(pen=3 * np.log(n)), []
    for start, stop in pairwise([0, *cuts]):
        slope = np.polyfit(np.arange(start, stop), means[start:stop], 1)[0]
        small = abs(slope) * (stop - start) <= LEAST * np.ptp(means)
        if small and stop - start >= LEAST * n:
            end = stop * size if stop < n else None
            found.append((start * size, stop * size - 1, end))
    return found


def clasp(x):
    """claspy's ClaSP with its defaults; no change where it finds the series too short."""
    from claspy.segmentation import BinaryClaSPSegmentation

    x = standardised(x)
    try:
        cuts = BinaryClaSPSegmentation(n_jobs=1).fit_predict(x)
    except (ValueError, AssertionError, IndexError):
        cuts = []
    return from_cuts([int(cut) for cut in cuts], len(x))


def trainspotter(x):
    """trainspotter's plateau rule with its defaults; its windows are a tenth of the run."""
    from trainspotter.detectors.plateau import PlateauDetector
    from trainspotter.model import Run

    run = Run()
    for i, value in enumerate(np.asarray(x, float).tolist()):
        run.add_point("train/loss", i, value)
    found = [(f.step_start, f.step_end + 1) for f in PlateauDetector().run(run)]
    return [(start, stop - 1, stop if stop < len(x) else None) for start, stop in found]
