"""The recurrences: every number that a threshold detector knows comes from this file.

    sample x ──▶ filter ──▶ level, slope ──▶ rule ──▶ run of flat samples ──▶ fires

`ema` and `haar` are the slope filters, `judge` is the rule, `_step` is one sample through both. The
loops behind them take samples one after the other, and `plateau._kernels` is what is compiled of
them. Those only differ in where samples come from and where results go. So a stream fed one by one,
in chunks, in a bank or as a whole gives the same numbers bit for bit. (`plateau.fast` takes eight
numbers at a time through the same steps; nothing here needs it.)

A detector is one flat float64 array, its *state*: the constants, whether a thread uses it
(`plateau._use`), then for each stream its cells.
These are `PerSample`, `Rare`, the filter's own and, of Haar only, three ring buffers. Counts are
kept as floats, which are exact up to 2**53.
"""

from typing import NamedTuple

import numpy as np

from plateau._arithmetic import choose, fused
from plateau._compile import inline
from plateau._samples import LIMIT

IN_USE = "in use by another thread: let them take turns with a lock, or give each its own"

GROUP = 64
"""Streams of a bank whose cells lie interleaved: neighbours can then advance side by side."""

WARMING_UP, IMPROVING, UNDECIDED, PLATEAU, WORSENING = range(5)
"""Codes of `plateau.Verdict`."""

FLAT, SLOW = range(2)
"""Codes of the kinds of plateau."""


class Constants(NamedTuple):
    """The first numbers of a state, the same for all its streams."""

    alpha: float  # EMA: weight of a new sample in the level, 0 < alpha <= 1
    beta: float  # EMA: weight of a new step in the slope, 0 < beta <= 1
    half: float  # Haar: half of the window, in samples
    smooth: float  # Haar: samples in the moving average before it
    warmup: float  # leading samples that have no slope
    delay: float  # samples by which the slope lags the stream
    memory: float  # weight of a new difference in the variance
    sign: float  # progress = sign * slope: -1 min, +1 max; 0 both: |slope|
    threshold: float  # progress below it is flat, in metric units per sample
    patience: float  # fires when more than this many samples in a row are flat


class PerSample(NamedTuple):
    """What changes with every sample of a stream."""

    accepted: float  # samples taken so far
    previous: float  # the last one
    variance: float  # running half mean square of the differences
    level: float  # smoothed value
    slope: float  # metric units per sample; has no meaning while accepted <= warmup
    run: float  # flat samples in a row since progress, a fire or a change


class Rare(NamedTuple):
    """What changes now and then."""

    skipped: float  # non-finite samples, which touch nothing else
    fires: float  # fires in a row without progress between them
    last_fire: float  # samples accepted at the last fire
    since: float  # samples accepted at the last `changed()`, 0 before


BUSY = len(Constants._fields)  # where it says whether a thread uses the state: 1, else 0
PARAMS, HOT = BUSY + 1, len(PerSample._fields)
FILTER = HOT + len(Rare._fields)  # where the filter's own cells begin
ACCEPTED, PREVIOUS, VARIANCE, LEVEL, SLOPE, RUN = range(HOT)
SKIPPED, FIRES, LAST_FIRE, SINCE = range(HOT, FILTER)


@inline
def constants_of(state):
    """Read the constants."""
    b = state
    return Constants(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9])


@inline
def load_cells(state, at, stride):
    """Read the cells of the stream at index `at`; they lie `stride` apart."""
    return PerSample(
        state[at],
        state[at + stride],
        state[at + 2 * stride],
        state[at + 3 * stride],
        state[at + 4 * stride],
        state[at + 5 * stride],
    )


@inline
def store_cells(state, at, stride, cells):
    """Write them back."""
    state[at] = cells.accepted
    state[at + stride] = cells.previous
    state[at + 2 * stride] = cells.variance
    state[at + 3 * stride] = cells.level
    state[at + 4 * stride] = cells.slope
    state[at + 5 * stride] = cells.run


@inline
def _rare(state, at, stride):
    """Read the rare cells."""
    return Rare(
        state[at + SKIPPED * stride],
        state[at + FIRES * stride],
        state[at + LAST_FIRE * stride],
        state[at + SINCE * stride],
    )


@inline
def _average(weight, old, new):
    """(1-w)·old + w·new: what an exponential average becomes."""
    return fused(1.0 - weight, old, weight * new)


# ---- slope filters: (state, at, p, s, own, x) -> (level, slope, own) -----------------------------

