"""The recurrences: every number this library computes about a stream comes from this file.

    sample x ──▶ filter ──▶ level, slope ──▶ rule ──▶ run of flat samples ──▶ fires

`_ema` and `_haar` are the slope filters, `_judge` is the rule, `_step` is one sample through both.
The drivers at the end only differ in where samples come from and where results go. So a stream fed
one by one, in chunks, in a bank or as a whole gives the same numbers bit for bit.

A detector is one flat float64 array, its *block*: the parameters, then for each stream the cells of
`Cells`, `Rare` and of its filter, then (Haar only) three ring buffers. Counts are kept as floats,
which are exact up to 2**53. All kernels live in this one file because numba's cache on disk does
not notice an edit in another file.
"""

from typing import NamedTuple

import numpy as np

from plateau._compile import inline, kernel, number

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


# ---- slope filters: (block, at, p, s, state, x) -> (level, slope, state) -------------------------

EMA_CELLS = 1  # the level's last step


@inline
def _ema(block, at, p, s, step, x):
    """L = (1-α)L + αx;  d = (1-α)d + α(x - x₋₁);  D = (1-β)D + βd.  The state is d.

    d is the step L - L₋₁, taken from the differences of the samples: a subtraction of levels would
    lose the digits of a small slope on a high level.
    """
    level = (1.0 - p.alpha) * s.level + p.alpha * x
    step = (1.0 - p.alpha) * step + p.alpha * (x - s.previous)
    return level, (1.0 - p.beta) * s.slope + p.beta * step, step


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
ZERO, ONE = np.uint64(0), np.uint64(1)


@inline
def _slide(block, ring, size, moving, x):
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
    place = ring + moving.side + moving.filled
    mirror = ring + (half + half - moving.side - moving.filled)
    newest, tail = moving.newest + x, moving.tail + block[mirror]
    block[place], block[mirror] = x, tail
    full = moving.filled + ONE == half
    moving = Moving(
        ZERO if full else moving.filled + ONE,
        half + ONE - moving.side if full else moving.side,
        0.0 if full else newest,
        newest if full else moving.middle,
        0.0 if full else tail,
    )
    # Behind each buffer lies a zero, the empty tail.
    oldest = block[ring + moving.side + moving.filled + odd]
    return oldest + (moving.middle + moving.newest), moving


@inline
def _ring(size):
    """Length of the ring of a moving sum over `size` values: two buffers, a zero behind each."""
    return (((size + ONE) >> ONE) + ONE) << ONE


@inline
def _haar(block, at, p, s, sums, x):
    """L = mean of the last `smooth` x;  D = (mean of the newer half - of the older half) / half.

    The halves are those of the last `2·half` levels. The sum of the older half is the sum of the
    newer one as it was `half` samples ago, kept in the third ring.
    """
    smooth, half = np.uint64(p.smooth), np.uint64(p.half)
    ring = np.uint64(at + FILTER + HAAR_CELLS)
    total, samples = _slide(block, ring, smooth, sums.samples, x)
    level = total / min(p.smooth, s.accepted + 1.0)
    ring += _ring(smooth)
    newer, levels = _slide(block, ring, half, sums.levels, level)
    place = ring + _ring(half) + sums.past
    older = block[place]
    block[place] = newer
    past = ZERO if sums.past + ONE == half else sums.past + ONE
    return level, (newer - older) / (p.half * p.half), Haar(samples, levels, past)


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
def _judge(p, s, x, level, slope):
    """Cells after sample x whose filter gave level and slope: the flat run goes on or ends."""
    difference = x - s.previous
    flat = (s.accepted >= p.warmup) & (_progress(p, slope) < p.threshold)
    return Cells(
        s.accepted + 1.0,
        x,
        (1.0 - p.memory) * s.variance + p.memory * (0.5 * difference * difference),
        level,
        slope,
        s.run + 1.0 if flat else 0.0,
    )


@inline
def _step(filtered, block, at, p, s, state, x):
    """One accepted sample through filter and rule."""
    if s.accepted == 0.0:  # a stream is taken to have stood at its first sample before
        s = Cells(s.accepted, x, s.variance, x, s.slope, s.run)
    level, slope, state = filtered(block, at, p, s, state, x)
    return _judge(p, s, x, level, slope), state


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
def _update_many(load, filtered, store, block, xs, offsets):
    """Take samples in a row, write the offsets of those that fired and return their number."""
    p = _params(block)
    s, state = _load(block, PARAMS, 1), load(block, PARAMS, 1)
    found, skipped = 0, 0
    for i in range(xs.size):
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
def _response(load, filtered, store, block, xs, slopes):
    """Take samples in a row and write the slopes after them, NaN where there is none yet."""
    p = _params(block)
    s, state = _load(block, PARAMS, 1), load(block, PARAMS, 1)
    for i in range(xs.size):
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
    x = number(sample)
    return _accept(_ema_load, _ema, _ema_store, block, PARAMS, 1, _params(block), x)


@kernel
def haar_update(block, sample):
    x = number(sample)
    return _accept(_haar_load, _haar, _haar_store, block, PARAMS, 1, _params(block), x)


@kernel
def ema_update_many(block, xs, offsets):
    return _update_many(_ema_load, _ema, _ema_store, block, xs, offsets)


@kernel
def haar_update_many(block, xs, offsets):
    return _update_many(_haar_load, _haar, _haar_store, block, xs, offsets)


@kernel
def ema_until_fire(block, xs):
    return _until_fire(_ema_load, _ema, _ema_store, block, xs)


@kernel
def haar_until_fire(block, xs):
    return _until_fire(_haar_load, _haar, _haar_store, block, xs)


@kernel
def ema_response(block, xs, slopes):
    _response(_ema_load, _ema, _ema_store, block, xs, slopes)


@kernel
def haar_response(block, xs, slopes):
    _response(_haar_load, _haar, _haar_store, block, xs, slopes)


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
        s = _judge(p, s, xs[i], level, slope)
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
