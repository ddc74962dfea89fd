"""What the tests of the calibrated detector share: its kernels as plain Python, streams, states."""

import math

import numpy as np
from scipy.signal import lfilter

from plateau import Detector
from plateau import _calibrated as c


def rng(seed):
    return np.random.default_rng(seed)


def autoregressive(seed, n, phi):
    """Stationary AR(1) of variance 1."""
    return lfilter([math.sqrt(1 - phi**2)], [1, -phi], rng(seed).normal(size=n + 300))[300:]


def fed(xs, detector=None):
    detector = detector or Detector()
    detector.update_many(xs)
    return detector


def cells(detector):
    """State by name."""
    return c.Cells(*detector._block[c.PARAMS : c.PARAMS + c.CELLS])


def blocks(detector):
    """Means, last samples and variances of the full blocks."""
    rows = detector._block[c.PARAMS + c.CELLS :].reshape(3, c.BLOCKS)
    return rows[:, : int(cells(detector).blocks)]


def pretend(values, **known):
    """A state of these blocks of one sample each."""
    s = np.zeros(c.SIZE)
    s[c.MEANS : c.MEANS + len(values)] = s[c.LASTS : c.LASTS + len(values)] = values
    s[c.FULL] = len(values)
    for name, value in known.items():
        s[c.Cells._fields.index(name)] = value
    return s


def noisy(seed, n=200):
    """Rows of numbers of every kind: noise, walks, ramps, transients, ties."""
    noise = rng(seed).normal(size=n)
    t = np.arange(n)
    return {
        "noise": noise,
        "autoregressive": autoregressive(seed, n, 0.8),
        "walk": noise.cumsum(),
        "transient": 30 * np.exp(-t / 20) + noise,
        "rise": -30 * np.exp(-t / 20) + noise,
        "shift": 5.0 * (t > n // 3) + noise,
        "ramp": 0.1 * t + noise,
        "ties": np.round(noise),
        "alternating": (-1.0) ** t + 0.1 * noise,
    }


def white(seed, n=12_000):
    return rng(seed).normal(size=n)