EMA_CELLS = 1  # the level's last step


@inline
def ema(state, at, p, s, step, x):
    """Set d = (1-α)d + α(x - x₋₁);  D = (1-β)D + βd;  L = x - d(1-α)/α.  Its own cell is d.

    d is the step L - L₋₁ of the level L = (1-α)L₋₁ + αx, taken from the differences of the samples:
    a subtraction of levels would lose the digits of a small slope on a high level.
    """
    step = _average(p.alpha, step, x - s.previous)
    level = x - (1.0 - p.alpha) / p.alpha * step
    return level, _average(p.beta, s.slope, step), step


@inline
def ema_load(state, at, stride):
    return state[at + FILTER * stride]


@inline
def ema_store(state, at, stride, step):
    state[at + FILTER * stride] = step


class Moving(NamedTuple):
    """A moving sum: a window over the newest block, the middle one and the tail of the oldest."""

    filled: np.uint64  # values in the newest block
    side: np.uint64  # where its buffer begins in the ring
    newest: float  # sum of the newest block
    middle: float  # sum of the middle block
    tail: float  # sum of the middle block's last `filled` values


class Haar(NamedTuple):
    """State of the Haar filter."""

    samples: Moving  # over the last `smooth` samples
    levels: Moving  # over the last `half` levels
    past: np.uint64  # where in the third ring the sum of levels goes


MOVING = len(Moving._fields)
HAAR_CELLS = 2 * MOVING + 1

# Places in a ring are unsigned: numba then has no negative index to provide for in each access.
ZERO, ONE = np.uint64(0), np.uint64(1)


@inline
def _slide(read, write, zero, state, ring, size, moving, x):
    """Put x in a window of `size` values and return their sum; nothing is ever subtracted.

    Values come in blocks of half the window, so the window is always the newest block, the middle
    one, and the tail of the oldest. While the newest block fills, one sum a step turns the middle
    block into the sums of its tails, from its end; when it is the oldest these are at hand. The
    newest block grows over the tails of the oldest that are used up, so two buffers do. This is
    a two-stack queue with its flip spread over the steps: O(1) in the worst case as well.

    Each of the three sums is a plain sum of at most half the window. So whatever came before, be
    it 1e9 samples or a burst of 1e12, the error is that of a fresh window, at most
    (size/2 + 2)·u·Σ|x| over the window, u = 2**-53.
    """
    half, odd = (size + ONE) >> ONE, size & ONE
    full = moving.filled + ONE == half
    place = ring + moving.side + moving.filled
    mirror = ring + (half + half - moving.side - moving.filled)
    newest, tail = moving.newest + x, moving.tail + read(state, mirror)
    write(state, place, x)
    write(state, mirror, tail)
    moving = Moving(
        ZERO if full else moving.filled + ONE,
        half + ONE - moving.side if full else moving.side,
        zero if full else newest,
        newest if full else moving.middle,
        zero if full else tail,
    )
    # Behind each buffer lies a zero, the empty tail.
    oldest = read(state, ring + moving.side + moving.filled + odd)
    return oldest + (moving.middle + moving.newest), moving


@inline
def ring_size(size):
    """Length of the ring of a moving sum over `size` values: two buffers, a zero behind each."""
    return (((size + ONE) >> ONE) + ONE) << ONE


@inline
def rings_of(p):
    """How many numbers all the rings of Haar have."""
    smooth, half = np.uint64(p.smooth), np.uint64(p.half)
    return int(ring_size(smooth) + ring_size(half) + half)


@inline
def _quotient(a, b, inverse):
    """Return a / b, rounded as a division is (Markstein 1990); many share one division, 1 / b."""
    q = a * inverse
    return fused(fused(-q, b, a), inverse, q)


@inline
def sliding_means(read, write, zero, state, ring, p, sums, x, size):
    """L = mean of the last `smooth` x;  D = (mean of the newer half - of the older half) / half.

    The halves are those of the last `2·half` levels. The sum of the older half is the sum of the
    newer one as it was `half` samples ago, kept in the third ring. `size` is the number of samples
    in L. The rings begin at `ring` and are reached by `read` and `write`, `zero` is a sum of
    nothing: so x is a number, or a number of each of several streams whose blocks end together.
    """
    smooth, half = np.uint64(p.smooth), np.uint64(p.half)
    square = p.half * p.half
    total, samples = _slide(read, write, zero, state, ring, smooth, sums.samples, x)
    level = _quotient(total, size, 1.0 / size)
    ring += ring_size(smooth)
    newer, levels = _slide(read, write, zero, state, ring, half, sums.levels, level)
    place = ring + ring_size(half) + sums.past
    older = read(state, place)
    write(state, place, newer)
    past = sums.past + ONE
    past = ZERO if past == half else past
    return level, _quotient(newer - older, square, 1.0 / square), Haar(samples, levels, past)


