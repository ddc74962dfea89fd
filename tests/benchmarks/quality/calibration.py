"""False alarms on streams that are flat, and flatness on streams that move.

A false alarm is the end of a plateau on a stream that stays flat for ever. The run length is the
number of samples spent in a plateau for each of them.
"""

import numpy as np
from scipy.stats import chi2

from . import made

STREAMS = 10


def nominal(detector):
    """Run length that a detector promises on a plateau; None where it promises none.

    This is the one place that knows how a detector says so.
    """
    return getattr(detector, "run_length", None)


def inside(runs, n):
    """Samples from declaration to stop, over all plateaus."""
    return sum((n if run.stop is None else run.stop) - run.declared for run in runs)


def poisson_interval(count, level=0.95):
    """Exact interval of the mean of a Poisson count."""
    tail = (1 - level) / 2
    low = chi2.ppf(tail, 2 * count) / 2 if count else 0.0
    return float(low), float(chi2.ppf(1 - tail, 2 * count + 2) / 2)


def flat_stream(row, noise, streams, promise):
    """False alarms of a row on flat streams of one kind."""
    exits = spent = 0
    for seed in range(streams):
        x = made.NOISES[noise](np.random.default_rng(seed), made.LENGTH)
        runs = row.find(x, (), "both")
        exits += sum(run.stop is not None for run in runs)
        spent += inside(runs, len(x))
    low, high = poisson_interval(exits)
    found = {
        "false alarms": exits,
        "per 1,000": 1000 * exits / spent if spent else None,
        "per 1,000 interval": [1000 * low / spent, 1000 * high / spent] if spent else None,
        "flat share": spent / (streams * made.LENGTH),
    }
    if promise and spent:
        lengths = [spent / count / promise if count else None for count in (exits, high, low)]
        found["over nominal"], found["over nominal interval"] = lengths[0], lengths[1:]
    return found


def moving_stream(row, curve, sigma, streams):
    """How often a falling curve is called flat while it still has more than its noise to fall.

    remaining : what it still had to fall at the first declaration, as a share of its range; the
        median over the streams that have one.
    """
    clean = made.CURVES[curve]
    left = clean - clean[-1]
    flat, remaining = [], []
    for seed in range(streams):
        x = clean + sigma * np.random.default_rng(seed).normal(size=len(clean))
        runs = row.find(x, (), "min")
        said = np.zeros(len(x), bool)
        for run in runs:
            said[run.declared : run.stop] = True
        flat.append(said[left > sigma].mean())
        remaining += [left[run.declared] / made.RANGE for run in runs[:1]]
    return {
        "flat share": float(np.mean(flat)),
        "remaining": float(np.median(remaining)) if remaining else None,
    }


def walking_stream(row, streams):
    """Share of the time that random walks are called flat."""
    flat = 0
    for seed in range(streams):
        x = made.random_walk(np.random.default_rng(seed), made.FALL)
        flat += inside(row.find(x, (), "both"), len(x))
    return {"flat share": flat / (streams * made.FALL)}


def calibration(row, streams=STREAMS, nominal=nominal):
    """Figures of a row on made streams; nothing for rows that see the whole series."""
    if row.offline:
        return None
    promise = nominal(row.make(mode="both")) if row.make else None
    return {
        "flat": {name: flat_stream(row, name, streams, promise) for name in made.NOISES},
        "moving": {
            f"{curve}, noise {sigma:g}": moving_stream(row, curve, sigma, streams)
            for curve in made.CURVES
            for sigma in made.SIGMAS
        },
        "random walk": walking_stream(row, streams),
        "nominal run length": promise,
    }
