"""The calibrated detector's recurrence: what `plateau.Detector` knows, and how it comes to that.

    sample ─▶ pyramid of block means ─▶ assessed ever later: onset, drift, flat? ─▶ verdict
                          └─▶ within a plateau, every block: rank ─▶ CUSUM ─▶ has it ended?

The stream since the last change is kept as at most `BLOCKS` equal blocks; when they are full,
neighbours merge, so memory is constant and no sample is forgotten, except that a long plateau drops
its oldest blocks instead. It is assessed each time it has grown by an eighth: O(1) a sample,
amortised. docs/calibrated.md derives the tests.

A stream's state is one float64 vector: the cells of `Cells`, then three numbers for each block.
Levels are less the stream's first sample, and a block's sums are of differences from its own first,
so an offset costs no digits and changes no decision. `plateau._statistics` has what is asked of
numbers in a row.
"""

import math
from typing import NamedTuple

import numpy as np

from plateau._compile import array, batch, helper, inline, kernel, number
from plateau._recurrence import (
    IMPROVING,
    LIMIT,
    PARAMS,
    PLATEAU,
    UNDECIDED,
    WARMING_UP,
    WORSENING,
)
from plateau._statistics import (
    NONE,
    drift_of,
    inefficiencies,
    inefficiency,
    mean_of,
    variance_of,
    without_outlier,
)

BLOCKS = 256
"""Blocks of the pyramid: the onset is known to 1/128 of the length, in 6 kB."""

FIRST, LEAST = 24, 12
"""Samples, and blocks, that the first assessment needs."""

BRIEF = 32
"""Samples that must have hardly moved beside the range covered before."""

GROWTH = 0.125
"""Share by which a stream grows between two assessments."""

SHARE = 0.25
"""Share of the time since the last change that a plateau must have lasted to be declared."""

EFFECTIVE, REMAINING = 15.0, 12.0
"""Uncorrelated blocks' worth that a plateau needs to be declared, and to stand: below that a
random walk cannot be told from a flat, correlated stream."""

UNSEEN, SURE, CLEAR = 2.5, 4.0, 20.0
"""Standard errors: no drift is seen; a drift is certain; a drift so clear, however small, that
the stream moves (a noise-free power law never stops)."""

SMALL = 0.5
"""Standard deviations of the noise below which a change does not count."""

ONE_SIDED = 1.645
"""Standard errors of a one-sided 95 % bound."""

TRIM = 0.05
"""Share of the blocks at each end that make neither the range of a stream nor a late onset."""

MEMORY = 1024
"""Samples over which the roughness of the stream is averaged; in longer blocks, one block."""

SMOOTHEST = 0.97
"""Largest autocorrelation that is taken out of the blocks before they are ranked."""

REFERENCE, RATE, OFFSET = 1.0, 3.3478, 0.4797
"""The CUSUM's reference value k, and its run length exp(OFFSET + RATE·h) in blocks, two-sided, for
ranks of exchangeable blocks: RATE solves E exp(RATE·(w - k)) = 1 for w uniform with variance 1,
OFFSET follows from Brook and Evans' Markov chain (tests/reference.py does both)."""

ROUNDING = 1e-12
"""Share of a level below which a difference of two means may be rounding."""

DISTINCT = 8.0
"""Uncorrelated samples' worth of a block from which its own spread is known well enough."""

DROPPED, SHORTEST, FREE = 4.0, 64.0, 30.0
"""In a plateau the blocks stay shorter than the horizon by DROPPED, if more than SHORTEST: then the
oldest are dropped and not merged, while half of them are worth FREE uncorrelated ones. So a shift
is known about as soon after a million samples as after thousands."""

MOST = np.finfo(np.float64).max
"""The largest number: what a sum of squares is at most."""

RANKED = 8
"""Blocks that a plateau must have before the rank of another says something."""


class Params(NamedTuple):
    """The first numbers of a block, the same for all its streams."""

    sign: float  # direction of progress: -1 min, +1 max; 0 both: any movement
    horizon: float  # samples without visible drift that make a plateau
    change: float  # share of the range covered so far below which a change does not count
    run_length: float  # samples between two false ends of a plateau


