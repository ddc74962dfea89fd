"""Statistics of numbers in a row, values[begin:end], for the calibrated detector's kernels.

Loops over plain indices: slices and array expressions take numba ten times as long to compile.
"""

import math

import numpy as np

from plateau._compile import helper

TINY = 2.0**-1022
"""Squares below it have lost digits, and what is divided by them overflows."""

NONE, ONE = np.int64(0), np.int64(1)
"""Indices. A literal in a call would have numba compile the callee for it alone."""


@helper
def mean_of(values, begin, end):
    """Their mean: four sums side by side, none of which waits for another."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = begin + (end - begin) // 4 * 4
    for i in range(begin, whole, 4):
        a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
    for i in range(whole, end):
        a += values[i]
    return ((a + b) + (c + d)) / (end - begin)


@helper
def variance_of(values, begin, end):
    """Their variance."""
    mean, square = mean_of(values, begin, end), 0.0
    for i in range(begin, end):
        off = values[i] - mean
        square += off * off
    return square / (end - begin)


@helper
def inefficiencies(values, begin, end, starts, g):
    """Statistical inefficiency g = 1 + 2Σ(1 - k/n)ρₖ of values[begin + i:end], for i < starts.

    The sum ends before the first ρₖ ≤ 0 (initial positive sequence). One pass over the values a lag
    serves all suffixes, since each needs the same products and only its own mean.
    """
    n, centre = end - begin, mean_of(values, begin, end)
    y, total, means, scale = np.empty(n), np.zeros(n + 1), np.empty(starts), np.zeros(starts)
    square = 0.0
    for i in range(n - 1, -1, -1):
        y[i] = values[begin + i] - centre
        total[i] = total[i + 1] + y[i]
        square += y[i] * y[i]
        if i < starts:
            length = n - i
            means[i], g[i] = total[i] / length, 1.0
            scale[i] = square - length * means[i] * means[i]  # n times the variance
    rounding = 1e-14 * square / n
    for i in range(starts):  # a constant has no autocorrelation
        varies = scale[i] > max(rounding * (n - i), TINY)
        scale[i] = 2.0 / scale[i] if varies else 0.0
    first, last = 0, starts  # beyond these the sums have ended
    for k in range(1, n - 1):
        while last > 0 and scale[last - 1] == 0.0:
            last -= 1
        while first < last and scale[first] == 0.0:
            first += 1
        if first == last:
            break
        products = 0.0
        for i in range(n - 1 - k, first - 1, -1):
            products += y[i] * y[i + k]
            if i < last and scale[i] > 0.0:
                mean, lagged = means[i], n - i - k
                ends = mean * (total[i] - total[n - k] + total[i + k])
                covariance = products - ends + lagged * mean * mean
                if covariance <= 0.0 or lagged <= 1:
                    scale[i] = 0.0  # done
                else:
                    g[i] += covariance * scale[i]


@helper
def inefficiency(values, begin, end):
    """Return the same of all of them."""
    g = np.empty(1)
    inefficiencies(values, begin, end, ONE, g)
    return g[0]


@helper
def without_outlier(values, begin, end):
    """Copy them; one that has more than half of their variance becomes the mean of the others.

    Beside such a one the others look like white noise, whatever they do. The last one stays: it may
    be the beginning of something.
    """
    n, mean = end - begin, mean_of(values, begin, end)
    y, far, square = np.empty(n), 0, 0.0
    for i in range(n):
        y[i] = values[begin + i]
        off = y[i] - mean
        square += off * off
        if abs(off) > abs(y[far] - mean):
            far = i
    off = y[far] - mean
    if off * off > 0.5 * square and far < n - 1:
        y[far] = mean - off / (n - 1)
    return y


@helper
def drift_of(values, begin, end):
    """Change along the least-squares line, its standard error, N_eff and variance around it."""
    n, mean = end - begin, mean_of(values, begin, end)
    middle, across = 0.5 * (n - 1), n * (n * n - 1.0) / 12.0
    slope = 0.0
    for i in range(n):
        slope += (i - middle) * (values[begin + i] - mean)
    slope /= across
    rest, square = np.empty(n), 0.0
    for i in range(n):
        rest[i] = values[begin + i] - mean - slope * (i - middle)
        square += rest[i] * rest[i]
    g = inefficiency(rest, NONE, n)
    return slope * n, math.sqrt(square / n * g / across) * n, n / g, square / n
