"""One long stream, in eight pieces side by side.

A piece begins with a guess of the state there, from samples before it; where the true state turns
out to be another in any bit, the plain loop does it again. docs/method.md, "Long streams", has the
whole of it.
"""

import math

import numpy as np

from plateau._arithmetic import choose
from plateau._compile import inline
from plateau._recurrence import (
    FILTER,
    HAAR_CELLS,
    PARAMS,
    ZERO,
    Haar,
    Moving,
    PerSample,
    bounds,
    calm,
    constants_of,
    ema,
    ema_load,
    ema_store,
    fire,
    first_wild,
    haar_load,
    haar_store,
    load_cells,
    running_variance,
    sliding_means,
    store_cells,
)
from plateau.fast.advance import CHUNK, WIDE, Watch, advance, due, largest
from plateau.fast.lanes import WIDTH, gather, lane, put, replaced, row, spread

FORGOTTEN = 60.0
"""Time constants after which an exponential average hardly ever depends on where it began, not even
in its last bit; where it does, that is noticed."""

ROW = np.uint64(WIDTH)
"""Numbers in a row of lanes; places in a ring are unsigned."""


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
def _fires(state, p, pieces, longest, runs, before, seam, stride, offsets, found):
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
                found = _emit(state, p, before, offset, offsets, found)
                due += period
            run = flat + period - due
        if lane(runs, j) < UNKNOWN:
            for i in range(FIRED, FIRED + pieces[j, COUNT]):
                found = _emit(state, p, before, pieces[j, i], offsets, found)
            run = lane(runs, j)
    return found, run


@inline
def _emit(state, p, before, offset, offsets, found):
    """Count a fire at an offset."""
    s = load_cells(state, PARAMS, 1)
    fire(state, PARAMS, 1, p, PerSample(before + offset + 1.0, s.previous, 0.0, 0.0, 0.0, 0.0))
    offsets[found] = offset
    return found + 1


