"""The recurrences: every number this library computes about a stream comes from this file.

    sample x ──▶ filter ──▶ level, slope ──▶ rule ──▶ run of flat samples ──▶ fires

`_ema` and `_haar` are the slope filters, `_judge` is the rule, `_step` is one sample through both.
What follows only differs in where samples come from, how many advance side by side, and where
results go. So a stream fed one by one, in chunks, in a bank or as a whole gives the same numbers
bit for bit.

A detector is one flat float64 array, its *block*: the parameters, then for each stream the cells of
`Cells`, `Rare` and of its filter, then (Haar only) three ring buffers. Counts are kept as floats,
which are exact up to 2**53.
"""

import math
from typing import NamedTuple

import numpy as np

from plateau._compile import array, batch, inline, kernel, number
from plateau._lanes import WIDTH, choose, fused, gather, lane, put, replaced, row, scatter, spread

LIMIT = 2.0**500
"""Larger magnitudes count as non-finite: below it no sum or square in this file can overflow."""

LANES = 64
"""Streams that advance side by side in a bank, so that the compiler can use vector instructions."""

WARMING_UP, IMPROVING, UNDECIDED, PLATEAU, WORSENING = range(5)
"""Codes of `plateau.Verdict`."""


class Params(NamedTuple):
    """The first numbers of a block, the same for all its streams."""

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


class Cells(NamedTuple):
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


PARAMS, HOT = len(Params._fields), len(Cells._fields)
FILTER = HOT + len(Rare._fields)  # where the filter's own cells begin
ACCEPTED, PREVIOUS, VARIANCE, LEVEL, SLOPE, RUN = range(HOT)
SKIPPED, FIRES, LAST_FIRE, SINCE = range(HOT, FILTER)


@inline
def _params(block):
    """Read the parameters."""
    b = block
    return Params(b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9])


@inline
def _load(block, at, stride):
    """Read the cells of the stream at index `at`; they lie `stride` apart."""
    return Cells(
        block[at],
        block[at + stride],
        block[at + 2 * stride],
        block[at + 3 * stride],
        block[at + 4 * stride],
        block[at + 5 * stride],
    )


@inline
def _store(block, at, stride, cells):
    """Write them back."""
    block[at] = cells.accepted
    block[at + stride] = cells.previous
    block[at + 2 * stride] = cells.variance
    block[at + 3 * stride] = cells.level
    block[at + 4 * stride] = cells.slope
    block[at + 5 * stride] = cells.run


@inline
def _rare(block, at, stride):
    """Read the rare cells."""
    return Rare(
        block[at + SKIPPED * stride],
        block[at + FIRES * stride],
        block[at + LAST_FIRE * stride],
        block[at + SINCE * stride],
    )


@inline
def _average(weight, old, new):
    """(1-w)·old + w·new: what an exponential average becomes."""
    return fused(1.0 - weight, old, weight * new)


# ---- slope filters: (block, at, p, s, state, x) -> (level, slope, state) -------------------------

EMA_CELLS = 1  # the level's last step


@inline
def _ema(block, at, p, s, step, x):
    """Set d = (1-α)d + α(x - x₋₁);  D = (1-β)D + βd;  L = x - d(1-α)/α.  The state is d.

    d is the step L - L₋₁ of the level L = (1-α)L₋₁ + αx, taken from the differences of the samples:
    a subtraction of levels would lose the digits of a small slope on a high level.
    """
    step = _average(p.alpha, step, x - s.previous)
    level = x - (1.0 - p.alpha) / p.alpha * step
    return level, _average(p.beta, s.slope, step), step


@inline
def _ema_load(block, at, stride):
    return block[at + FILTER * stride]


@inline
def _ema_store(block, at, stride, step):
    block[at + FILTER * stride] = step


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
ZERO, ONE, ROW = np.uint64(0), np.uint64(1), np.uint64(WIDTH)


@inline
def _slide(read, write, zero, block, ring, size, moving, x):
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
    newest, tail = moving.newest + x, moving.tail + read(block, mirror)
    write(block, place, x)
    write(block, mirror, tail)
    moving = Moving(
        ZERO if full else moving.filled + ONE,
        half + ONE - moving.side if full else moving.side,
        zero if full else newest,
        newest if full else moving.middle,
        zero if full else tail,
    )
    # Behind each buffer lies a zero, the empty tail.
    oldest = read(block, ring + moving.side + moving.filled + odd)
    return oldest + (moving.middle + moving.newest), moving


@inline
def _ring(size):
    """Length of the ring of a moving sum over `size` values: two buffers, a zero behind each."""
    return (((size + ONE) >> ONE) + ONE) << ONE


@inline
def _quotient(a, b, inverse):
    """Return a / b, rounded as a division is (Markstein 1990); many share one division, 1 / b."""
    q = a * inverse
    return fused(fused(-q, b, a), inverse, q)