@inline
def _read(state, at):
    """Read a number of a ring."""
    return state[at]


@inline
def _write(state, at, x):
    """Write one."""
    state[at] = x


@inline
def haar(state, at, p, s, sums, x):
    """Level and slope after a sample."""
    ring, size = np.uint64(at + FILTER + HAAR_CELLS), min(p.smooth, s.accepted + 1.0)
    return sliding_means(_read, _write, 0.0, state, ring, p, sums, x, size)


@inline
def _moving(state, at, size):
    """Read a moving sum; whatever its cells hold, its places are within the two buffers."""
    filled, side = np.uint64(state[at]), np.uint64(state[at + 1])
    if filled + side > (size + ONE) & ~ONE:
        filled, side = ZERO, ZERO
    return Moving(filled, side, state[at + 2], state[at + 3], state[at + 4])


@inline
def haar_load(state, at, stride):
    p = constants_of(state)
    smooth, half = np.uint64(p.smooth), np.uint64(p.half)
    at += FILTER
    past = np.uint64(state[at + 2 * MOVING])
    samples, levels = _moving(state, at, smooth), _moving(state, at + MOVING, half)
    return Haar(samples, levels, past if past < half else ZERO)


@inline
def haar_store(state, at, stride, sums):
    at += FILTER
    state[at], state[at + 1], state[at + 2], state[at + 3], state[at + 4] = sums.samples
    at += MOVING
    state[at], state[at + 1], state[at + 2], state[at + 3], state[at + 4] = sums.levels
    state[at + MOVING] = sums.past


# ---- rule ----------------------------------------------------------------------------------------


@inline
def _progress(p, slope):
    """Slope in the direction in which the metric gets better."""
    return abs(slope) if p.sign == 0.0 else p.sign * slope


@inline
def bounds(p, settled):
    """Flat is a slope between these: less progress than the threshold, after the warm-up."""
    least = -np.inf if p.sign > 0.0 else -p.threshold
    most = np.inf if p.sign < 0.0 else p.threshold
    return least, choose(settled, most, -np.inf)


@inline
def running_variance(p, variance, difference):
    """Variance after another difference of successive samples."""
    return fused(1.0 - p.memory, variance, 0.5 * p.memory * (difference * difference))


@inline
def judge(p, s, flat, x, level, slope):
    """Cells after sample x whose filter gave level and slope: the flat run goes on or ends.

    `flat` are the slopes between which it goes on.
    """
    least, most = flat
    run = choose(slope < most, s.run + 1.0, 0.0)
    variance = running_variance(p, s.variance, x - s.previous)
    return PerSample(s.accepted + 1.0, x, variance, level, slope, choose(least < slope, run, 0.0))


@inline
def _step(filtered, state, at, p, s, own, x):
    """One accepted sample through filter and rule."""
    if s.accepted == 0.0:  # a stream is taken to have stood at its first sample before
        s = PerSample(s.accepted, x, s.variance, x, s.slope, s.run)
    level, slope, own = filtered(state, at, p, s, own, x)
    return judge(p, s, bounds(p, s.accepted >= p.warmup), x, level, slope), own


@inline
def fire(state, at, stride, p, s):
    """Count a fire and start the next run; fires are in a row if nothing interrupted the run."""
    in_a_row = s.accepted - state[at + LAST_FIRE * stride] == p.patience + 1.0
    fires = state[at + FIRES * stride]
    state[at + FIRES * stride] = fires + 1.0 if in_a_row else 1.0
    state[at + LAST_FIRE * stride] = s.accepted
    return PerSample(s.accepted, s.previous, s.variance, s.level, s.slope, 0.0)


@inline
def _standing(p, s, rare):
    """Flat samples up to now since progress or `changed()`; more than the patience: a plateau."""
    flat = s.run
    if rare.fires > 0.0 and s.accepted - rare.last_fire == s.run:
        flat += rare.fires * (p.patience + 1.0)
    return min(flat, s.accepted - rare.since)