@inline
def _pieces(split, filtered, meet, join, state, xs, cut, then, slopes, offsets, found):
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
    takes the last one's state back. What is then done with the slopes is `judged` or `written`.
    """
    begin, warm, stride = cut
    p, s = constants_of(state), load_cells(state, PARAMS, 1)
    if s.accepted < p.warmup or s.previous != xs[begin - 1] or not abs(s.previous) <= WIDE:
        return 0, found
    steps, zero = stride + warm, spread(0.0)
    own, rings = split(state)
    previous = gather(xs, begin - 1, stride)
    lanes = PerSample(
        0.0, previous, zero, zero, replaced(zero, 0, s.slope), replaced(zero, 0, s.run)
    )
    watch = Watch(zero, zero, zero, 0.0, 0.0)
    seam, seam_own, top = lanes.slope, own, 0.0
    most = 0.0 if p.threshold == -np.inf else steps / (p.patience + 1.0)
    pieces = np.zeros((WIDTH, FIRED + 2 + int(most)), np.int64)
    flat = bounds(p, True)
    done = 0
    while done < steps:
        rows = min(CHUNK, warm - done if done < warm else steps - done)
        known = largest(choose(lanes.run < UNKNOWN, lanes.run, 0.0))
        rows = int(min(float(rows), due(p, known)))
        at = begin + done
        place = at, 1, stride
        lanes, own, watch = advance(
            filtered, rings, p, lanes, own, flat, watch, xs, place, rows, then, slopes
        )
        run = _note(p, pieces, lanes.run, at, stride, rows)
        if done == 0:
            top = max(s.variance, 16.0 * largest(watch.widest) ** 2)
            watch = Watch(watch.widest, watch.wild, watch.longest, watch.low, top)
        done += rows
        if done == warm:
            seam, seam_own = lanes.slope, own
            run = replaced(spread(UNKNOWN), 0, lane(run, 0))
            for j in range(1, WIDTH):
                pieces[j, COUNT] = 0
            watch = Watch(watch.widest, watch.wild, run, watch.low, watch.high)
        lanes = PerSample(0.0, lanes.previous, zero, lanes.level, lanes.slope, run)
    widest = largest(watch.widest)
    fine = widest <= WIDE
    for j in range(WIDTH):
        fine &= lane(watch.wild, j) == 0.0
        if j > 0:
            fine &= _same(lane(lanes.slope, j - 1), lane(seam, j)) and meet(own, seam_own, j)
    if not fine:
        return 0, found
    taken = (WIDTH - 1) * stride + steps
    variance, ceiling = watch.low, max(s.variance, widest * widest)
    if not (_same(variance, watch.high) and ceiling <= top):
        variance = _variances(p, s.variance, ceiling, s.previous, xs, begin, begin + taken)
    before, at = s.accepted - begin, begin + steps
    found, run = _fires(
        state, p, pieces, watch.longest, lanes.run, before, at, stride, offsets, found
    )
    last = WIDTH - 1
    x, level, slope = lane(lanes.previous, last), lane(lanes.level, last), lane(lanes.slope, last)
    store_cells(state, PARAMS, 1, PerSample(s.accepted + taken, x, variance, level, slope, run))
    join(state, rings, own, (WIDTH - 1) * stride)
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
            low, high = running_variance(p, low, xs[i] - x), running_variance(p, high, xs[i] - x)
            x = xs[i]
        if _same(low, high):
            return low
        first = begin


@inline
def head_of(state, xs):
    """How many samples come before the pieces: one, or those that have no slope."""
    return min(xs.size, max(1, int(constants_of(state).warmup - state[PARAMS])))


@inline
def refused(state, saved, xs, begin, end):
    """Offset of a sample that is not finite, and the state is what it was; -1 if there is none.

    The pieces have taken what lies between `begin` and `end`, so that is finite.
    """
    if begin < end and calm(xs, 0, begin) and calm(xs, end, xs.size):
        return -1
    wild = first_wild(xs)
    if wild >= 0:
        for i in range(state.size):
            state[i] = saved[i]
    return wild


# ---- the pieces of an exponential filter ---------------------------------------------------------


@inline
def _ema_split(state):
    """State of the pieces: the first goes on, the others begin at 0."""
    return replaced(spread(0.0), 0, ema_load(state, PARAMS, 1)), state


@inline
def _ema_meet(end, seam, j):
    """Whether a piece has at its end what the next one, j, had there."""
    return _same(lane(end, j - 1), lane(seam, j))


@inline
def _ema_join(state, rings, step, shift):
    """Keep the state of the last piece."""
    ema_store(state, PARAMS, 1, lane(step, WIDTH - 1))


@inline
def ema_pieces(state, xs, begin, then, slopes, offsets, found):
    """`_pieces` of an exponential filter."""
    warm = int(_forgetting(constants_of(state)))
    stride = _stride((xs.size - begin - warm) // WIDTH, 1)
    cut = begin, warm, stride
    return _pieces(
        _ema_split, ema, _ema_meet, _ema_join, state, xs, cut, then, slopes, offsets, found
    )


# ---- the pieces of a Haar filter -----------------------------------------------------------------

# Haar forgets exactly. The bits of its sums depend on where blocks begin, so pieces are a whole
# number of blocks apart. Then they also end blocks together and have their counts in common.


@inline
def haar_pieces(state, xs, begin, then, slopes, offsets, found):
    """`_pieces` of a Haar filter."""
    p, sums = constants_of(state), haar_load(state, PARAMS, 1)
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
        _haar_split, _haar_row, _haar_meet, _haar_join, state, xs, cut, then, slopes, offsets, found
    )


@inline
def _haar_split(state):
    """State and rings of the pieces: the first goes on, the others begin at 0."""
    sums, first = haar_load(state, PARAMS, 1), PARAMS + FILTER + HAAR_CELLS
    rings = _aligned(state.size - first)
    for i in range(first, state.size):
        rings[(i - first) * WIDTH] = state[i]
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
    """`haar` of all lanes after the warm-up."""
    return sliding_means(_read_row, _write_row, spread(0.0), rings, ZERO, p, sums, x, p.smooth)


@inline
def _read_row(rings, at):
    """Read one number of the ring of each lane."""
    return row(rings, at * ROW)


@inline
def _write_row(rings, at, x):
    """Write one number to the ring of each lane."""
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
def _haar_join(state, rings, sums, shift):
    """Keep state and rings of the last piece, which began `shift` samples after the first."""
    p, first, last = constants_of(state), PARAMS + FILTER + HAAR_CELLS, WIDTH - 1
    half = int(p.half)
    third = state.size - half
    for i in range(first, third):
        state[i] = rings[(i - first) * WIDTH + last]
    for i in range(half):
        state[third + (i + shift) % half] = rings[(third - first + i) * WIDTH + last]
    past = np.uint64((np.int64(sums.past) + shift) % half)
    sums = Haar(_moving_lane(sums.samples, last), _moving_lane(sums.levels, last), past)
    haar_store(state, PARAMS, 1, sums)


@inline
def _moving_lane(m, j):
    return Moving(m.filled, m.side, lane(m.newest, j), lane(m.middle, j), lane(m.tail, j))
