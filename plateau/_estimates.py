"""What is known of a stretch of samples: level, drift and noise, each with its doubt."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._statistics import drift_of, inefficiency_of

Array = NDArray[np.float64]

BLOCKS = 256
"""Blocks of a stretch at most: autocorrelation is looked for between their means."""

FEWEST = 4
"""Blocks from which on a line and the scatter around it are two things."""

SMALL = 0.5
"""Standard deviations of the noise below which a change does not count."""


class Estimates(NamedTuple):
    """What is known of a stretch."""

    level: float
    """Mean of its samples, in metric units."""
    slope: float
    """Slope of the straight line through them, in metric units per sample."""
    noise: float
    """Standard deviation around that line."""
    level_error: float
    """Standard error of the level, autocorrelation included."""
    effective: float
    """Uncorrelated samples that it is worth."""


def estimates_of(positions: NDArray[np.int64], values: Array) -> Estimates:
    """Estimate a stretch.

    Parameters
    ----------
    positions : numpy.ndarray, shape (n,)
        Which samples the values are, or the last of those that each stands for.
    values : numpy.ndarray, shape (n,)
        Values, at least one.
    """
    level = float(values.mean())
    across = positions - positions.mean()
    spread = float(across @ across)
    slope = float(across @ (values - level)) / spread if spread else 0.0
    noise = float((values - level - slope * across).std())
    return Estimates(level, slope, noise, *level_error_of(blocks_of(values), values))


def blocks_of(values: Array) -> Array:
    """Means of at most `BLOCKS` equal blocks; what is left at the beginning is dropped."""
    size = -(-len(values) // BLOCKS)
    means: Array = values[len(values) % size :].reshape(-1, size).mean(axis=1)
    return means


def level_error_of(blocks: Array, values: Array) -> tuple[float, float]:
    """Return the standard error of the mean of values in these blocks, and what they are worth."""
    variance, n = float(values.var()), len(values)
    if len(blocks) < FEWEST or variance == 0.0:
        return math.sqrt(variance / n), float(n)
    # In equal blocks of uncorrelated samples the variance of a mean is that over all samples.
    square = max(float(blocks.var()) * inefficiency_of(blocks) / len(blocks), variance / n)
    return math.sqrt(square), max(variance / square, 1.0)


def confidence_of(values: Array, bound: float) -> float:
    """Probability that the drift along values stays below what counts, NaN of too few.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Values in a row.
    bound : float
        Change along them that counts, if half of their noise is not more.
    """
    blocks = blocks_of(values)
    if len(blocks) < FEWEST:
        return math.nan
    change, error, _, rest = drift_of(np.ascontiguousarray(blocks))
    within = float(values.var() - blocks.var())
    return within_bound(change, error, max(bound, SMALL * math.sqrt(max(within, 0.0) + rest)))


def within_bound(change: float, error: float, bound: float) -> float:
    """Probability that a change, known with a standard error, lies within a bound."""
    if error == 0.0:
        return 1.0 if abs(change) <= bound else 0.0
    scale = math.sqrt(2.0) * error
    return 0.5 * (math.erf((bound - change) / scale) + math.erf((bound + change) / scale))