@inline
def _means(read, write, zero, block, ring, p, sums, x, size):
    """L = mean of the last `smooth` x;  D = (mean of the newer half - of the older half) / half.

    The halves are those of the last `2·half` levels. The sum of the older half is the sum of the
    newer one as it was `half` samples ago, kept in the third ring. `size` is the number of samples
    in L. The rings begin at `ring` and are reached by `read` and `write`, `zero` is a sum of
    nothing: so x is a number, or a number of each of several streams whose blocks end together.
    """
    smooth, half = np.uint64(p.smooth), np.uint64(p.half)
    square = p.half * p.half
    total, samples = _slide(read, write, zero, block, ring, smooth, sums.samples, x)
    level = _quotient(total, size, 1.0 / size)
    ring += _ring(smooth)
    newer, levels = _slide(read, write, zero, block, ring, half, sums.levels, level)
    place = ring + _ring(half) + sums.past
    older = read(block, place)
    write(block, place, newer)
    past = sums.past + ONE
    past = ZERO if past == half else past
    return level, _quotient(newer - older, square, 1.0 / square), Haar(samples, levels, past)


@inline
def _read(block, at):
    """Read a number of a ring."""
    return block[at]


@inline
def _write(block, at, x):
    """Write one."""
    block[at] = x


@inline
def _haar(block, at, p, s, sums, x):
    """Level and slope after a sample."""
    ring, size = np.uint64(at + FILTER + HAAR_CELLS), min(p.smooth, s.accepted + 1.0)
    return _means(_read, _write, 0.0, block, ring, p, sums, x, size)


@inline
def _moving(block, at):
    filled, side = np.uint64(block[at]), np.uint64(block[at + 1])
    return Moving(filled, side, block[at + 2], block[at + 3], block[at + 4])


@inline
def _haar_load(block, at, stride):
    at += FILTER
    past = np.uint64(block[at + 2 * MOVING])
    return Haar(_moving(block, at), _moving(block, at + MOVING), past)


@inline
def _haar_store(block, at, stride, sums):
    at += FILTER
    block[at], block[at + 1], block[at + 2], block[at + 3], block[at + 4] = sums.samples
    at += MOVING
    block[at], block[at + 1], block[at + 2], block[at + 3], block[at + 4] = sums.levels
    block[at + MOVING] = sums.past


# ---- rule ----------------------------------------------------------------------------------------


@inline
def _progress(p, slope):
    """Slope in the direction in which the metric gets better."""
    return abs(slope) if p.sign == 0.0 else p.sign * slope


@inline
def _bounds(p, settled):
    """Flat is a slope between these: less progress than the threshold, after the warm-up."""
    least = -np.inf if p.sign > 0.0 else -p.threshold
    most = np.inf if p.sign < 0.0 else p.threshold
    return least, choose(settled, most, -np.inf)


@inline
def _variance(p, variance, difference):
    """Variance after another difference of successive samples."""
    return fused(1.0 - p.memory, variance, 0.5 * p.memory * (difference * difference))


@inline
def _judge(p, s, flat, x, level, slope):
    """Cells after sample x whose filter gave level and slope: the flat run goes on or ends.

    `flat` are the slopes between which it goes on.
    """
    least, most = flat
    run = choose(slope < most, s.run + 1.0, 0.0)
    variance = _variance(p, s.variance, x - s.previous)
    return Cells(s.accepted + 1.0, x, variance, level, slope, choose(least < slope, run, 0.0))


@inline
def _step(filtered, block, at, p, s, state, x):
    """One accepted sample through filter and rule."""
    if s.accepted == 0.0:  # a stream is taken to have stood at its first sample before
        s = Cells(s.accepted, x, s.variance, x, s.slope, s.run)
    level, slope, state = filtered(block, at, p, s, state, x)
    return _judge(p, s, _bounds(p, s.accepted >= p.warmup), x, level, slope), state


@inline
def _fire(block, at, stride, p, s):
    """Count a fire and start the next run; fires are in a row if nothing interrupted the run."""
    in_a_row = s.accepted - block[at + LAST_FIRE * stride] == p.patience + 1.0
    fires = block[at + FIRES * stride]
    block[at + FIRES * stride] = fires + 1.0 if in_a_row else 1.0
    block[at + LAST_FIRE * stride] = s.accepted
    return Cells(s.accepted, s.previous, s.variance, s.level, s.slope, 0.0)


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
def _reading(block, at, stride, p):
    """Verdict, onset and declared of a stream; the last two are -1 where there is no plateau."""
    s, rare = _load(block, at, stride), _rare(block, at, stride)
    flat = _standing(p, s, rare)
    code = _verdict(p, s, flat)
    if code != PLATEAU:
        return code, -1.0, -1.0
    return code, _onset(p, s, rare, flat), s.accepted - flat + p.patience


# ---- drivers, for any filter ---------------------------------------------------------------------


@inline
def _accept(load, filtered, store, block, at, stride, p, x):
    """One sample of the stream at `at`, finite or not; True if it fires."""
    if not abs(x) <= LIMIT:
        block[at + SKIPPED * stride] += 1.0
        return False
    s = _load(block, at, stride)
    s, state = _step(filtered, block, at, p, s, load(block, at, stride), x)
    fired = bool(s.run > p.patience)
    if fired:
        s = _fire(block, at, stride, p, s)
    _store(block, at, stride, s)
    store(block, at, stride, state)
    return fired


