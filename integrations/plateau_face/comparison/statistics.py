"""Means and intervals from a handful of seeds.

Three to five seeds are too few for a bootstrap or a rank test: with three pairs no sign or
permutation test can give less than p = 1/4. What is left is Student's t, which is exact for normal
errors at any size. A spread estimated from three numbers is itself so uncertain that the interval
is 4.3 standard errors wide to either side. Where all runs share their seeds, the spread can be
estimated from all cells together instead: see `residual_spread`.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A mean and how far the interval of 95 % reaches to either side."""

    mean: float
    half: float | None
    """None where it cannot be told."""


class Spread(NamedTuple):
    """A standard deviation and the degrees of freedom it was estimated with."""

    deviation: float
    freedom: int


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean and interval of independent values, by Student's t on their own spread."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Estimate(mean, None)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return Estimate(mean, t_quantile(count - 1) * deviation / math.sqrt(count))


def residual_spread(table: NDArray[np.float64]) -> Spread | None:
    """Return what is left of the spread without the effects of rows and columns.

    A randomised block design with seeds as blocks: value = cell + seed + rest. The rest has
    (cells − 1)(seeds − 1) degrees of freedom, 18 for ten cells and three seeds, where a cell alone
    has two. It takes for granted that the rest is equally wide in all cells.

    Parameters
    ----------
    table : ndarray, shape (cells, seeds)

    Returns
    -------
    Spread, or None where there are fewer than two cells or seeds.
    """
    cells, seeds = table.shape
    freedom = (cells - 1) * (seeds - 1)
    if freedom < 1:
        return None
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return Spread(math.sqrt(np.square(rest).sum() / freedom), freedom)


def half_of_difference(spread: Spread, seeds: int) -> float:
    """Return how far the interval of a difference of two cells reaches, given the common spread."""
    return t_quantile(spread.freedom) * spread.deviation * math.sqrt(2 / seeds)


@cache
def t_quantile(freedom: int) -> float:
    """Return t such that Student's t lies within ±t with a probability of 95 %."""
    low, high = 0.0, 13.0  # 12.7 with one degree of freedom, less with more
    while high - low > 1e-12:
        middle = (low + high) / 2
        if probability_within(middle, freedom) < CONFIDENCE:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def probability_within(t: float, freedom: int) -> float:
    """Return P(|T| < t) for Student's t.

    The finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4, in θ = atan(t/√freedom).
    """
    theta = math.atan(t / math.sqrt(freedom))
    first = freedom % 2  # of the exponents: odd where the freedom is, else even
    term, total = (math.cos(theta) if first else 1.0), 0.0
    for exponent in range(first, freedom - 1, 2):
        total += term
        term *= math.cos(theta) ** 2 * (exponent + 1) / (exponent + 2)
    if first:
        return (theta + math.sin(theta) * total) * 2 / math.pi
    return math.sin(theta) * total
