"""Peers that see the whole series.

Each gives plateaus as (onset, declared, stop); declared is the last sample of the plateau.
"""

import contextlib
import io
import logging
from itertools import pairwise

import numpy as np


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


def pelt(x):
    """ruptures' PELT for changes of the mean, penalty 2 ln n of the noise's variance.

    The noise is that of successive differences, by their median.
    """
    import ruptures

    x = np.asarray(x, float)
    noise = np.median(np.abs(np.diff(x))) / 0.6745 / np.sqrt(2)
    scale = noise or x.std() or 1.0
    model = ruptures.KernelCPD(kernel="linear", min_size=5).fit((x / scale)[:, None])
    return from_cuts(model.predict(pen=2 * np.log(len(x)))[:-1], len(x))


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
