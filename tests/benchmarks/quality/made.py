"""Made streams of which everything is known."""

import numpy as np
from scipy.signal import lfilter

LENGTH = 20_000
"""Samples of a flat stream."""
FALL = 10_000
"""Samples of a falling one."""
RANGE = 10.0
"""How far it falls."""


def white(rng, n):
    return rng.normal(size=n)


def autoregressive(rng, n, phi):
    """AR(1) noise of variance 1, from its stationary distribution on."""
    shocks = rng.normal(size=n) * np.sqrt(1 - phi**2)
    shocks[0] = rng.normal()
    return lfilter([1.0], [1.0, -phi], shocks)


def student(rng, n):
    """Student's t with 3 degrees of freedom, of variance 1."""
    return rng.standard_t(3, size=n) / np.sqrt(3)


def heteroscedastic(rng, n):
    """Noise whose standard deviation swings between 1/2 and 2 every 5,000 samples."""
    return rng.normal(size=n) * 2 ** np.sin(2 * np.pi * np.arange(n) / 5000)


NOISES = {
    "white": white,
    "AR(1) 0.5": lambda rng, n: autoregressive(rng, n, 0.5),
    "AR(1) 0.9": lambda rng, n: autoregressive(rng, n, 0.9),
    "Student t3": student,
    "heteroscedastic": heteroscedastic,
    "white, σ 1e-9": lambda rng, n: 1 + 1e-9 * white(rng, n),
    "white, σ 1e-3": lambda rng, n: 1 + 1e-3 * white(rng, n),
    "white, σ 1e6": lambda rng, n: 1 + 1e6 * white(rng, n),
}
"""Flat streams: functions of a random generator and a length."""

TIME = np.arange(FALL)
CURVES = {
    "linear": RANGE * (1 - TIME / FALL),
    "power law": RANGE / np.sqrt(1 + TIME / 50),
    "exponential, T 500": RANGE * np.exp(-TIME / 500),
    "exponential, T 3,000": RANGE * np.exp(-TIME / 3000),
}
"""Falling curves without their noise."""
SIGMAS = (0.01, 0.1, 1.0)
"""Standard deviations of the white noise on a falling curve."""


def random_walk(rng, n):
    """A stream that never rests."""
    return np.cumsum(rng.normal(size=n))
