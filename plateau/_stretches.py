"""What a stretch of block means looks like: stationary from where, how far apart, running off.

Pure functions of numbers in a row. `plateau._rules` decides by them; sums with loops within loops
are in `plateau._statistics`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._pieces import Pieces
from plateau._pyramid import FIRST
from plateau._statistics import drift_of, inefficiency_of, stationary_of

Array = NDArray[np.float64]

LEAST = 12
"""Blocks that a stretch must have for its drift and its noise to be told apart."""

ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""

TRIM = 0.05
"""Share of the blocks at each end that make neither the range of a stream nor a late onset."""

ROUNDING = 1e-12
"""Share of a level below which a difference of two means may be rounding."""

SURE = 4.0
"""Standard errors from which on a difference is certain."""


def mean_of(values: Array) -> float:
    """Mean; NumPy's own method takes three times as long for so few values."""
    return float(np.add.reduce(values)) / len(values)


def variance_of(values: Array) -> float:
    """Variance, as `mean_of`."""
    off = values - mean_of(values)
    return float(off @ off) / len(values)


class Start(NamedTuple):
    """Where blocks became stationary."""

    best: int  # the start that leaves the most uncorrelated blocks
    onset: int  # the first at the level of what follows, of those that are as good
    inefficiency: float  # of the blocks from the best start on


def stationary(means: Array) -> Start:
    """Tell where blocks became stationary.

    The best start leaves the most uncorrelated blocks, max N_eff = (n - i)/g (Chodera 2016). Of
    the starts beside it that are as good to within one standard error, √(6/N_eff) of ln N_eff, the
    onset is the first at which the stream has reached the level that it then keeps.
    """
    starts = len(means) - max(FIRST, len(means) // 20)
    if starts < 1:
        return Start(0, 0, inefficiency_of(means))
    return Start(*stationary_of(means, starts))


def apart(before: Array, after: Array) -> float:
    """Mean of what came after less that of what came before, in the latter's standard errors.

    Those are the errors that it would have if both were alike. Below `SURE` of them 0 is returned.
    """
    level = mean_of(before)
    off = mean_of(after) - level
    if abs(off) <= ROUNDING * abs(level):
        return 0.0
    variance, share = variance_of(before), 1.0 / len(after) + 1.0 / len(before)
    error = math.sqrt(variance * share)
    if abs(off) <= SURE * error:  # correlation, which takes long to compute, only makes it larger
        return 0.0
    error = math.sqrt(variance * inefficiency_of(before) * share)
    if abs(off) <= SURE * error:
        return 0.0
    return off / error if error > 0.0 else math.copysign(math.inf, off)


def bounds(values: Array) -> tuple[float, float]:
    """Least and largest of some values, without outlying ones."""
    ordered, trimmed = np.sort(values), int(TRIM * len(values))
    return float(ordered[trimmed]), float(ordered[len(values) - 1 - trimmed])


def bounded_mean(values: Array) -> float:
    """Mean of some values, with outlying ones taken for the nearest that is not."""
    return float(np.clip(values, *bounds(values)).mean())


def without_outlier(values: Array) -> Array:
    """Replace one that has more than half of the variance of all by the mean of the others.

    Beside such a one the others look like white noise, whatever they do. The last one stays: it may
    be the beginning of something.
    """
    off = values - mean_of(values)
    far = int(np.abs(off).argmax())
    if off[far] ** 2 <= 0.5 * (off @ off) or far == len(values) - 1:
        return values
    clean = values.copy()
    clean[far] = mean_of(values) - off[far] / (len(values) - 1)
    return clean


def wider(z: float, freedom: float) -> float:
    """Quantile of Student's t that is as rare as z is for a normal distribution.

    The first terms of its expansion in one over the degrees of freedom (Fisher and Cornish 1960).
    """
    nu, square = max(freedom, 2.0), z * z
    second = (5.0 * square * square + 16.0 * square + 3.0) / 96.0
    return z * (1.0 + ((square + 1.0) / 4.0 + second / nu) / nu)


def progress_bound(values: Array, sign: float) -> float:
    """One-sided 95 % bound of the progress along values, but at least half of its own doubt.

    So what gets worse by chance does not hide that little is known.
    """
    change, error, effective, _ = drift_of(values)
    doubt = wider(ONE_SIDED, effective - 2.0) * float(error)
    return max(sign * float(change), -0.5 * doubt) + doubt


def resting(found: Pieces, sign: float, least: float) -> int:
    """Where the last pieces begin that make no progress, nor come after any."""
    level, begin = 0.0, len(found.values)
    for a, b in zip(found.cuts[-2::-1].tolist(), found.cuts[:0:-1].tolist(), strict=True):
        piece = found.fitted[a:b]
        change, mean = piece[-1] - piece[0], mean_of(piece)
        after = len(found.values) - begin
        off = level - mean if after else 0.0
        if max(sign * change, sign * off) > least:
            break
        level, begin = (level * after + mean * (b - a)) / (after + b - a), a
    return begin


def runs_off(means: Array) -> float:
    """By how many errors both halves of the last eighth have left all before; 0 if they have not.

    A stream that runs off ever faster has no visible line: its end outweighs all the rest.
    """
    n = len(means)
    if n < 2 * LEAST:
        return 0.0
    latest, half = n - n // 8, n - n // 16
    first = apart(means[:latest], means[latest:half])
    if first == 0.0:
        return 0.0
    second = apart(means[:latest], means[half:])
    if first * second <= 0.0:
        return 0.0
    return first if abs(first) < abs(second) else second


def speeds_up(means: Array) -> float:
    """`SURE` errors, signed, where the last steps have one direction and each is larger; else 0.

    Too few blocks may have run off for `runs_off`. Of seven steps in any order, of either sign,
    three in a million do so, which is rarer than `SURE` errors are.
    """
    third, second, first = means[-3:].tolist()
    last, before = first - second, second - third
    if last * before <= 0.0 or abs(last) <= abs(before):  # most streams
        return 0.0
    steps = means[1 - FIRST :] - means[-FIRST:-1]
    one_way = bool(np.all(steps > 0.0) or np.all(steps < 0.0))
    sizes = np.abs(steps)
    grows = one_way and bool(np.all(sizes[1:] > sizes[:-1]))
    return math.copysign(SURE, steps[-1]) if grows else 0.0


def late_change(values: Array) -> tuple[float, float]:
    """Change along all values, by their first and last quarter, and its standard error."""
    quarter = max(len(values) // 4, 4)
    _, error, _, _ = drift_of(values[-quarter:])
    change = mean_of(values[-quarter:]) - mean_of(values[:quarter])
    return change / 0.75, error / math.sqrt(6.0) / 0.75