@inline
def _update_many(load, filtered, store, block, xs, begin, end, offsets, found):
    """Take samples in a row, write the offsets of those that fire and return how many there are.

    `found` of them have been written before.
    """
    p = _params(block)
    s, state = _load(block, PARAMS, 1), load(block, PARAMS, 1)
    skipped = 0
    for i in range(begin, end):
        x = xs[i]
        if not abs(x) <= LIMIT:
            skipped += 1
            continue
        s, state = _step(filtered, block, PARAMS, p, s, state, x)
        if s.run > p.patience:
            s = _fire(block, PARAMS, 1, p, s)
            offsets[found] = i
            found += 1
    _store(block, PARAMS, 1, s)
    store(block, PARAMS, 1, state)
    block[PARAMS + SKIPPED] += skipped
    return found


@inline
def _until_fire(load, filtered, store, block, xs):
    """Take samples in a row up to the first that fires and return its offset; -1 if none does."""
    p = _params(block)
    for i in range(xs.size):
        if _accept(load, filtered, store, block, PARAMS, 1, p, xs[i]):
            return i
    return -1


@inline
def _response(load, filtered, store, block, xs, begin, end, slopes):
    """Take finite samples in a row and write the slopes after them, NaN where there is none yet."""
    p = _params(block)
    s, state = _load(block, PARAMS, 1), load(block, PARAMS, 1)
    for i in range(begin, end):
        s, state = _step(filtered, block, PARAMS, p, s, state, xs[i])
        slopes[i] = s.slope if s.accepted > p.warmup else np.nan
    _store(block, PARAMS, 1, s)
    store(block, PARAMS, 1, state)


@inline
def _trace(load, filtered, store, block, xs, levels, slopes, verdicts, fired, onsets):
    """Take samples in a row and write everything that is known after each of them."""
    p = _params(block)
    for i in range(xs.size):
        fired[i] = _accept(load, filtered, store, block, PARAMS, 1, p, xs[i])
        s = _load(block, PARAMS, 1)
        levels[i] = s.level if s.accepted > 0.0 else np.nan
        slopes[i] = s.slope if s.accepted > p.warmup else np.nan
        verdicts[i], onsets[i], _ = _reading(block, PARAMS, 1, p)


# ---- many samples ------------------------------------------------------------------------------


@inline
def _drop(slopes, at, stride, slope):
    """Slopes that nobody asked for."""


@inline
def _calm(xs, begin, end):
    """Whether samples are finite."""
    wild = 0
    for i in range(begin, end):
        wild += not abs(xs[i]) <= LIMIT
    return wild == 0


@inline
def _first_wild(xs):
    """Offset of the first sample that is not finite; -1 if all are."""
    if not _calm(xs, 0, xs.size):
        for i in range(xs.size):
            if not abs(xs[i]) <= LIMIT:
                return i
    return -1


@inline
def _due(p, run):
    """Return the samples until a run could be longer than the patience."""
    return np.inf if p.threshold == -np.inf else p.patience + 1.0 - run


# ---- eight streams of a bank, or eight pieces of one stream, side by side ------------------------

CHUNK = 1024
"""Samples of each lane between two looks at the state."""

FORGOTTEN = 60.0
"""Time constants after which an exponential average hardly ever depends on where it began, not even
in its last bit; where it does, that is noticed."""

LONG, PATIENT = 4.0 * FORGOTTEN, 256
"""Time constants, and patience, from which on it pays to cut a stream in pieces."""

WINDOWS, MANY = 32, 2**14
"""Windows of Haar, and samples, from which on it does. Fewer samples would never make up for the
time in which one more kernel is compiled."""

WIDE = 2.0**400
"""Larger steps are left to the plain loop; without one no sample can leave the range."""


@inline
def _lanes(block, at, stride):
    """Cells of neighbouring streams of a bank, and their state; samples are counted from here."""
    cells = Cells(
        0.0,
        row(block, at + PREVIOUS * stride),
        row(block, at + VARIANCE * stride),
        row(block, at + LEVEL * stride),
        row(block, at + SLOPE * stride),
        row(block, at + RUN * stride),
    )
    return cells, row(block, at + FILTER * stride)


class Watch(NamedTuple):
    """What is noted about the samples of eight lanes."""

    widest: float  # the largest step of each
    wild: float  # 0; NaN from the first step on that is not finite
    longest: float  # the longest flat run
    low: float  # two more variances, of the last lane
    high: float


@inline
def _advance_lanes(filtered, rings, p, s, state, flat, watch, read, xs, place, rows, keep, slopes):
    """`_step` for some samples of each lane, without looking whether one is finite or fires.

    `place` is where the first lies, how far apart a lane's samples are and how far the lanes.
    """
    at, hop, stride = place
    for i in range(rows):
        x = read(xs, at + i * hop, stride)
        step = x - s.previous
        level, slope, state = filtered(rings, 0, p, s, state, x)
        s = _judge(p, s, flat, x, level, slope)
        watch = _watch(p, watch, step, s.run)
        keep(slopes, at + i * hop, stride, slope)
    return s, state, watch


