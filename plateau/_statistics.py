"""Statistics of numbers in a row that are compiled, since they have loops within loops.

Loops over plain indices: slices and array expressions take numba ten times as long to compile, and
each way to make an array but `np.empty` a quarter of a second.
"""

import math

import numpy as np

from plateau._compile import FLOAT, FLOATS, INT, helper, kernel

TINY = 2.0**-1022
"""Squares below it have lost digits, and what is divided by them overflows."""

NONE, ONE = np.int64(0), np.int64(1)
"""Indices. A literal in a call would have numba compile the callee for it alone."""

SHORTEST_PIECE = 4
"""Values that a straight piece must have: a line goes through any two."""


@helper
def mean_of(values, begin, end):
    """Mean of the values: four sums side by side, none of which waits for another."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = begin + (end - begin) // 4 * 4
    for i in range(begin, whole, 4):
        a, b, c, d = a + values[i], b + values[i + 1], c + values[i + 2], d + values[i + 3]
    for i in range(whole, end):
        a += values[i]
    return ((a + b) + (c + d)) / (end - begin)


@helper
def variance_of(values, begin, end):
    """Variance of the values."""
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
    y, total, means, scale = np.empty(n), np.empty(n + 1), np.empty(starts), np.empty(starts)
    total[n], square = 0.0, 0.0
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
    """Statistical inefficiency of values[begin:end]."""
    g = np.empty(ONE)
    inefficiencies(values, begin, end, ONE, g)
    return g[0]


@kernel(FLOATS, INT)
def stationary_of(values, starts):
    """From where values are stationary, of so many starts: see `plateau._stretches.stationary`."""
    n, g = values.size, np.empty(starts)
    inefficiencies(values, NONE, n, starts, g)
    best = 0
    for i in range(starts):
        g[i] = (n - i) / g[i]  # from here on what each start is worth, N_eff
        if g[i] > g[best]:
            best = i
    enough = g[best] * math.exp(-math.sqrt(6.0 / g[best]))
    begin = best
    while begin > 0 and g[begin - 1] >= enough:
        begin -= 1
    level = mean_of(values, best, n)
    side = 1.0 if values[begin] > level else -1.0
    onset = begin
    while side * (values[onset] - level) > 0.0:
        if onset + 1 == starts or g[onset] < enough:
            return best, best, (n - best) / g[best]
        onset += 1
    return best, onset, (n - best) / g[best]


@kernel(FLOATS)
def inefficiency_of(values):
    """Statistical inefficiency of all values."""
    return inefficiency(values, NONE, values.size)


@kernel(FLOATS)
def drift_of(values):
    """Change along the least-squares line, its standard error, N_eff and variance around it."""
    n, mean = values.size, mean_of(values, NONE, values.size)
    middle, across = 0.5 * (n - 1), n * (n * n - 1.0) / 12.0
    slope = 0.0
    for i in range(n):
        slope += (i - middle) * (values[i] - mean)
    slope /= across
    rest, square = np.empty(n), 0.0
    for i in range(n):
        rest[i] = values[i] - mean - slope * (i - middle)
        square += rest[i] * rest[i]
    g = inefficiency(rest, NONE, n)
    error = math.sqrt(square / (n - 2) * g / across) * n
    return slope * n, error, n / g, square / n


@kernel(FLOATS, FLOAT)
def pieces_of(values, penalty):
    """Cut values into straight pieces, each at least `SHORTEST_PIECE` long; return where.

    The cuts, from 0 to the number of values, make the sum of squares around the pieces' lines, plus
    the penalty for each piece, the least that there is (optimal partitioning, Jackson et al.,
    IEEE Signal Processing Letters 12, 2005). Sums up to each place make a piece cost O(1).
    """
    n, mean = values.size, mean_of(values, NONE, values.size)
    total, moment, square = np.empty(n + 1), np.empty(n + 1), np.empty(n + 1)
    total[0], moment[0], square[0] = 0.0, 0.0, 0.0
    for i in range(n):
        y = values[i] - mean
        total[i + 1] = total[i] + y
        moment[i + 1] = moment[i] + y * i
        square[i + 1] = square[i] + y * y
    cost, before = np.empty(n + 1), np.empty(n + 1, np.int64)
    for i in range(1, n + 1):
        cost[i], before[i] = math.inf, 0
    cost[0] = 0.0
    for end in range(SHORTEST_PIECE, n + 1):
        for begin in range(end - SHORTEST_PIECE + 1):
            length = end - begin
            y = total[end] - total[begin]
            across = length * (length * length - 1.0) / 12.0
            along = moment[end] - moment[begin] - 0.5 * (begin + end - 1) * y
            around = square[end] - square[begin] - y * y / length - along * along / across
            found = cost[begin] + max(around, 0.0) + penalty
            if found < cost[end]:
                cost[end], before[end] = found, begin
    count, end = 0, n
    while end > 0:
        count, end = count + 1, before[end]
    cuts, end = np.empty(count + 1, np.int64), n
    for i in range(count, -1, -1):
        cuts[i], end = end, before[end]
    return cuts
