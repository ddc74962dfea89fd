"""What the tests of the calibrated detector share: streams and their states."""

import math

import numpy as np
import reference
from scipy.signal import lfilter

from plateau import Detector, Verdict
from plateau import _pyramid as c
from plateau._pyramid import Stream
from plateau._recurrence import PARAMS


def rng(seed):
    return np.random.default_rng(seed)


def autoregressive(seed, n, phi):
    """Stationary AR(1) of variance 1."""
    return lfilter([math.sqrt(1 - phi**2)], [1, -phi], rng(seed).normal(size=n + 300))[300:]


def fed(xs, detector=None):
    detector = detector or Detector()
    detector.update_many(xs)
    return detector


def row(detector):
    """State as the vector that kernels see."""
    return detector._state[PARAMS:]


def cells(detector):
    """State by name; a copy."""
    return Stream.of(row(detector).copy())


def blocks(detector):
    """Means, last samples and variances of the full blocks."""
    s = cells(detector)
    return np.array([s.means, s.lasts, s.spreads])[:, : s.blocks]


def pretend(values, **known):
    """A state of these blocks of one sample each."""
    s = Stream.of(np.zeros(c.SIZE))
    s.means[: len(values)] = s.lasts[: len(values)] = values
    s.full = float(len(values))
    for name, value in known.items():
        setattr(s, name, float(value))
    s.store()
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


def line(n):
    """Straight, of mean 0; the least-squares line changes by 1 over it."""
    return (np.arange(n) - 0.5 * (n - 1)) / n


def level_off(values):
    """The same without drift."""
    return values - reference.drift(values)[0] * line(len(values))


def story(xs, detector=None, changed=()):
    """Each change into or out of a plateau: index, verdict from there on, onset."""
    detector = detector or Detector()
    found, before = [], False
    for part in np.split(np.asarray(xs, float), changed):
        if detector.count:
            detector.changed()
        begin, told = detector.count, detector._record(part)
        flat = told.verdict == Verdict.PLATEAU
        found += [
            (begin + int(i), Verdict(told.verdict[i]), int(told.onset[i]))
            for i in np.flatnonzero(np.diff(flat, prepend=before))
        ]
        before = flat[-1]
    return found
