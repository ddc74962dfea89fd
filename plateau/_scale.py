"""On which scale a series is judged: as it is, or by its logarithm.

A loss that falls from 100 to 0.01 is at rest on a linear axis from its first hundredth on, and
still falls on a logarithmic one. So a positive series that falls by decades is judged by its
logarithm, in a stream as in hindsight. One that rises by decades is not: there what it gains at the
end is as large as all before. Neither is one that has samples of 0 or of both signs. Of a negative
series its magnitude counts.
"""

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Scale = Literal["auto", "linear", "log"]

SCALES: tuple[Scale, ...] = ("auto", "linear", "log")
AUTO, LINEAR, LOG = range(3)
"""Codes of the scales, by their places in `SCALES`."""

DECADES = 100.0
"""By how much a series must fall to be judged by its logarithm."""

BRIEF = 5
"""Levels of which the median counts: a spike falls by nothing."""

SHARE = 5.0
"""Per cent of the levels at either end that do not make the range."""


def by_logarithm(levels: NDArray[np.float64], scale: int) -> bool:
    """Tell whether a series is to be judged by its logarithm.

    Parameters
    ----------
    levels : numpy.ndarray, shape (n,)
        Its magnitudes, or means or medians of blocks of them.
    scale : int
        Code of the scale that is asked for.
    """
    if scale == LINEAR or not len(levels):
        return False
    low, high = levels.min(), levels.max()
    if not low > 0.0:
        return False
    return scale == LOG or bool(high >= DECADES * low and _falls(levels))


def _falls(levels: NDArray[np.float64]) -> bool:
    """Whether levels fall by decades, brief excursions apart, and end in the lower half."""
    steady = np.pad(levels, BRIEF // 2, mode="reflect")
    steady = np.median(sliding_window_view(steady, BRIEF), axis=1)
    low, high = np.percentile(steady, [SHARE, 100.0 - SHARE])
    end = np.median(steady[-max(len(steady) // 4, 1) :])
    unit = 2.0 ** np.frexp(high)[1]  # a power of two, which rounds nothing
    lower = (end / unit) ** 2 <= (low / unit) * (high / unit)  # than half way, by the logarithm
    return bool(high >= DECADES * low and lower)