@inline
def _watch(p, watch, step, run):
    """Take note of a step of each lane, and of the flat run after it."""
    width, last = abs(step), lane(step, WIDTH - 1)
    return Watch(
        choose(width > watch.widest, width, watch.widest),
        fused(width, 0.0, watch.wild),
        choose(run > watch.longest, run, watch.longest),
        _variance(p, watch.low, last),
        _variance(p, watch.high, last),
    )


@inline
def _largest(v):
    """Return the largest number of all lanes."""
    most = lane(v, 0)
    for i in range(1, WIDTH):
        most = max(most, lane(v, i))
    return most


@inline
def _row(xs, at, stride):
    """Lanes that are neighbours."""
    return row(xs, at)


@inline
def _gather(xs, at, stride):
    """Lanes that lie apart."""
    return gather(xs, at, stride)


@inline
def _keep_lanes(slopes, at, stride, slope):
    """Write the slopes of all lanes."""
    scatter(slopes, at, stride, slope)


@inline
def _forgetting(p):
    """Return the samples after which nothing depends on where the averages began."""
    return np.ceil(FORGOTTEN / min(p.alpha, p.beta))


UNKNOWN = 2.0**52
"""So long is a flat run at the beginning of a piece, which does not know how it began."""

COUNT = 0  # A row of whole numbers for each piece: how often it fires after its first flat run
FIRED = 1  # and from here on where


@inline
def _note(p, pieces, run, at, stride, rows):
    """Take note of fires after so many rows; no known run was longer than patience + 1 in them.

    Returns the runs, of which those that fire begin anew.
    """
    for j in range(WIDTH):
        if p.patience < lane(run, j) < UNKNOWN:
            run = replaced(run, j, 0.0)
            pieces[j, FIRED + pieces[j, COUNT]] = at + j * stride + rows - 1
            pieces[j, COUNT] += 1
    return run


@inline
def _fires(block, p, pieces, longest, runs, before, seam, stride, offsets, found):
    """Join the runs of the pieces; write where they fire, return the number and the last run.

    `longest` are the longest runs of the pieces, `runs` those at their ends. Only the first knows
    the run before it. `before` is how many samples were accepted before offset 0; the pieces are
    joined at `seam` and each `stride` later.
    """
    period, run = p.patience + 1.0, 0.0
    for j in range(WIDTH):
        if j > 0:
            due, flat = period - run, lane(longest, j) - UNKNOWN
            while due <= flat:
                offset = seam + (j - 1) * stride + int(due) - 1
                found = _emit(block, p, before, offset, offsets, found)
                due += period
            run = flat + period - due
        if lane(runs, j) < UNKNOWN:
            for i in range(FIRED, FIRED + pieces[j, COUNT]):
                found = _emit(block, p, before, pieces[j, i], offsets, found)
            run = lane(runs, j)
    return found, run


@inline
def _emit(block, p, before, offset, offsets, found):
    """Count a fire at an offset."""
    s = _load(block, PARAMS, 1)
    _fire(block, PARAMS, 1, p, Cells(before + offset + 1.0, s.previous, 0.0, 0.0, 0.0, 0.0))
    offsets[found] = offset
    return found + 1


@inline
def _pieces(split, filtered, meet, join, block, xs, cut, keep, slopes, offsets, found):
    """Take most samples from `begin` on in eight pieces; return how many, and fires up to there.

    A filter forgets where it began, in the end to the last bit. So the stream is cut in pieces that
    advance side by side, eight chains of operations instead of one. They begin `stride` apart, and
    all but the first `warm` samples early, in the piece before; what they write there is written
    over when that piece gets there. At its end it must have the state, bit for bit, that the next
    one had there: then the next one's samples, too, are those of the plain loop. If a piece does
    not, or if a sample is not finite, nothing is taken, and the plain loop does it all.

    The variance forgets later. Its recurrence is monotone: if it is begun at 0 and at a ceiling
    above what it can be, in the last piece, and both have become the same, so has what lies
    between. If not, it is computed in a loop of its own.

    Four functions are the filter's: `split` returns state and rings of the pieces, `filtered` is a
    step of them, `meet` says whether a piece and the next one, j, had the same state, and `join`
    takes the last one's state back.
    """
    begin, warm, stride = cut
    p, s = _params(block), _load(block, PARAMS, 1)
    if s.accepted < p.warmup or s.previous != xs[begin - 1] or not abs(s.previous) <= WIDE:
        return 0, found
    steps, zero = stride + warm, spread(0.0)
    state, rings = split(block)
    previous = gather(xs, begin - 1, stride)
    lanes = Cells(0.0, previous, zero, zero, replaced(zero, 0, s.slope), replaced(zero, 0, s.run))
    watch = Watch(zero, zero, zero, 0.0, 0.0)
    seam, seam_state, top = lanes.slope, state, 0.0
    most = 0.0 if p.threshold == -np.inf else steps / (p.patience + 1.0)
    pieces = np.zeros((WIDTH, FIRED + 2 + int(most)), np.int64)
    flat = _bounds(p, True)
    done = 0
    while done < steps:
        rows = min(CHUNK, warm - done if done < warm else steps - done)
        known = _largest(choose(lanes.run < UNKNOWN, lanes.run, 0.0))
        rows = int(min(float(rows), _due(p, known)))
        at = begin + done
        place = at, 1, stride
        lanes, state, watch = _advance_lanes(
            filtered, rings, p, lanes, state, flat, watch, _gather, xs, place, rows, keep, slopes
        )
        run = _note(p, pieces, lanes.run, at, stride, rows)
        if done == 0:
            top = max(s.variance, 16.0 * _largest(watch.widest) ** 2)
            watch = Watch(watch.widest, watch.wild, watch.longest, watch.low, top)
        done += rows
        if done == warm:
            seam, seam_state = lanes.slope, state
            run = replaced(spread(UNKNOWN), 0, lane(run, 0))
            for j in range(1, WIDTH):
                pieces[j, COUNT] = 0
            watch = Watch(watch.widest, watch.wild, run, watch.low, watch.high)
        lanes = Cells(0.0, lanes.previous, zero, lanes.level, lanes.slope, run)
    widest = _largest(watch.widest)
    fine = widest <= WIDE
    for j in range(WIDTH):
        fine &= lane(watch.wild, j) == 0.0
        if j > 0:
            fine &= _same(lane(lanes.slope, j - 1), lane(seam, j)) and meet(state, seam_state, j)
    if not fine:
        return 0, found
    taken = (WIDTH - 1) * stride + steps
    variance, ceiling = watch.low, max(s.variance, widest * widest)
    if not (_same(variance, watch.high) and ceiling <= top):
        variance = _variances(p, s.variance, ceiling, s.previous, xs, begin, begin + taken)
    before, at = s.accepted - begin, begin + steps
    found, run = _fires(
        block, p, pieces, watch.longest, lanes.run, before, at, stride, offsets, found
    )
    last = WIDTH - 1
    x, level, slope = lane(lanes.previous, last), lane(lanes.level, last), lane(lanes.slope, last)
    _store(block, PARAMS, 1, Cells(s.accepted + taken, x, variance, level, slope, run))
    join(block, rings, state, (WIDTH - 1) * stride)
    return taken, found