class Cells(NamedTuple):
    """What is kept of a stream, beside its blocks; all zero before the first sample."""

    accepted: float  # samples taken
    previous: float  # the last one, less the anchor
    variance: float  # running half mean square of the differences from sample to sample, by blocks
    level: float  # smoothed value, less the anchor
    slope: float  # drift over the stretch last assessed, metric units per sample
    skipped: float  # non-finite samples, which touch nothing else
    fires: float  # fires in a row without progress between them
    last_fire: float  # samples accepted at the last fire
    fire_level: float  # level of the plateau at the last fire, less the anchor
    fire_length: float  # samples of the plateau at the last fire
    anchor: float  # the first sample
    older: float  # the sample before the previous one, less the anchor
    variance2: float  # as variance, from each sample to the one after the next
    blocks: float  # blocks that are full
    more: float  # samples of a block, less one
    filled: float  # samples in the block that fills
    start: float  # the first of them, less the anchor
    total: float  # sum of their differences from it
    square: float  # sum of the squares of these
    steps: float  # sum of the squares of the differences from sample to sample
    steps2: float  # the same from each sample to the one after the next
    first: float  # index of the first sample in the blocks
    due: float  # samples in the blocks at which they are assessed next
    verdict: float  # code of the verdict
    error: float  # standard error of the slope
    confidence: float  # probability that the verdict is right, as far as the drift tells
    noise: float  # standard deviation around the drift
    begun: float  # in a plateau: index of the first sample that is held to belong to it
    onset: float  # in a plateau: index at which it began, also before an interruption
    declared: float  # in a plateau: index of the sample at which it was declared
    visible: float  # in a plateau: 1 if it rests on the lack of visible drift, else 0
    tolerance: float  # in a plateau: change of level that does not end it
    inflation: float  # in a plateau: what is left of autocorrelation between its blocks
    rise: float  # in a plateau: CUSUM upwards
    fall: float  # in a plateau: CUSUM downwards
    rise_from: float  # block at which the CUSUM upwards began
    fall_from: float  # block at which the CUSUM downwards began
    renew: float  # 1 right after a plateau whose onset turned out to be later
    interrupted: float  # 1 if a plateau ended by a shift and may come back
    left_onset: float  # its onset
    left_level: float  # its level, less the anchor
    away_level: float  # the level to which it went, less the anchor
    known: float  # 1 if there is a level from before the blocks
    known_level: float  # that level, less the anchor
    held: float  # 1 if a plateau is so long that its beginning is no longer in the blocks
    held_level: float  # its level there, less the anchor


CELLS = len(Cells._fields)
(ACCEPTED, PREVIOUS, VARIANCE, LEVEL, SLOPE, SKIPPED, FIRES, LAST_FIRE, FIRE_LEVEL, FIRE_LENGTH,
 ANCHOR, OLDER, VARIANCE2, FULL, MORE, FILLED, START, TOTAL, SQUARE, STEPS, STEPS2, FIRST_INDEX,
 DUE, VERDICT, ERROR, CONFIDENCE, NOISE, BEGUN, ONSET, DECLARED, VISIBLE, TOLERANCE, INFLATION,
 RISE, FALL, RISE_FROM, FALL_FROM, RENEW, INTERRUPTED, LEFT_ONSET, LEFT_LEVEL, AWAY_LEVEL, KNOWN,
 KNOWN_LEVEL, HELD, HELD_LEVEL) = range(CELLS)  # fmt: skip
MEANS, LASTS, SPREADS = (np.int64(CELLS + i * BLOCKS) for i in range(3))
"""Where the blocks' means, last samples and variances within begin."""

SIZE = CELLS + 3 * BLOCKS


# ---- what the blocks look like -------------------------------------------------------------------


@helper
def _apart(values, begin, until, since, end):
    """Means of values[since:end] less that of values[begin:until], in the latter's terms.

    Those are the standard errors that it would have if both parts were alike. Below `SURE` of them
    0 is returned.
    """
    level = mean_of(values, begin, until)
    apart = mean_of(values, since, end) - level
    if abs(apart) <= ROUNDING * abs(level):
        return 0.0
    variance, share = variance_of(values, begin, until), 1.0 / (end - since) + 1.0 / (until - begin)
    error = math.sqrt(variance * share)
    if abs(apart) <= SURE * error:  # correlation, which takes long to compute, only makes it larger
        return 0.0
    error = math.sqrt(variance * inefficiency(values, begin, until) * share)
    if abs(apart) <= SURE * error:
        return 0.0
    return apart / error if error > 0.0 else math.copysign(math.inf, apart)


