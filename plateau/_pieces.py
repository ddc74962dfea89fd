"""A series as straight pieces: where it moves, and where it does not.

The eye judges a curve by two measures: the range that it has covered, and the noise around it. So
does this file. It cuts numbers into straight pieces, each of which must be worth more than the
noise, and keeps both measures beside them. `plateau._rules` asks the last pieces of a stream
whether it has come to rest; `plateau.hindsight` asks all pieces of a series that is over.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._statistics import pieces_of

Array = NDArray[np.float64]

PENALTY = 3.0
"""What a piece costs, in variances of the noise times the logarithm of how many numbers there are:
two for the parameters of a line, one for its place (Bayesian information criterion)."""

FINEST = 0.004
"""Share of the range below which nothing is seen: a line of a plot is that thick."""

NOISY = 0.4
"""Standard deviations of the samples within which a movement of their mean is not seen."""

SIDE = 5
"""Numbers on each side that say where one between them should lie."""


class Pieces(NamedTuple):
    """Numbers in a row, cut into straight pieces."""

    values: Array  # without spikes, shape (n,)
    fitted: Array  # the lines through them, shape (n,)
    cuts: NDArray[np.int64]  # where they begin, and n
    range: float  # of the series
    noise: float  # standard deviation of the numbers around the lines, at least `FINEST` of it


def noise_of(values: Array) -> float:
    """Return the standard deviation by the median absolute step, which no trend disturbs."""
    steps = np.diff(values)
    return 1.4826 * median_of(np.abs(steps - median_of(steps))) / math.sqrt(2.0)


def median_of(values: Array) -> float:
    """Median; NumPy's own takes five times as long for so few values."""
    ordered, n = np.sort(values), len(values)
    return 0.5 * float(ordered[(n - 1) // 2] + ordered[n // 2])


def straight(values: Array, covered: float, within: float) -> Pieces:
    """Cut numbers into straight pieces.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Samples, or means of blocks of samples.
    covered : float
        Range of the series, above 0.
    within : float
        Standard deviation of the samples within their blocks.
    """
    noise = max(noise_of(values), FINEST * covered)
    clean = unspiked(values, spike_height(noise, covered))
    seen = max(noise, NOISY * within)
    cuts = pieces_of(clean, PENALTY * seen * seen * math.log(len(clean)))
    fitted = np.concatenate([line(clean[a:b]) for a, b in pairwise(cuts)])
    return Pieces(clean, fitted, cuts, covered, noise)


def line(values: Array) -> Array:
    """Least-squares line through values."""
    along = np.arange(len(values)) - 0.5 * (len(values) - 1)
    mean = values.mean()
    fitted: Array = mean + along * (along @ (values - mean)) / (along @ along)
    return fitted


def spike_height(noise: float, covered: float) -> float:
    """Return by how much a spike stands out: no noise does, nor what is small in the range."""
    return 6.0 * noise + 0.02 * covered


def unspiked(values: Array, height: float) -> Array:
    """Replace what stands out by so much from the medians on both sides by what lies between them.

    A descent or a step stands out from one side only, so it stays; so do both ends.
    """
    clean = values.copy()
    for i in np.flatnonzero(_stands_out(values, height)).tolist():
        left, right = values[max(0, i - SIDE) : i], values[i + 1 : i + 1 + SIDE]
        low, high = sorted((median_of(left), median_of(right)))
        if not low - height <= values[i] <= high + height:
            clean[i] = 0.5 * (low + high)
    return clean


def _stands_out(values: Array, height: float) -> NDArray[np.bool_]:
    """Which may be spikes: those not far from a step, but for both ends."""
    beside = np.zeros(len(values), dtype=np.bool_)
    steps = np.abs(np.diff(values)) > 0.5 * height
    beside[1:-1] = steps[1:] | steps[:-1]
    near = np.convolve(beside, np.ones(2 * SIDE + 1))[SIDE:-SIDE] > 0
    near[[0, -1]] = False
    return near
