"""What going on would bring: the progress expected from as many samples again.

Where progress fades, the next doubling of a run brings no more than the last one did: a power law
brings the same share of it each time, an exponential ever less. So the last two doublings say what
to expect of the next. It is an extrapolation: a rate that falls later, or a second descent, is not
in it. docs/concepts.md says how often the interval is right.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._pieces import noise_of

Array = NDArray[np.float64]

FEWEST = 12
"""Numbers from which on an eighth of their first quarter is at least one."""

MOST_TIMES = 2.0
"""Times the progress of the last doubling that the next one brings at most: a falling learning rate
can bring more than the one before did."""

DOUBT = 1.645
"""Standard errors of the two levels by which the interval is wider, to either side."""


class Gain(NamedTuple):
    """Expected progress, in metric units; more is better whatever the mode."""

    expected: float
    """From as many samples again."""
    low: float
    """Lower end of the interval; below 0 the metric may get worse."""
    high: float
    """Upper end of the interval."""
    share: float
    """What is expected as a share of the range covered so far."""

    def __repr__(self) -> str:
        said = (f"{name}={x:.4g}" for name, x in zip(self._fields, self, strict=True))
        return f"Gain({', '.join(said)})"


class Gains(NamedTuple):
    """A `Gain` of each of k streams: arrays of shape (k,), NaN where nothing can be said."""

    expected: Array
    low: Array
    high: Array
    share: Array


class Doubts(NamedTuple):
    """How certain a detector's readings of a stream are; NaN where that is not known."""

    level_error: float
    effective: float
    confidence: float
    gain: float
    gain_low: float
    gain_high: float
    gain_share: float


COLUMNS = ("gain", "gain_low", "gain_high", "gain_share")
"""What the fields of a `Gain` are called in a table."""


def columns_of(gain: Gain | None) -> dict[str, float | None]:
    """Return a gain as the columns of a table."""
    return dict(zip(COLUMNS, gain or (None,) * len(COLUMNS), strict=True))


def gain_of(values: Array, sign: float, known: float | None = None) -> Gain | None:
    """Return what as many samples again are expected to bring.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Samples so far, or means of equal blocks of them.
    sign : float
        Direction of progress: -1 down, +1 up; 0: there is none.
    known : float, optional
        Level from before a change, which counts for the range covered.

    Returns
    -------
    Gain or None
        None where nothing can be said: no direction, too few numbers, or no movement at all.
    """
    n = len(values)
    if not sign or n < FEWEST or np.ptp(values) == 0.0:
        return None
    whole = float(np.ptp(values if known is None else np.append(values, known)))
    first, middle, last = (_level(values, n // part) for part in (4, 2, 1))
    before = sign * (middle - first)
    brought = max(sign * (last - middle), 0.0) + 0.0  # no negative zero
    fading = min(brought / before, 1.0) if before > 0.0 else 1.0
    doubt = DOUBT * noise_of(values[n // 2 :]) * math.sqrt(2.0 / max(n // 8, 2))
    expected = brought * fading
    return Gain(expected, 0.0 - doubt, MOST_TIMES * brought + doubt, expected / whole)


def _level(values: Array, end: int) -> float:
    """Return the mean of the last eighth of the numbers up to one."""
    return float(values[end - max(end // 8, 2) : end].mean())