@inline
def _same(a, b):
    """Whether two numbers are the same to the last bit."""
    return a == b and np.copysign(1.0, a) == np.copysign(1.0, b)


APART = 32
"""Samples by which the places of all pieces in a page of memory must differ, lest writing one looks
to the processor as if it changed what it reads of another."""

PAGE = 512
"""Samples in it."""


@inline
def _stride(most, period):
    """Return a large multiple of the period, at most `most`; if possible one that keeps APART."""
    largest = stride = most // period * period
    while stride > largest - largest // 32:
        nearest = APART
        for d in range(1, WIDTH):
            nearest = min(nearest, d * stride % PAGE, -d * stride % PAGE)
        if nearest == APART:
            return stride
        stride -= period
    return largest


@inline
def _ema_split(block):
    """State of the pieces: the first goes on, the others begin at 0."""
    return replaced(spread(0.0), 0, _ema_load(block, PARAMS, 1)), block


@inline
def _ema_meet(end, seam, j):
    """Whether a piece has at its end what the next one, j, had there."""
    return _same(lane(end, j - 1), lane(seam, j))


@inline
def _ema_join(block, rings, step, shift):
    """Keep the state of the last piece."""
    _ema_store(block, PARAMS, 1, lane(step, WIDTH - 1))


@inline
def _side_by_side(block, xs, begin, keep, slopes, offsets, found):
    """`_pieces` of an exponential filter."""
    warm = int(_forgetting(_params(block)))
    stride = _stride((xs.size - begin - warm) // WIDTH, 1)
    cut = begin, warm, stride
    return _pieces(
        _ema_split, _ema, _ema_meet, _ema_join, block, xs, cut, keep, slopes, offsets, found
    )


# Haar forgets exactly. The bits of its sums depend on where blocks begin, so pieces are a whole
# number of blocks apart. Then they also end blocks together and have their counts in common.


@inline
def _haar_side_by_side(block, xs, begin, keep, slopes, offsets, found):
    """`_pieces` of a Haar filter."""
    p, sums = _params(block), _haar_load(block, PARAMS, 1)
    samples, levels = int(p.smooth + 1.0) // 2, int(p.half + 1.0) // 2
    # In a block that is not whole nothing is right. After two more all is, and what was right in
    # the third ring before it is full is the sum after the sample before.
    warm = -np.int64(sums.samples.filled) % samples + 2 * samples
    warm += -(np.int64(sums.levels.filled) + warm) % levels + 2 * levels + int(p.half) + 1
    period = 2 * samples * levels // math.gcd(samples, levels)
    stride = _stride((xs.size - begin - warm) // WIDTH, period)
    if stride < warm:
        return 0, found
    cut = begin, warm, stride
    return _pieces(
        _haar_split, _haar_row, _haar_meet, _haar_join, block, xs, cut, keep, slopes, offsets, found
    )


@inline
def _haar_split(block):
    """State and rings of the pieces: the first goes on, the others begin at 0."""
    sums, first = _haar_load(block, PARAMS, 1), PARAMS + FILTER + HAAR_CELLS
    rings = _aligned(block.size - first)
    for i in range(first, block.size):
        rings[(i - first) * WIDTH] = block[i]
    return Haar(_moving_lanes(sums.samples), _moving_lanes(sums.levels), sums.past), rings


@inline
def _aligned(size):
    """Return zeros for so many rows of lanes, none of which is in two lines of the cache."""
    zeros = np.zeros((size + 1) * WIDTH)
    return zeros[-np.int64(zeros.ctypes.data >> 3) % WIDTH :]


@inline
def _moving_lanes(m):
    zero = spread(0.0)
    newest, middle = replaced(zero, 0, m.newest), replaced(zero, 0, m.middle)
    return Moving(m.filled, m.side, newest, middle, replaced(zero, 0, m.tail))


@inline
def _haar_row(rings, at, p, s, sums, x):
    """`_haar` of all lanes after the warm-up."""
    return _means(_read_row, _write_row, spread(0.0), rings, ZERO, p, sums, x, p.smooth)


@inline
def _read_row(rings, at):
    """Read one number of the ring of each lane."""
    return row(rings, at * ROW)


@inline
def _write_row(rings, at, x):
    """Write one."""
    put(rings, at * ROW, x)


@inline
def _haar_meet(end, seam, j):
    """Whether a piece has at its end what the next one, j, had there."""
    samples = _moving_meet(end.samples, seam.samples, j)
    return samples and _moving_meet(end.levels, seam.levels, j)


@inline
def _moving_meet(end, seam, j):
    middle = _same(lane(end.middle, j - 1), lane(seam.middle, j))
    newest = _same(lane(end.newest, j - 1), lane(seam.newest, j))
    return newest and middle and _same(lane(end.tail, j - 1), lane(seam.tail, j))


@inline
def _haar_join(block, rings, sums, shift):
    """Keep state and rings of the last piece, which began `shift` samples after the first."""
    p, first, last = _params(block), PARAMS + FILTER + HAAR_CELLS, WIDTH - 1
    half = int(p.half)
    third = block.size - half
    for i in range(first, third):
        block[i] = rings[(i - first) * WIDTH + last]
    for i in range(half):
        block[third + (i + shift) % half] = rings[(third - first + i) * WIDTH + last]
    past = np.uint64((np.int64(sums.past) + shift) % half)
    sums = Haar(_moving_lane(sums.samples, last), _moving_lane(sums.levels, last), past)
    _haar_store(block, PARAMS, 1, sums)


@inline
def _moving_lane(m, j):
    return Moving(m.filled, m.side, lane(m.newest, j), lane(m.middle, j), lane(m.tail, j))


@inline
def _variances(p, variance, ceiling, previous, xs, begin, end):
    """Return the variance alone, after all samples; at no time is it above the ceiling.

    It is begun late, as in `_pieces`, and if it has not forgotten that, where it should.
    """
    first, low, high = max(begin, end - int(FORGOTTEN / p.memory)), 0.0, ceiling
    while True:
        x = previous if first == begin else xs[first - 1]
        if first == begin:
            low = high = variance
        for i in range(first, end):
            low, high = _variance(p, low, xs[i] - x), _variance(p, high, xs[i] - x)
            x = xs[i]
        if _same(low, high):
            return low
        first = begin


@inline
def _head(block, xs):
    """How many samples come before the pieces: one, or those that have no slope."""
    return min(xs.size, max(1, int(_params(block).warmup - block[PARAMS])))


@inline
def _refused(block, saved, xs, begin, end):
    """Offset of a sample that is not finite, and the block is what it was; -1 if there is none.

    The pieces have taken what lies between `begin` and `end`, so that is finite.
    """
    if begin < end and _calm(xs, 0, begin) and _calm(xs, end, xs.size):
        return -1
    wild = _first_wild(xs)
    if wild >= 0:
        for i in range(block.size):
            block[i] = saved[i]
    return wild


@inline
def _bank_rows(block, at, streams, p, read, xs, first, hop, stride, rows, fired):
    """Take so many samples of each of eight streams that lie at `at` in their group.

    Their samples begin at `first`, `hop` apart, the streams `stride`; `fired` has a row for each
    sample.
    """
    done = 0
    while done < rows:
        s, step = _lanes(block, at, LANES)
        accepted = row(block, at)
        flat = _bounds(p, accepted >= p.warmup)
        count = min(float(min(CHUNK, rows - done)), _due(p, _largest(s.run)))
        special = False
        for j in range(WIDTH):
            taken = lane(accepted, j)
            special |= taken == 0.0 or not abs(lane(s.previous, j)) <= WIDE
            count = min(count, p.warmup - taken) if taken < p.warmup else count
        count = 1 if special else int(count)
        if not special:
            zero = spread(0.0)
            watch = Watch(zero, zero, zero, 0.0, 0.0)
            place = first + done * hop, hop, stride
            s, step, watch = _advance_lanes(
                _ema, xs, p, s, step, flat, watch, read, xs, place, count, _drop, xs
            )
            special = not _largest(watch.widest) <= WIDE
            for j in range(WIDTH):
                special |= lane(s.slope, j) != lane(s.slope, j)
        if special:
            for i in range(done, done + count):
                for j in range(WIDTH):
                    x = xs[first + i * hop + j * stride]
                    fired[i * streams + j] = _accept(
                        _ema_load, _ema, _ema_store, block, at + j, LANES, p, x
                    )
        else:
            _store_lanes(block, at, LANES, s, step)
            for j in range(WIDTH):
                if lane(s.run, j) > p.patience:
                    one = _load(block, at + j, LANES)
                    _store(block, at + j, LANES, _fire(block, at + j, LANES, p, one))
                    fired[(done + count - 1) * streams + j] = True
        done += count


@inline
def _store_lanes(block, at, stride, s, step):
    """Write back what `_lanes` read."""
    put(block, at, row(block, at) + s.accepted)
    put(block, at + PREVIOUS * stride, s.previous)
    put(block, at + VARIANCE * stride, s.variance)
    put(block, at + LEVEL * stride, s.level)
    put(block, at + SLOPE * stride, s.slope)
    put(block, at + RUN * stride, s.run)
    put(block, at + FILTER * stride, step)


# ---- readings ------------------------------------------------------------------------------------


@kernel
def reading(block, at, stride):
    """Verdict, onset and declared of one stream."""
    return _reading(block, at, stride, _params(block))


@kernel
def readings(block, places, stride, verdicts, onsets, declared):
    """Write the same for the streams at `places`."""
    p = _params(block)
    for i in range(places.size):
        verdicts[i], onsets[i], declared[i] = _reading(block, places[i], stride, p)


# ---- the same, one filter each -------------------------------------------------------------------


@kernel
def ema_update(block, sample):
    numbers, x = array(block, PARAMS + FILTER + EMA_CELLS), number(sample)
    return _accept(_ema_load, _ema, _ema_store, numbers, PARAMS, 1, _params(numbers), x)


@kernel
def haar_update(block, sample):
    p, x = _params(array(block, PARAMS)), number(sample)
    rings = int(_ring(np.uint64(p.smooth)) + _ring(np.uint64(p.half)) + np.uint64(p.half))
    numbers = array(block, PARAMS + FILTER + HAAR_CELLS + rings)
    return _accept(_haar_load, _haar, _haar_store, numbers, PARAMS, 1, p, x)


@batch
def ema_update_many(block, xs, offsets):
    return _update_many(_ema_load, _ema, _ema_store, block, xs, 0, xs.size, offsets, 0)


@batch
def ema_update_many_long(block, xs, offsets):
    """Do the same side by side, as far as that goes."""
    begin = _head(block, xs)
    found = _update_many(_ema_load, _ema, _ema_store, block, xs, 0, begin, offsets, 0)
    taken, found = _side_by_side(block, xs, begin, _drop, xs, offsets, found)
    begin += taken
    return _update_many(_ema_load, _ema, _ema_store, block, xs, begin, xs.size, offsets, found)


@batch
def haar_update_many(block, xs, offsets):
    return _update_many(_haar_load, _haar, _haar_store, block, xs, 0, xs.size, offsets, 0)


@batch
def haar_update_many_long(block, xs, offsets):
    """Do the same side by side, as far as that goes."""
    begin = _head(block, xs)
    found = _update_many(_haar_load, _haar, _haar_store, block, xs, 0, begin, offsets, 0)
    taken, found = _haar_side_by_side(block, xs, begin, _drop, xs, offsets, found)
    begin += taken
    return _update_many(_haar_load, _haar, _haar_store, block, xs, begin, xs.size, offsets, found)


@kernel
def ema_until_fire(block, xs):
    return _until_fire(_ema_load, _ema, _ema_store, block, xs)


@kernel
def haar_until_fire(block, xs):
    return _until_fire(_haar_load, _haar, _haar_store, block, xs)


@batch
def ema_response(block, xs, slopes):
    wild = _first_wild(xs)
    if wild < 0:
        _response(_ema_load, _ema, _ema_store, block, xs, 0, xs.size, slopes)
    return wild


@batch
def ema_response_long(block, xs, slopes):
    """Do the same side by side, as far as that goes."""
    saved, nowhere = block.copy(), np.empty(0, np.int64)
    begin = _head(block, xs)
    _response(_ema_load, _ema, _ema_store, block, xs, 0, begin, slopes)
    end = begin + _side_by_side(block, xs, begin, _keep_lanes, slopes, nowhere, 0)[0]
    wild = _refused(block, saved, xs, begin, end)
    if wild < 0:
        _response(_ema_load, _ema, _ema_store, block, xs, end, xs.size, slopes)
    return wild


@batch
def haar_response(block, xs, slopes):
    wild = _first_wild(xs)
    if wild < 0:
        _response(_haar_load, _haar, _haar_store, block, xs, 0, xs.size, slopes)
    return wild


@batch
def haar_response_long(block, xs, slopes):
    """Do the same side by side, as far as that goes."""
    saved, nowhere = block.copy(), np.empty(0, np.int64)
    begin = _head(block, xs)
    _response(_haar_load, _haar, _haar_store, block, xs, 0, begin, slopes)
    end = begin + _haar_side_by_side(block, xs, begin, _keep_lanes, slopes, nowhere, 0)[0]
    wild = _refused(block, saved, xs, begin, end)
    if wild < 0:
        _response(_haar_load, _haar, _haar_store, block, xs, end, xs.size, slopes)
    return wild


@kernel
def ema_trace(block, xs, levels, slopes, verdicts, fired, onsets):
    _trace(_ema_load, _ema, _ema_store, block, xs, levels, slopes, verdicts, fired, onsets)


@kernel
def haar_trace(block, xs, levels, slopes, verdicts, fired, onsets):
    _trace(_haar_load, _haar, _haar_store, block, xs, levels, slopes, verdicts, fired, onsets)


@kernel
def haar_bank(block, streams, xs, fired):
    """One sample for each of many streams, which lie one after the other."""
    p = _params(block)
    size = (block.size - PARAMS) // streams
    for i in range(streams):
        at = PARAMS + i * size
        fired[i] = _accept(_haar_load, _haar, _haar_store, block, at, 1, p, xs[i])


@kernel
def ema_bank(block, streams, xs, fired):
    """One sample for each of many streams, which lie in groups of LANES, cell by cell.

    A group whose samples are all finite and none the first advances in one branch-free loop.
    """
    p = _params(block)
    size = LANES * (FILTER + EMA_CELLS)
    for group in range((streams + LANES - 1) // LANES):
        first = group * LANES
        lanes = min(LANES, streams - first)
        cells = block[PARAMS + group * size : PARAMS + (group + 1) * size]
        samples, fires = xs[first : first + lanes], fired[first : first + lanes]
        if lanes == LANES and _plain(cells, samples):
            _advance(cells, p, samples, fires)
        else:
            for i in range(lanes):
                fires[i] = _accept(_ema_load, _ema, _ema_store, cells, i, LANES, p, samples[i])


@batch
def haar_bank_many(block, streams, xs, hop, stride, fired):
    """Take samples of each of many streams; a stream's lie `hop` apart, the streams `stride`."""
    p = _params(block)
    size = (block.size - PARAMS) // streams
    for i in range(streams):
        for t in range(xs.size // streams):
            x = xs[t * hop + i * stride]
            fired[t * streams + i] = _accept(
                _haar_load, _haar, _haar_store, block, PARAMS + i * size, 1, p, x
            )


TILE, BROAD, LINE = 64, 16 * LANES, 8
"""Rows of a bank's samples, and streams of them, that are taken at a time, and samples in a line of
memory. Streams take samples from below one another, each from a line of its own, and a processor
cannot tell which they will want; so the lines are read in their order before."""


@batch
def ema_bank_many(block, streams, xs, hop, stride, fired):
    """Do the same, eight streams side by side."""
    p = _params(block)
    rows = xs.size // streams
    if stride != 1:
        for first in range(0, streams, LANES):
            cells, own = _group(block, first), xs[first * stride :]
            lanes, flags = min(LANES, streams - first), fired[first:]
            _bank_group(cells, streams, lanes, p, _gather, own, hop, stride, rows, flags)
        return
    sink = np.zeros(1)  # without it the compiler would leave out the reading
    for begin in range(0, streams, BROAD):
        end = min(streams, begin + BROAD)
        for t in range(0, rows, TILE):
            count = min(TILE, rows - t)
            for i in range(t, t + count):
                for j in range(begin, end, LINE):
                    sink[0] += xs[i * hop + j]
            for first in range(begin, end, LANES):
                cells, own = _group(block, first), xs[t * hop + first :]
                lanes, flags = min(LANES, end - first), fired[t * streams + first :]
                _bank_group(cells, streams, lanes, p, _row, own, hop, 1, count, flags)


@inline
def _group(block, first):
    """Cells of a bank's streams from `first` on."""
    size = LANES * (FILTER + EMA_CELLS)
    begin = PARAMS + first // LANES * size
    return block[begin : begin + size]


@inline
def _bank_group(block, streams, lanes, p, read, xs, hop, stride, rows, fired):
    """Take so many samples of each stream of a group, see `_bank_rows`."""
    for at in range(0, lanes - WIDTH + 1, WIDTH):
        _bank_rows(block, at, streams, p, read, xs, at * stride, hop, stride, rows, fired[at:])
    for at in range(lanes - lanes % WIDTH, lanes):
        for t in range(rows):
            x = xs[t * hop + at * stride]
            fired[t * streams + at] = _accept(_ema_load, _ema, _ema_store, block, at, LANES, p, x)


@inline
def _plain(cells, xs):
    """Whether all samples of a group are finite and none is the first of its stream."""
    special = 0
    for i in range(LANES):
        special += (not abs(xs[i]) <= LIMIT) | (cells[i] == 0.0)
    return special == 0


@inline
def _advance(cells, p, xs, fired):
    """`_accept` for all streams of a plain group, side by side."""
    due = 0
    for i in range(LANES):
        s, step = _load(cells, i, LANES), _ema_load(cells, i, LANES)
        level, slope, step = _ema(cells, i, p, s, step, xs[i])
        s = _judge(p, s, _bounds(p, s.accepted >= p.warmup), xs[i], level, slope)
        _store(cells, i, LANES, s)
        _ema_store(cells, i, LANES, step)
        due += s.run > p.patience
    if due == 0:
        fired[:] = False
        return
    for i in range(LANES):
        s = _load(cells, i, LANES)
        fired[i] = s.run > p.patience
        if fired[i]:
            _store(cells, i, LANES, _fire(cells, i, LANES, p, s))
