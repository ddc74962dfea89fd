"""What the calibrated detector makes of its blocks: onset, drift, flat or not, over or not.

A kernel of `plateau._pyramid` stops where there is something to decide, O(log n) times in a stream,
and `decide` is called. From there on this file reads top to bottom. A rule reads and changes the
state of one stream as a `Stream`; what a stretch of blocks looks like is in `plateau._stretches`.
docs/derivations.md derives the tests.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._estimates import SMALL, within_bound
from plateau._pieces import straight
from plateau._pyramid import BLOCKS, FIRST, SHIFT, Params, Stream, persistence, whitened
from plateau._recurrence import FLAT, IMPROVING, PLATEAU, SLOW, UNDECIDED, WORSENING
from plateau._scale import LINEAR, LOG, by_logarithm
from plateau._statistics import drift_of, inefficiency_of
from plateau._stretches import (
    LEAST,
    ONE_SIDED,
    ROUNDING,
    SURE,
    Start,
    apart,
    bounded_mean,
    bounds,
    late_change,
    mean_of,
    progress_bound,
    resting,
    runs_off,
    speeds_up,
    stationary,
    variance_of,
    wider,
    without_outlier,
)

Array = NDArray[np.float64]

GROWTH = 0.125
"""Share by which a stream grows between two assessments."""

SHARE = 0.25
"""Share of the time since the last change that a plateau without drift must have lasted."""

LASTED = 0.4
"""Share that a stretch without progress must have lasted."""

ODDS = 25.0
"""Odds of flat against drift from which a stretch without visible drift is a plateau."""

EVIDENCE = ODDS * ODDS - 1.0
"""Samples of noise alone that these odds take."""

EFFECTIVE, REMAINING = 15.0, 12.0
"""Uncorrelated blocks' worth that a plateau needs to be declared, and to stand: below that a
random walk cannot be told from a flat, correlated stream."""

UNSEEN, CLEAR = 2.5, 20.0
"""Standard errors: no drift is seen; a drift so clear, however small, that the stream moves (a
noise-free power law never stops)."""

REST = 0.6
"""Progress that does not count beside what came before, in times `min_change` of the range."""

DROPPED, SHORTEST, FREE = 4.0, 64.0, 30.0
"""In a plateau the blocks stay shorter than what evidence takes by DROPPED, if more than SHORTEST:
then the oldest are dropped and not merged, while half of them are worth FREE uncorrelated ones. So
a shift is known about as soon after a million samples as after thousands."""

BRIEF = 32
"""Samples whose range says that they hardly move."""

FINE = 128
"""Blocks that are cut into pieces at most: the time for it grows with their square."""


def decide(row: Array, p: Params, code: int) -> bool:
    """Do what a kernel has stopped for; return whether the detector fires.

    Parameters
    ----------
    row : numpy.ndarray, shape (cells,)
        State of the stream; changed in place.
    p : Params
        The detector's.
    code : int
        What the kernel returned.
    """
    s = Stream.of(row)
    if code == SHIFT:
        shifted(s, p)
    if s.blocks >= BLOCKS:
        if may_drop(s, p):
            drop(s)
        else:
            merge(s)
    fires = False
    if s.blocks >= FIRST and s.length >= s.due:
        # A long plateau is assessed each time that it drops blocks.
        growth = 1.0 if s.held and s.verdict == PLATEAU else GROWTH
        s.due = s.length * (1.0 + growth)  # of eight blocks or more: a sample later at least
        fires = assess(s, p)
    s.store()
    return fires


def assess(s: Stream, p: Params) -> bool:
    """Look at all blocks anew; return whether the detector fires."""
    choose_scale(s, p)
    start = stationary(s.values[: s.blocks])
    if s.verdict == PLATEAU:
        s.inflation = own_inflation(s, s.block_of(s.begun), start.best)
        slow = s.kind == SLOW
        if stands(s, p, start):
            s.confidence = confidence(s)
            return fires_again(s, s.kind == FLAT and slow)
        s.due = 0.0
        return False
    begin = returned(s)
    if begin is not None:
        s.tolerance = 0.0
        return declare(s, p, begin, s.left_onset, 0.0, start.best)
    if settled(s, p, start.onset):
        s.tolerance, s.kind = 0.0, FLAT
        return declare(s, p, start.onset, _index(s, start.onset), 1.0, start.best)
    s.renew = 0.0
    drift = s.slope, s.error, s.noise, s.blocks - start.onset
    for rule in (rested, levelled):
        begin = rule(s, p)
        if begin is not None:
            return declare(s, p, begin, _index(s, begin), 0.0, start.best)
    runs = runs_off(s.values[: s.blocks]) or speeds_up(s.values[: s.blocks])
    blocks = max(FIRST, math.ceil(SHARE * s.blocks))
    if abs(s.slope) <= wider(SURE, blocks - 2) * s.error:  # the last quarter is silent: ask all
        s.slope, s.error, s.noise, blocks = drift
    if abs(s.slope) > wider(SURE, blocks - 2) * s.error:
        moves(s, p, s.slope)
        s.confidence = certainty(s)
        return False
    s.verdict, s.confidence = UNDECIDED, 0.0
    if runs != 0.0:
        moves(s, p, runs)
        s.confidence = math.erf(abs(runs) / math.sqrt(2.0))
    return False


def choose_scale(s: Stream, p: Params) -> None:
    """Judge the blocks by their logarithm from where a stream has come closer to 0 by decades.

    All of its samples must have one sign.

    A plateau keeps the logarithm, since it drops the blocks that fell.
    """
    logged = not (s.above and s.below) and p.scale != LINEAR
    if logged:
        levels = s.side * (s.anchor + s.means[: s.blocks])
        if s.known:
            levels = np.concatenate(([s.side * (s.anchor + s.known_level)], levels))
        kept = s.logged and s.verdict == PLATEAU
        logged = by_logarithm(levels, LOG if kept else int(p.scale))
    if logged and not s.logged:
        s.without_anchor()
    changes = logged != bool(s.logged)
    s.logged = float(logged)
    s.look()
    if changes and s.tolerance:
        s.tolerance = p.change * covered(s)


def _index(s: Stream, block: int) -> float:
    """Index of the first sample of a block."""
    return s.first + block * s.size


def covered(s: Stream) -> float:
    """Range of the blocks and of the level from before them, without outlying blocks."""
    low, high = bounds(s.values[: s.blocks])
    if s.known:
        known = s.on_scale(s.known_level)
        low, high = min(low, known), max(high, known)
    return high - low


def noise_of(s: Stream, begin: int, variance: float) -> float:
    """Deviation of the samples from a block on, given the variance between blocks."""
    return math.sqrt(variance + mean_of(s.within[begin : s.blocks]))


# ---- outside a plateau ---------------------------------------------------------------------------


def describe(s: Stream, change: float, error: float, blocks: int, noise: float) -> None:
    """Note the drift over some blocks."""
    length = blocks * s.size
    s.slope, s.error, s.noise = s.unit * change / length, s.unit * error / length, s.unit * noise


def returned(s: Stream) -> int | None:
    """Return the first block of a stretch that is back at the level that was left, if there is one.

    Back is no farther off than half way, and not on its way past.
    """
    recent = max(LEAST, math.ceil(SHARE * s.blocks))
    if not s.interrupted or s.blocks < recent:
        return None
    begin = s.blocks - recent
    stretch = s.values[begin : s.blocks]
    change, error, _, rest = drift_of(stretch)
    left = s.on_scale(s.left_level)
    off = abs(mean_of(stretch) - left)
    off += ONE_SIDED * error / math.sqrt(12.0)  # that of the mean
    if off > 0.5 * abs(s.on_scale(s.away_level) - left) or abs(change) > SURE * error:
        return None
    describe(s, change, error, recent, noise_of(s, begin, rest))
    return begin


def settled(s: Stream, p: Params, onset: int) -> bool:
    """Whether the stream since this block shows no drift, or surely none that matters."""
    length = s.blocks - onset
    values = without_outlier(s.values[onset : s.blocks])
    change, error, _, rest = drift_of(values)
    describe(s, change, error, length, noise_of(s, onset, rest))
    samples = length * s.size
    if samples < (p.horizon or EVIDENCE) or length < max(SHARE * s.blocks, LEAST):
        return False
    if length / inefficiency_of(values) < EFFECTIVE:
        return False
    latest = length - max(length // 8, 1)
    if apart(values[:latest], values[latest:]) != 0.0:
        return False
    if continues(s, p, onset, change, error):
        return False
    limit = SURE if s.renew else UNSEEN
    bound = SMALL * noise_of(s, onset, variance_of(s.values[onset : s.blocks]))
    return bool(abs(change) <= limit * error or abs(change) + UNSEEN * error <= bound)


def continues(s: Stream, p: Params, onset: int, change: float, error: float) -> bool:
    """Whether the progress before a stretch may still go on, however little of it is seen by now.

    A power law makes the same progress each time that its age grows by the same factor. So the
    stretch is compared with one before it that is as long beside its own age, and with the level
    from before the blocks. Where there was progress up to the stretch, the 95 % bound of that
    along it must be below half of it. Where no direction is better there is no progress.
    """
    after, begin = s.values[onset : s.blocks], onset * onset // s.blocks
    came = [(s.on_scale(s.known_level), 0.0)] if s.known else []
    if onset > begin:
        came.append((mean_of(s.values[begin:onset]), len(after) / (onset - begin)))
    for level, share in came:
        before = p.sign * (mean_of(after) - level)
        doubt = error / math.sqrt(12.0) * math.sqrt(1.0 + share)
        if before > UNSEEN * doubt and p.sign * change + ONE_SIDED * error > 0.5 * before:
            return True
    return False


def rested(s: Stream, p: Params) -> int | None:
    """First block of a stretch that makes no progress beside the range covered before it.

    The last straight pieces are taken together while none makes progress, and none lies at a level
    from which there was progress. They must be two fifths of the stream, with something before
    them, and the 95 % bound of their progress must be small.
    """
    if not p.sign:
        return None
    odd, hop, values = 0, 1, s.values[: s.blocks]
    if s.blocks > FINE:
        odd, hop = s.blocks % 2, 2
        values = 0.5 * (values[odd::2] + values[odd + 1 :: 2])
    level = s.on_scale(s.known_level) if s.known else float(values[0])
    whole = max(float(values.max()), level) - min(float(values.min()), level)
    if len(values) < LEAST or whole <= 0.0:
        return None
    half, least = values[len(values) // 2 :], REST * p.change * whole
    if not progress_bound(half, p.sign) <= 2.0 * least:  # most streams: spare the rest
        return None
    within = math.sqrt(mean_of(s.within[: s.blocks]))
    begin = resting(straight(values, whole, within), p.sign, least)
    length = len(values) - begin
    if not length:
        return None
    came = s.known and abs(mean_of(values[begin:]) - level) > least
    if length < max(LEAST, LASTED * len(values)) or (begin == 0 and not came):
        return None
    if not progress_bound(values[begin:], p.sign) <= least:
        return None
    begin = odd + hop * begin
    change, error, _, rest = drift_of(s.values[begin : s.blocks])
    describe(s, change, error, s.blocks - begin, noise_of(s, begin, rest))
    if p.sign * change < -max(wider(SURE, s.blocks - begin - 2) * error, least):
        return None  # it gets worse, which is no rest
    s.tolerance, s.kind = least, FLAT
    return begin


def levelled(s: Stream, p: Params) -> int | None:
    """First block of a stretch that hardly moves beside the range covered, if there is one.

    Asked of the last quarter: its drift must not be too clear, and surely not amount to more than
    `min_change` of the range if the stream goes on for as long as it has; and the 95 % bound of
    its drift is below twice as much, or the range of all its blocks below `min_change`.
    """
    recent = max(FIRST, math.ceil(SHARE * s.blocks))
    if s.blocks < recent:
        return None
    begin = s.blocks - recent
    stretch = s.values[begin : s.blocks]
    change, error, effective, rest = drift_of(stretch)
    describe(s, change, error, recent, noise_of(s, begin, rest))
    if abs(change) > CLEAR * error or recent * s.size < BRIEF:
        return None
    allowed, ahead = p.change * covered(s), max((p.horizon or ODDS * ODDS) / (recent * s.size), 1.0)
    if (abs(change) - ONE_SIDED * error) * ahead > 2.0 * allowed:
        return None
    bound = abs(change) + ONE_SIDED * error
    doubtful = ahead > 1.0 or effective < EFFECTIVE or bound > 2.0 * allowed
    if doubtful and float(stretch.max() - stretch.min()) > allowed:
        return None
    s.tolerance, s.kind = allowed, kind_of(s, p, begin, change, error)
    level = mean_of(stretch)
    while begin > 0 and abs(s.values[begin - 1] - level) <= allowed:
        begin -= 1
    return begin


def kind_of(s: Stream, p: Params, begin: int, change: float, error: float) -> float:
    """Kind of a plateau that is tolerated: slow if it moves, or may go on as it did before."""
    slow = abs(change) > UNSEEN * error or continues(s, p, begin, change, error)
    return SLOW if slow else FLAT


def moves(s: Stream, p: Params, change: float) -> None:
    """Note that the stream moves in this direction."""
    better = p.sign == 0.0 or p.sign * change > 0.0
    s.verdict = IMPROVING if better else WORSENING
    if better:
        s.fires = 0.0


def certainty(s: Stream) -> float:
    """Confidence of a two-sided test that there is a drift."""
    return math.erf(abs(s.slope) / s.error / math.sqrt(2.0)) if s.error > 0.0 else 1.0


# ---- a plateau -----------------------------------------------------------------------------------


def declare(s: Stream, p: Params, begin: int, onset: float, visible: float, best: int) -> bool:
    """Begin a plateau with this block and fire."""
    s.verdict, s.visible, s.onset = PLATEAU, visible, onset
    s.begun, s.declared = _index(s, begin), s.accepted - 1.0
    s.rise = s.fall = s.renew = s.interrupted = s.held = 0.0
    s.inflation = own_inflation(s, begin, begin if visible else best)
    s.confidence = confidence(s)
    level = mean_of(s.means[begin : s.blocks])
    step = level - s.fire_level
    progress = abs(step) if p.sign == 0.0 else p.sign * step
    if progress > SMALL * s.noise:
        s.fires = 0.0
    fire(s, level)
    return True


def fire(s: Stream, level: float) -> None:
    """Count a fire."""
    s.fires += 1.0
    s.last_fire, s.fire_level = s.accepted, level
    s.fire_length = s.accepted - s.onset


def fires_again(s: Stream, news: bool) -> bool:
    """While a plateau lasts the detector fires each time its length has doubled, or for news."""
    if not news and s.accepted - s.onset < 2.0 * s.fire_length:
        return False
    fire(s, mean_of(s.means[s.block_of(s.begun) : s.blocks]))
    return True


def confidence(s: Stream) -> float:
    """Probability that the drift is smaller than what counts, by its standard error."""
    length = (s.blocks - s.block_of(s.begun)) * s.size
    bound = max(SMALL * s.noise, 2.0 * s.unit * s.tolerance)
    return within_bound(s.slope * length, s.error * length, bound)


class Precision(NamedTuple):
    """How well the level of a stream is known."""

    level_error: float  # NaN of too few blocks
    effective: float  # samples that its plateau is worth; NaN outside one


def precision(s: Stream) -> Precision:
    """Tell how well the level is known, by the blocks of the plateau or of the last quarter."""
    inside = s.verdict == PLATEAU
    begin = s.block_of(s.begun) if inside else s.blocks - max(FIRST, math.ceil(SHARE * s.blocks))
    if begin < 0 or s.blocks - begin < FIRST:
        return Precision(math.nan, math.nan)
    means, within = s.means[begin : s.blocks], mean_of(s.spreads[begin : s.blocks])
    _, error, _, rest = drift_of(means)
    square = error * error / 12.0  # of the mean of all of them
    weight = min(8.0 / s.full, 1.0)  # of a block in the level
    averaged = min((2.0 - weight) / weight, float(len(means)))
    samples = len(means) * s.size
    effective = min((rest + within) / square, samples) if square > 0.0 else samples
    return Precision(math.sqrt(square * len(means) / averaged), effective if inside else math.nan)


def own_inflation(s: Stream, begin: int, best: int) -> float:
    """Return what is left of autocorrelation between a plateau's blocks from `begin` on.

    The tail of a descent is no correlation, so it is taken from the best start on; nor is what may
    be a shift, so up to where the CUSUMs began to rise; a part of it is left in any case.
    """
    full = until = s.blocks
    if s.rise > 0.0:
        until = min(until, int(s.rise_from))
    if s.fall > 0.0:
        until = min(until, int(s.fall_from))
    until = max(until, full - (full - begin) // 4)
    return inflation(s, max(begin, min(best, (begin + until) // 2)), until)


def inflation(s: Stream, begin: int, end: int) -> float:
    """Inefficiency of blocks without their lag-1 autocorrelation; 1 if that may be chance."""
    s.store()
    begin = max(begin, 1)
    phi = persistence(s.row)
    values = whitened(s.row, np.arange(begin, end), phi / (1.0 - phi) / s.size)
    off = values - mean_of(values)
    square = float(off @ off)
    if off[1:] @ off[:-1] <= 2.0 * square / math.sqrt(len(off)):  # ρ₁ below two standard errors
        return 1.0
    return float(inefficiency_of(values))


def shifted(s: Stream, p: Params) -> None:
    """End a plateau if its level has changed by enough since a CUSUM rose, and begin anew there."""
    begin = max(s.block_of(s.begun), 1)
    since = int(s.rise_from if s.rise > s.fall else s.fall_from)
    since, full = max(since, begin + 1), s.blocks  # where it began may have been dropped
    away = mean_of(s.means[since:full])
    level = mean_of(s.means[begin:since])
    if abs(s.on_scale(away) - s.on_scale(level)) <= s.tolerance:
        # It counts for nothing, and from now on as the level.
        s.rise = s.fall = 0.0
        return
    s.interrupted, s.left_onset, s.left_level, s.away_level = 1.0, s.onset, level, away
    s.known, s.known_level = 1.0, level
    _forget(s, since)
    s.due = s.length * (1.0 + GROWTH)
    moves(s, p, away - level)
    s.confidence = 1.0 - 1.0 / max(p.run_length, 1.0)


def _forget(s: Stream, blocks: int) -> None:
    """Forget so many of the oldest blocks."""
    left = s.blocks - blocks
    for values in (s.means, s.lasts, s.spreads):
        values[:left] = values[blocks : s.blocks].copy()
        values[left : s.blocks] = 0.0
    s.full = float(left)
    s.first += blocks * s.size


def stands(s: Stream, p: Params, start: Start) -> bool:
    """Whether a plateau still stands, as its blocks now look: no drift, no shift, enough of it."""
    begin = min(s.block_of(s.begun), s.blocks - FIRST)
    values = without_outlier(s.values[begin : s.blocks])
    change, error, around, rest = drift_of(values)
    describe(s, change, error, len(values), noise_of(s, begin, rest))
    effective = len(values) / inefficiency_of(values)
    if s.visible and effective < REMAINING:
        s.interrupted, s.verdict, s.confidence = 0.0, UNDECIDED, 0.0
        return False
    noise = noise_of(s, begin, variance_of(s.values[begin : s.blocks]))
    sure = wider(SURE, around - 2.0)  # not `effective`, which a drift makes small
    if abs(change) <= sure * error and s.tolerance > 0.0:  # its end may have left its beginning
        change, error = late_change(values)
    if abs(change) > max(sure * error, 2.0 * SMALL * noise, 2.0 * s.tolerance):
        describe(s, change, error, len(values), s.noise / s.unit)
        s.interrupted = 0.0
        moves(s, p, change)
        s.confidence = certainty(s)
        return False
    if s.tolerance > 0.0:  # the tail of a descent is not what it does now
        since = max(begin, min(start.best, (begin + s.blocks) // 2))
        change, error, _, _ = drift_of(s.values[since : s.blocks])
        s.kind = kind_of(s, p, since, change, error)
    if s.held:
        return holds(s, p, begin, noise)
    return start.best <= begin or keeps_onset(s, begin, start)


def keeps_onset(s: Stream, begin: int, start: Start) -> bool:
    """Whether a plateau keeps its onset, although the blocks now look stationary from later on."""
    before, after = s.values[begin : start.best], s.values[start.best : s.blocks]
    off = bounded_mean(before) - mean_of(after)
    spread = variance_of(after) * start.inefficiency * (1.0 / len(before) + 1.0 / len(after))
    if abs(off) <= max(SURE * math.sqrt(spread), s.tolerance):
        return True
    if s.onset < s.first:  # it came back: what lies before is the rest of the interruption
        s.begun = _index(s, start.best)
        s.rise = s.fall = 0.0
        s.inflation = inflation(s, start.best, s.blocks)
        return True
    s.verdict, s.renew, s.interrupted, s.confidence = UNDECIDED, 1.0, 0.0, 0.0
    return False


def holds(s: Stream, p: Params, begin: int, noise: float) -> bool:
    """Whether a long plateau is still at the level of its beginning, which the blocks have left."""
    level = mean_of(s.values[begin : s.blocks])
    off = level - s.on_scale(s.held_level)
    if abs(off) <= max(2.0 * SMALL * noise, 2.0 * s.tolerance, ROUNDING * abs(level)):
        return True
    s.interrupted = 0.0
    moves(s, p, off)
    s.confidence = 1.0 - 1.0 / max(p.run_length, 1.0)
    return False


# ---- when the blocks are full --------------------------------------------------------------------


def merge(s: Stream) -> None:
    """Merge neighbouring blocks: half as many of double size."""
    half = BLOCKS // 2
    off = s.means[::2] - s.means[1::2]
    s.spreads[:half] = 0.5 * (s.spreads[::2] + s.spreads[1::2]) + 0.25 * off * off
    s.means[:half] = 0.5 * (s.means[::2] + s.means[1::2])
    s.lasts[:half] = s.lasts[1::2].copy()
    for values in (s.means, s.lasts, s.spreads):
        values[half:] = 0.0
    s.full, s.more = float(half), 2.0 * s.more + 1.0
    # A CUSUM of blocks twice as long has the same evidence in units √2 as large.
    s.rise, s.fall = s.rise / math.sqrt(2.0), s.fall / math.sqrt(2.0)
    s.rise_from, s.fall_from = float(s.rise_from // 2), float(s.fall_from // 2)


def may_drop(s: Stream, p: Params) -> bool:
    """Whether the newer half of the blocks tells all that is needed of a plateau."""
    half = BLOCKS // 2
    if s.verdict != PLATEAU or s.block_of(s.begun) > half:
        return False
    if 2.0 * s.size <= max((p.horizon or ODDS * ODDS) / DROPPED, SHORTEST):
        return False
    return half >= FREE * float(inefficiency_of(s.means[half:]))


def drop(s: Stream) -> None:
    """Drop the older half of the blocks of a plateau; what is kept of them is their level."""
    half, begin = BLOCKS // 2, s.block_of(s.begun)
    if not s.held and begin < half:
        s.held, s.held_level = 1.0, mean_of(s.means[begin:half])
    _forget(s, half)
    s.begun = max(s.begun, s.first)
    s.rise_from, s.fall_from = max(s.rise_from - half, 0.0), max(s.fall_from - half, 0.0)
    s.due = 0.0