@inline
def _onset(p, s, rare, flat):
    """Where the stretch of `flat` samples began, in accepted samples: back-dated by the lag.

    A stretch as old as the first slope has nothing before it that speaks against flatness, so it
    is taken to be as old as the stream (or as the last change).
    """
    began = s.accepted - flat
    if began <= max(p.warmup, rare.since):
        return rare.since
    return max(rare.since, began - p.delay)


@inline
def _verdict(p, s, flat):
    """Code of the verdict after the last sample."""
    if s.accepted <= p.warmup:
        return WARMING_UP
    if flat > p.patience:
        return PLATEAU
    progress = _progress(p, s.slope)
    if progress >= p.threshold:
        return IMPROVING
    return WORSENING if progress <= -p.threshold else UNDECIDED


@inline
def reading_of(state, at, stride, p):
    """Verdict, onset and declared of a stream; the last two are -1 where there is no plateau."""
    s, rare = load_cells(state, at, stride), _rare(state, at, stride)
    flat = _standing(p, s, rare)
    code = _verdict(p, s, flat)
    if code != PLATEAU:
        return code, -1.0, -1.0
    return code, _onset(p, s, rare, flat), s.accepted - flat + p.patience


# ---- drivers, for any filter ---------------------------------------------------------------------


@inline
def calm(xs, begin, end):
    """Whether samples are finite."""
    wild = 0
    for i in range(begin, end):
        wild += not abs(xs[i]) <= LIMIT
    return wild == 0


@inline
def first_wild(xs):
    """Offset of the first sample that is not finite; -1 if all are."""
    if not calm(xs, 0, xs.size):
        for i in range(xs.size):
            if not abs(xs[i]) <= LIMIT:
                return i
    return -1


@inline
def accept(load, filtered, store, state, at, stride, p, x):
    """One sample of the stream at `at`, finite or not; True if it fires."""
    if not abs(x) <= LIMIT:
        state[at + SKIPPED * stride] += 1.0
        return False
    s = load_cells(state, at, stride)
    s, own = _step(filtered, state, at, p, s, load(state, at, stride), x)
    fired = bool(s.run > p.patience)
    if fired:
        s = fire(state, at, stride, p, s)
    store_cells(state, at, stride, s)
    store(state, at, stride, own)
    return fired


@inline
def write_offset(out, found, i):
    """Write where it fires behind the `found` offsets before."""
    out[found] = i


@inline
def write_flag(out, found, i):
    """Write at its place that it fires."""
    out[i] = True


@inline
def update_many(load, filtered, store, state, at, xs, begin, end, write, out, found):
    """Take samples in a row of the stream at `at`, write which fire and return how many do.

    `found` of them have been written before.
    """
    p = constants_of(state)
    s, own = load_cells(state, at, 1), load(state, at, 1)
    skipped = 0
    for i in range(begin, end):
        x = xs[i]
        if not abs(x) <= LIMIT:
            skipped += 1
            continue
        s, own = _step(filtered, state, at, p, s, own, x)
        if s.run > p.patience:
            s = fire(state, at, 1, p, s)
            write(out, found, i)
            found += 1
    store_cells(state, at, 1, s)
    store(state, at, 1, own)
    state[at + SKIPPED] += skipped
    return found


@inline
def until_fire(load, filtered, store, state, xs):
    """Take samples in a row up to the first that fires and return its offset; -1 if none does."""
    p = constants_of(state)
    for i in range(xs.size):
        if accept(load, filtered, store, state, PARAMS, 1, p, xs[i]):
            return i
    return -1


@inline
def respond(load, filtered, store, state, xs, begin, end, slopes):
    """Take finite samples in a row and write the slopes after them, NaN where there is none yet."""
    p = constants_of(state)
    s, own = load_cells(state, PARAMS, 1), load(state, PARAMS, 1)
    for i in range(begin, end):
        s, own = _step(filtered, state, PARAMS, p, s, own, xs[i])
        slopes[i] = s.slope if s.accepted > p.warmup else np.nan
    store_cells(state, PARAMS, 1, s)
    store(state, PARAMS, 1, own)


@inline
def trace(load, filtered, store, state, xs, levels, slopes, verdicts, fired, onsets):
    """Take samples in a row and write everything that is known after each of them."""
    p = constants_of(state)
    for i in range(xs.size):
        fired[i] = accept(load, filtered, store, state, PARAMS, 1, p, xs[i])
        s = load_cells(state, PARAMS, 1)
        levels[i] = s.level if s.accepted > 0.0 else np.nan
        slopes[i] = s.slope if s.accepted > p.warmup else np.nan
        verdicts[i], onsets[i], _ = reading_of(state, PARAMS, 1, p)