@helper
def _stationary(s):
    """Where the blocks became stationary: the best start, the first start at the level, best g.

    The best start leaves the most uncorrelated samples, max N_eff = (n - i)/g (Chodera 2016). Of
    the starts beside it that are as good to within one standard error, √(6/N_eff) of ln N_eff, the
    onset is the first at which the stream has reached the level that it then keeps.
    """
    n = int(s[FULL])
    starts = n - max(8, n // 20)
    g = np.empty(starts)
    inefficiencies(s, MEANS, MEANS + n, starts, g)
    best = 0
    for i in range(starts):
        if (n - i) * g[best] > (n - best) * g[i]:
            best = i
    effective = (n - best) / g[best]
    enough = effective * math.exp(-math.sqrt(6.0 / effective))
    begin = best
    while begin > 0 and (n - begin + 1) / g[begin - 1] >= enough:
        begin -= 1
    level = mean_of(s, MEANS + best, MEANS + n)
    side = 1.0 if s[MEANS + begin] > level else -1.0
    for i in range(begin, starts):
        if side * (s[MEANS + i] - level) <= 0.0:
            return best, i, g[best]
        if i > best and (n - i) / g[i] < enough:
            break
    return best, best, g[best]


@helper
def _lowest(s, begin, end, rank, sign):
    """Of the means of some blocks, times sign, the one that has `rank` smaller ones."""
    kept = np.full(rank + 1, np.inf)
    for i in range(begin, end):
        value = sign * s[MEANS + i]
        j = rank
        if value < kept[j]:
            while j > 0 and kept[j - 1] > value:
                kept[j] = kept[j - 1]
                j -= 1
            kept[j] = value
    return kept[rank]


@helper
def _bounds(s, begin, end):
    """Least and largest mean of some blocks, without outlying ones."""
    trimmed = int(TRIM * (end - begin))
    return _lowest(s, begin, end, trimmed, 1.0), -_lowest(s, begin, end, trimmed, -1.0)


@helper
def _bounded_mean(s, begin, end):
    """Mean of some blocks, with outlying ones taken for the nearest that is not."""
    low, high = _bounds(s, begin, end)
    total = 0.0
    for i in range(begin, end):
        total += min(max(s[MEANS + i], low), high)
    return total / (end - begin)


@helper
def _range(s):
    """Range of the blocks and of the level from before them, without outlying blocks."""
    low, high = _bounds(s, NONE, int(s[FULL]))
    if s[KNOWN] > 0.0:
        low, high = min(low, s[KNOWN_LEVEL]), max(high, s[KNOWN_LEVEL])
    return high - low


@helper
def _noise(s, begin, end, variance):
    """Return the deviation of the samples of some blocks, given the variance between blocks."""
    return math.sqrt(variance + mean_of(s, SPREADS + begin, SPREADS + end))


# ---- blocks without their autocorrelation --------------------------------------------------------


@helper
def _persistence(s):
    """Lag-1 autocorrelation φ of the samples, from differences, which no level shift disturbs.

    For AR(1) the half mean squares of lag-1 and lag-2 differences are σ²(1 - φ) and σ²(1 - φ²).
    """
    if s[VARIANCE] <= 0.0:
        return 0.0
    return min(max(s[VARIANCE2] / s[VARIANCE] - 1.0, -0.5), SMOOTHEST)


@helper
def _whitened(s, j, lead):
    """Mean of block j > 0 of the prewhitened stream (x - φx₋₁)/(1 - φ); lead = φ/(1 - φ)/size."""
    return s[MEANS + j] + lead * (s[LASTS + j] - s[LASTS + j - 1])


@helper
def _inflation(s, begin, end):
    """Return what is left of autocorrelation between whitened blocks, if more than chance: g."""
    begin = max(begin, 1)
    phi = _persistence(s)
    lead = phi / (1.0 - phi) / (s[MORE] + 1.0)
    n = end - begin
    y = np.empty(n)
    for j in range(n):
        y[j] = _whitened(s, begin + j, lead)
    mean, products = mean_of(y, NONE, n), 0.0
    for j in range(n - 1):
        products += (y[j] - mean) * (y[j + 1] - mean)
    if products <= 2.0 * math.sqrt(n) * variance_of(y, NONE, n):  # ρ₁ below two standard errors
        return 1.0
    return inefficiency(y, NONE, n)


@helper
def _own_inflation(s, begin, best):
    """Return that of the blocks from `begin` on, as far as they are the plateau's.

    The tail of a descent is no correlation, so it is taken from the best start on; nor is what may
    be a shift, so up to where the CUSUMs began to rise; a part of it is left in any case.
    """
    full = int(s[FULL])
    until = full
    if s[RISE] > 0.0:
        until = min(until, int(s[RISE_FROM]))
    if s[FALL] > 0.0:
        until = min(until, int(s[FALL_FROM]))
    until = max(until, full - (full - begin) // 4)
    return _inflation(s, max(begin, min(best, (begin + until) // 2)), until)


# ---- within a plateau ----------------------------------------------------------------------------


@helper
def _block_of(s, index):
    """Block of the pyramid in which a sample lies."""
    return max(int((index - s[FIRST_INDEX]) // (s[MORE] + 1.0)), 0)


@helper
def _studentised(s, j, lead, level):
    """Whitened block less the level, in standard deviations of the block's own samples.

    So noise that grows or shrinks along the plateau leaves the blocks exchangeable. A block without
    spread is at its level or infinitely far from it: what is known of it has no units.
    """
    off, spread = _whitened(s, j, lead) - level, s[SPREADS + j]
    if spread > 0.0:
        return off / math.sqrt(spread)
    return math.copysign(math.inf, off) if off != 0.0 else 0.0


@helper
def _watch(s, p):
    """Has the newest block of a plateau shifted its level? Rank it and add the rank to the CUSUMs.

    Ranks among the blocks before are independent and uniform for any exchangeable blocks, whatever
    their distribution, so the run length to a false alarm is known.
    """
    newest, begin = int(s[FULL]) - 1, max(_block_of(s, s[BEGUN]), 1)
    others = newest - begin
    if others < RANKED:
        return
    phi, size = _persistence(s), s[MORE] + 1.0
    lead = phi / (1.0 - phi) / size
    level = mean_of(s, MEANS + begin, MEANS + newest)
    own = size * (1.0 - phi) >= DISTINCT * (1.0 + phi)  # enough samples to know their spread
    y = np.empty(others + 1)
    if own:
        for j in range(others + 1):
            y[j] = _studentised(s, begin + j, lead, level)
    else:
        for j in range(others + 1):
            y[j] = _whitened(s, begin + j, lead)
    below, ties = 0, 0
    for j in range(others):
        below += y[j] < y[others]
        ties += y[j] == y[others]
    score = (2.0 * below + ties - others) / math.sqrt(others * (others + 2.0) / 3.0 * s[INFLATION])
    if s[RISE] == 0.0:
        s[RISE_FROM] = newest
    if s[FALL] == 0.0:
        s[FALL_FROM] = newest
    s[RISE] = max(0.0, s[RISE] + score - REFERENCE)
    s[FALL] = max(0.0, s[FALL] - score - REFERENCE)
    limit = max((math.log(max(p.run_length / size, 1.0)) - OFFSET) / RATE, 0.5)
    if max(s[RISE], s[FALL]) > limit:
        _shifted(s, p, begin, int(s[RISE_FROM] if s[RISE] > s[FALL] else s[FALL_FROM]))


@helper
def _shifted(s, p, begin, since):
    """End the plateau if its level has changed by enough since that block, and begin anew there."""
    full = int(s[FULL])
    since = max(since, begin + 1)  # where it began may have been dropped
    away = mean_of(s, MEANS + since, MEANS + full)
    level = mean_of(s, MEANS + begin, MEANS + since)
    if abs(away - level) <= s[TOLERANCE]:  # it counts for nothing, and from now on as the level
        s[RISE] = s[FALL] = 0.0
        return
    s[INTERRUPTED], s[LEFT_ONSET], s[LEFT_LEVEL], s[AWAY_LEVEL] = 1.0, s[ONSET], level, away
    s[KNOWN], s[KNOWN_LEVEL] = 1.0, level
    for j in range(since, full):
        s[MEANS + j - since] = s[MEANS + j]
        s[LASTS + j - since] = s[LASTS + j]
        s[SPREADS + j - since] = s[SPREADS + j]
    s[FIRST_INDEX] += since * (s[MORE] + 1.0)
    s[FULL] = full - since
    s[DUE] = (full - since) * (s[MORE] + 1.0) * (1.0 + GROWTH)
    _moves(s, p, away - level)
    s[CONFIDENCE] = 1.0 - 1.0 / max(p.run_length, 1.0)


@helper
def _moves(s, p, change):
    """Note that the stream moves in this direction."""
    better = p.sign == 0.0 or p.sign * change > 0.0
    s[VERDICT] = IMPROVING if better else WORSENING
    if better:
        s[FIRES] = 0.0


@helper
def _certainty(s):
    """Return the confidence of a two-sided test that there is a drift."""
    return math.erf(abs(s[SLOPE]) / s[ERROR] / math.sqrt(2.0)) if s[ERROR] > 0.0 else 1.0


@helper
def _late_change(values, n):
    """Change along all of them, by their first and last quarter, and its standard error."""
    quarter = max(n // 4, 4)
    _, error, _, _ = drift_of(values, n - quarter, n)
    change = mean_of(values, n - quarter, n) - mean_of(values, NONE, quarter)
    return change / 0.75, error / math.sqrt(6.0) / 0.75


@helper
def _stands(s, p, best, g):
    """Whether a plateau still stands, as its blocks now look: no drift, no shift, enough of it."""
    full = int(s[FULL])
    begin = min(_block_of(s, s[BEGUN]), full - 9)
    y, length = without_outlier(s, MEANS + begin, MEANS + full), full - begin
    change, error, _, rest = drift_of(y, NONE, length)
    _describe(s, change, error, length, _noise(s, begin, full, rest))
    effective = length / inefficiency(y, NONE, length)
    if s[VISIBLE] > 0.0 and effective < REMAINING:
        s[INTERRUPTED], s[VERDICT], s[CONFIDENCE] = 0.0, UNDECIDED, 0.0
        return False
    noise = _noise(s, begin, full, variance_of(s, MEANS + begin, MEANS + full))
    if abs(change) <= SURE * error and s[TOLERANCE] > 0.0:  # its end may have left its beginning
        change, error = _late_change(y, length)
    if abs(change) > max(SURE * error, 2.0 * SMALL * noise, 2.0 * s[TOLERANCE]):
        _describe(s, change, error, length, s[NOISE])
        s[INTERRUPTED] = 0.0
        _moves(s, p, change)
        s[CONFIDENCE] = _certainty(s)
        return False
    if s[HELD] > 0.0:
        return _holds(s, p, begin, noise)
    if best <= begin:
        return True
    apart = _bounded_mean(s, begin, best) - mean_of(s, MEANS + best, MEANS + full)
    spread = variance_of(s, MEANS + best, MEANS + full) * g
    spread *= 1.0 / (best - begin) + 1.0 / (full - best)
    if abs(apart) <= max(SURE * math.sqrt(spread), s[TOLERANCE]):
        return True
    if s[ONSET] < s[FIRST_INDEX]:  # it came back: what lies before is the rest of the interruption
        s[BEGUN] = s[FIRST_INDEX] + best * (s[MORE] + 1.0)
        s[RISE] = s[FALL] = 0.0
        s[INFLATION] = _inflation(s, best, full)
        return True
    s[VERDICT], s[RENEW], s[INTERRUPTED], s[CONFIDENCE] = UNDECIDED, 1.0, 0.0, 0.0
    return False


@helper
def _holds(s, p, begin, noise):
    """Whether a long plateau is still at the level of its beginning, which the blocks have left."""
    level = mean_of(s, MEANS + begin, MEANS + int(s[FULL]))
    apart = level - s[HELD_LEVEL]
    if abs(apart) <= max(2.0 * SMALL * noise, 2.0 * s[TOLERANCE], ROUNDING * abs(level)):
        return True
    s[INTERRUPTED] = 0.0
    _moves(s, p, apart)
    s[CONFIDENCE] = 1.0 - 1.0 / max(p.run_length, 1.0)
    return False


# ---- outside a plateau ---------------------------------------------------------------------------


@helper
def _describe(s, change, error, blocks, noise):
    """Note the drift over some blocks."""
    length = blocks * (s[MORE] + 1.0)
    s[SLOPE], s[ERROR], s[NOISE] = change / length, error / length, noise


@helper
def _returned(s):
    """Whether the stream is back at the level that it left, nearer than half way, and stays there.

    Returns the first block of the stretch that is back, or -1.
    """
    full = int(s[FULL])
    recent = max(LEAST, math.ceil(SHARE * full))
    if s[INTERRUPTED] == 0.0 or recent * (s[MORE] + 1.0) < FIRST:
        return -1
    change, error, _, rest = drift_of(s, MEANS + full - recent, MEANS + full)
    apart = abs(mean_of(s, MEANS + full - recent, MEANS + full) - s[LEFT_LEVEL])
    apart += ONE_SIDED * error / math.sqrt(12.0)  # that of the mean
    if apart > 0.5 * abs(s[AWAY_LEVEL] - s[LEFT_LEVEL]) or abs(change) > SURE * error:
        return -1
    _describe(s, change, error, recent, _noise(s, full - recent, full, rest))
    return full - recent


@helper
def _settled(s, p, onset):
    """Whether the stream since this block shows no drift, or surely none that matters."""
    full, size = int(s[FULL]), s[MORE] + 1.0
    length = full - onset
    y = without_outlier(s, MEANS + onset, MEANS + full)
    change, error, _, rest = drift_of(y, NONE, length)
    _describe(s, change, error, length, _noise(s, onset, full, rest))
    if length * size < p.horizon or length < SHARE * full:
        return False
    if length / inefficiency(y, NONE, length) < EFFECTIVE:
        return False
    latest = length - max(length // 8, 1)
    if _apart(y, NONE, latest, latest, length) != 0.0:
        return False
    limit = SURE if s[RENEW] > 0.0 else UNSEEN
    bound = SMALL * _noise(s, onset, full, variance_of(s, MEANS + onset, MEANS + full))
    return abs(change) <= limit * error or abs(change) + UNSEEN * error <= bound


@helper
def _levelled(s, p, covered):
    """First block of a stretch that hardly moves beside the range covered; -1 if there is none.

    Asked of the last quarter: either it is as long as the horizon and the 95 % bound of its drift
    below twice `change` of the range covered so far, or the range of all its blocks below `change`
    of it. Its tolerance is that bound or that share.
    """
    full, size = int(s[FULL]), s[MORE] + 1.0
    recent = max(8, math.ceil(SHARE * full))
    change, error, effective, rest = drift_of(s, MEANS + full - recent, MEANS + full)
    _describe(s, change, error, recent, _noise(s, full - recent, full, rest))
    if recent * size < BRIEF or abs(change) > CLEAR * error:
        return -1
    allowed, ahead = p.change * covered, max(p.horizon / (recent * size), 1.0)
    if (abs(change) - ONE_SIDED * error) * ahead > 2.0 * allowed:
        return -1
    if ahead > 1.0 or effective < EFFECTIVE or abs(change) + ONE_SIDED * error > 2.0 * allowed:
        high = -_lowest(s, full - recent, full, NONE, -1.0)
        if high - _lowest(s, full - recent, full, NONE, 1.0) > allowed:
            return -1
    s[TOLERANCE] = allowed
    begin = full - recent
    level = mean_of(s, MEANS + begin, MEANS + full)
    while begin > 0 and abs(s[MEANS + begin - 1] - level) <= allowed:
        begin -= 1
    return begin


@helper
def _assess(s, p):
    """Look at all blocks anew; return whether the detector fires."""
    best, onset, g = _stationary(s)
    if s[VERDICT] == PLATEAU:
        s[INFLATION] = _own_inflation(s, _block_of(s, s[BEGUN]), best)
        if _stands(s, p, best, g):
            s[CONFIDENCE] = _confidence(s, p)
            return _fires_again(s)
        s[DUE] = 0.0
        return False
    begin = _returned(s)
    if begin >= 0:
        s[TOLERANCE] = 0.0
        return _declare(s, p, begin, s[LEFT_ONSET], 0.0, best)
    if _settled(s, p, onset):
        s[TOLERANCE] = 0.0
        return _declare(s, p, onset, s[FIRST_INDEX] + onset * (s[MORE] + 1.0), 1.0, best)
    s[RENEW] = 0.0
    drift = s[SLOPE], s[ERROR], s[NOISE]
    begin = _levelled(s, p, _range(s))
    if begin >= 0:
        return _declare(s, p, begin, s[FIRST_INDEX] + begin * (s[MORE] + 1.0), 0.0, best)
    runs = _runs_off(s)
    if abs(s[SLOPE]) <= SURE * s[ERROR]:  # the last quarter is silent: ask the whole stretch
        s[SLOPE], s[ERROR], s[NOISE] = drift
    if abs(s[SLOPE]) > SURE * s[ERROR]:
        _moves(s, p, s[SLOPE])
        s[CONFIDENCE] = _certainty(s)
        return False
    s[VERDICT], s[CONFIDENCE] = UNDECIDED, 0.0
    if runs != 0.0:
        _moves(s, p, runs)
        s[CONFIDENCE] = math.erf(abs(runs) / math.sqrt(2.0))
    return False


@helper
def _runs_off(s):
    """By how many errors both halves of the last eighth have left all before; 0 if they have not.

    A stream that runs off ever faster has no visible line: its end outweighs all the rest.
    """
    full = int(s[FULL])
    if full < 2 * LEAST:
        return 0.0
    latest, half = full - full // 8, full - full // 16
    first = _apart(s, MEANS, MEANS + latest, MEANS + latest, MEANS + half)
    if first == 0.0:
        return 0.0
    second = _apart(s, MEANS, MEANS + latest, MEANS + half, MEANS + full)
    if first * second <= 0.0:
        return 0.0
    return first if abs(first) < abs(second) else second


@helper
def _declare(s, p, begin, onset, visible, best):
    """Begin a plateau with this block and fire."""
    s[VERDICT], s[VISIBLE], s[ONSET] = PLATEAU, visible, onset
    s[BEGUN] = s[FIRST_INDEX] + begin * (s[MORE] + 1.0)
    s[DECLARED] = s[ACCEPTED] - 1.0
    s[RISE], s[FALL], s[RENEW], s[INTERRUPTED], s[HELD] = 0.0, 0.0, 0.0, 0.0, 0.0
    full = int(s[FULL])
    s[INFLATION] = _own_inflation(s, begin, begin if visible > 0.0 else best)
    s[CONFIDENCE] = _confidence(s, p)
    level = mean_of(s, MEANS + begin, MEANS + full)
    step = level - s[FIRE_LEVEL]
    progress = abs(step) if p.sign == 0.0 else p.sign * step
    if progress > SMALL * s[NOISE]:
        s[FIRES] = 0.0
    _fire(s, level)
    return True


@helper
def _fire(s, level):
    """Count a fire."""
    s[FIRES] += 1.0
    s[LAST_FIRE], s[FIRE_LEVEL] = s[ACCEPTED], level
    s[FIRE_LENGTH] = s[ACCEPTED] - s[ONSET]


@helper
def _fires_again(s):
    """While a plateau lasts the detector fires each time its length has doubled."""
    if s[ACCEPTED] - s[ONSET] < 2.0 * s[FIRE_LENGTH]:
        return False
    _fire(s, mean_of(s, MEANS + _block_of(s, s[BEGUN]), MEANS + int(s[FULL])))
    return True


@helper
def _confidence(s, p):
    """Probability that the drift is smaller than what counts, by its standard error."""
    blocks = s[FULL] - _block_of(s, s[BEGUN])
    length = blocks * (s[MORE] + 1.0)
    change, error = s[SLOPE] * length, s[ERROR] * length
    bound = max(SMALL * s[NOISE], 2.0 * s[TOLERANCE])
    if error == 0.0:
        return 1.0 if abs(change) <= bound else 0.0
    scale = math.sqrt(2.0) * error
    return 0.5 * (math.erf((bound - change) / scale) + math.erf((bound + change) / scale))


# ---- samples to blocks ---------------------------------------------------------------------------


@helper
def _merge(s):
    """Merge neighbouring blocks: half as many of double size."""
    for j in range(BLOCKS // 2):
        older, newer = s[MEANS + 2 * j], s[MEANS + 2 * j + 1]
        apart = older - newer
        within = 0.5 * (s[SPREADS + 2 * j] + s[SPREADS + 2 * j + 1])
        s[MEANS + j], s[LASTS + j] = 0.5 * (older + newer), s[LASTS + 2 * j + 1]
        s[SPREADS + j] = within + 0.25 * apart * apart
    s[FULL], s[MORE] = BLOCKS // 2, 2.0 * s[MORE] + 1.0
    # A CUSUM of blocks twice as long has the same evidence in units √2 as large.
    s[RISE], s[FALL] = s[RISE] / math.sqrt(2.0), s[FALL] / math.sqrt(2.0)
    s[RISE_FROM], s[FALL_FROM] = s[RISE_FROM] // 2, s[FALL_FROM] // 2


@helper
def _may_drop(s, p):
    """Whether the newer half of the blocks tells all that is needed of a plateau."""
    half = BLOCKS // 2
    if s[VERDICT] != PLATEAU or _block_of(s, s[BEGUN]) > half:
        return False
    if 2.0 * (s[MORE] + 1.0) <= max(p.horizon / DROPPED, SHORTEST):
        return False
    return half >= FREE * inefficiency(s, MEANS + half, MEANS + BLOCKS)


@helper
def _drop(s):
    """Drop the older half of the blocks of a plateau; what is kept of them is their level."""
    half, begin = BLOCKS // 2, _block_of(s, s[BEGUN])
    if s[HELD] == 0.0 and begin < half:
        s[HELD], s[HELD_LEVEL] = 1.0, mean_of(s, MEANS + begin, MEANS + half)
    for j in range(half):
        s[MEANS + j], s[LASTS + j] = s[MEANS + half + j], s[LASTS + half + j]
        s[SPREADS + j] = s[SPREADS + half + j]
    s[FULL] = half
    s[FIRST_INDEX] += half * (s[MORE] + 1.0)
    s[BEGUN] = max(s[BEGUN], s[FIRST_INDEX])
    s[RISE_FROM], s[FALL_FROM] = max(s[RISE_FROM] - half, 0.0), max(s[FALL_FROM] - half, 0.0)
    s[DUE] = 0.0


class Hot(NamedTuple):
    """The cells that every sample changes."""

    accepted: float
    previous: float
    older: float
    filled: float
    start: float
    total: float
    square: float
    steps: float
    steps2: float


@inline
def _load(s):
    """Read them."""
    return Hot(
        s[ACCEPTED], s[PREVIOUS], s[OLDER],
        s[FILLED], s[START], s[TOTAL], s[SQUARE], s[STEPS], s[STEPS2],
    )  # fmt: skip


@inline
def _store(s, hot):
    """Write them back; of squares near `LIMIT`² a sum of millions is cut, lest it be infinite."""
    s[ACCEPTED], s[PREVIOUS], s[OLDER] = hot[0], hot[1], hot[2]
    s[FILLED], s[START], s[TOTAL], s[SQUARE] = hot[3], hot[4], hot[5], min(hot[6], MOST)
    s[STEPS], s[STEPS2] = min(hot[7], MOST), min(hot[8], MOST)


@inline
def _sampled(hot, x):
    """Return them after a sample, less the anchor.

    Only sums: a sample waits for no more than one addition of the sample before it.
    """
    step, step2 = x - hot.previous, x - hot.older
    start = hot.start if hot.filled > 0.0 else x
    off = x - start
    return Hot(
        hot.accepted + 1.0, x, hot.previous,
        hot.filled + 1.0, start, hot.total + off, hot.square + off * off,
        hot.steps + step * step, hot.steps2 + step2 * step2,
    )  # fmt: skip


@inline
def _accept(s, x):
    """Take one sample; return whether it fills a block, which must then be closed."""
    if not abs(x) <= LIMIT:
        s[SKIPPED] += 1.0
        return False
    if s[ACCEPTED] == 0.0:
        s[ANCHOR] = x
    hot = _sampled(_load(s), x - s[ANCHOR])
    _store(s, hot)
    return hot.filled > s[MORE]


@inline
def _share(size, others):
    """Weight of so many new differences in a mean over `MEMORY`, given how many there are."""
    return min(size / max(min(others, MEMORY), 1.0), 1.0)


@inline
def _append(s):
    """Let the newest block, which is full, join the others."""
    full, size, n = int(s[FULL]), s[FILLED], s[ACCEPTED]
    off = s[TOTAL] / size
    mean = s[START] + off
    s[MEANS + full] = mean
    s[LASTS + full] = s[PREVIOUS]
    s[SPREADS + full] = max(s[SQUARE] / size - off * off, 0.0)
    s[VARIANCE] += (0.5 * s[STEPS] / size - s[VARIANCE]) * _share(size, n - 1.0)
    s[VARIANCE2] += (0.5 * s[STEPS2] / size - s[VARIANCE2]) * _share(size, n - 2.0)
    s[LEVEL] += (mean - s[LEVEL]) * min(1.0, 8.0 / (full + 1.0))
    s[FULL] = full + 1.0
    s[FILLED] = s[START] = s[TOTAL] = s[SQUARE] = s[STEPS] = s[STEPS2] = 0.0


@inline
def _is_due(s, full):
    """Whether a stream of so many blocks is to be assessed."""
    return full * (s[MORE] + 1.0) >= max(s[DUE], FIRST) and full >= LEAST


@inline
def _is_simple(s):
    """Whether nothing is to be done about the newest block but to append it."""
    full = s[FULL] + 1.0
    return s[VERDICT] != PLATEAU and full < BLOCKS and not _is_due(s, full)


@helper
def _close(s, p):
    """Let the newest block join the others; return whether the detector fires."""
    _append(s)
    if s[VERDICT] == PLATEAU:
        _watch(s, p)
    if s[FULL] == BLOCKS:
        if _may_drop(s, p):
            _drop(s)
        else:
            _merge(s)
    if not _is_due(s, s[FULL]):
        return False
    length = s[FULL] * (s[MORE] + 1.0)
    # A long plateau is assessed each time that it drops blocks.
    growth = 1.0 if s[HELD] > 0.0 and s[VERDICT] == PLATEAU else GROWTH
    s[DUE] = max(length + 1.0, length * (1.0 + growth))
    return _assess(s, p)


class Row(NamedTuple):
    """What is known after a block."""

    taken: float  # samples taken up to its end
    fires: float  # 1 if the detector fires
    level: float  # as the detector's properties of these names
    slope: float
    verdict: float
    onset: float  # -1 outside a plateau


@inline
def _row(s, taken, fires):
    """Read it."""
    slope = s[SLOPE] if s[VERDICT] != WARMING_UP else math.nan
    onset = s[ONSET] if s[VERDICT] == PLATEAU else -1.0
    return Row(taken, 1.0 if fires else 0.0, s[ANCHOR] + s[LEVEL], slope, s[VERDICT], onset)


# ---- drivers -------------------------------------------------------------------------------------


@inline
def _fill(s, xs, i):
    """Take samples from the one at i on, up to one that fills a block; return where it stopped."""
    if s[ACCEPTED] == 0.0:  # the first is the anchor
        _accept(s, xs[i])
        return i + 1
    hot, anchor, skipped, full = _load(s), s[ANCHOR], 0, s[MORE] + 1.0
    while i < xs.size and hot.filled < full:
        x = xs[i]
        if abs(x) <= LIMIT:
            hot = _sampled(hot, x - anchor)
        else:
            skipped += 1
        i += 1
    _store(s, hot)
    s[SKIPPED] += skipped
    return i


@inline
def _stream(block, i):
    """State of the stream i of a bank."""
    return block[PARAMS + i * SIZE : PARAMS + (i + 1) * SIZE]


@kernel
def flat_update(block, sample):
    """Take one sample of one stream; return whether the detector fires."""
    numbers = array(block, PARAMS + SIZE)
    s = _stream(numbers, 0)
    if not _accept(s, number(sample)):
        return False
    if _is_simple(s):
        _append(s)
        return False
    return _close(s, Params(numbers[0], numbers[1], numbers[2], numbers[3]))


@batch
def flat_bank_many(block, streams, xs, hop, stride, fired):
    """Take samples of each of many streams; a stream's lie `hop` apart, the streams `stride`.

    One stream after the other: its blocks stay in the cache.
    """
    p = Params(block[0], block[1], block[2], block[3])
    for i in range(streams):
        s = _stream(block, i)
        for t in range(xs.size // streams):
            fired[t * streams + i] = _accept(s, xs[t * hop + i * stride]) and _close(s, p)


@batch
def flat_blocks(block, xs, rows):
    """Take samples in a row and close the blocks that they fill; write a row after each.

    Returns how many samples were taken and how many rows written. It stops behind a block that
    fires, and where there is no more room for rows.
    """
    s, p = _stream(block, 0), Params(block[0], block[1], block[2], block[3])
    taken, closed, fires = 0, 0, False
    while taken < xs.size and closed < rows.shape[0] and not fires:
        taken = _fill(s, xs, taken)
        if s[FILLED] > s[MORE]:
            fires = _close(s, p)
            row = rows[closed]
            row[0], row[1], row[2], row[3], row[4], row[5] = _row(s, taken, fires)
            closed += 1
    return taken, closed
