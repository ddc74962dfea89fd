"""The compiled functions of the threshold detectors: one for each filter and way to take samples.

Everything they do is in `plateau._recurrence` and `plateau._side_by_side`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._compile import (
    BLOCK,
    CODES,
    FLAGS,
    FLOATS,
    INT,
    INTS,
    SAMPLE,
    Kernel,
    array,
    batch,
    kernel,
    number,
)
from plateau._recurrence import (
    EMA_CELLS,
    FILTER,
    HAAR_CELLS,
    LANES,
    PARAMS,
    accept,
    ema,
    ema_load,
    ema_store,
    haar,
    haar_load,
    haar_store,
    params_of,
    reading_of,
    respond,
    ring_size,
    trace,
    until_fire,
    update_many,
    write_flag,
    write_offset,
)
from plateau._samples import Sample
from plateau._side_by_side import (
    BROAD,
    LINE,
    TILE,
    advance_group,
    bank_group,
    ema_side_by_side,
    first_wild,
    gather_row,
    group_of,
    haar_side_by_side,
    head_of,
    is_plain,
    judged,
    refused,
    row_of,
    written,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Kernels(NamedTuple):
    """The compiled functions of one slope filter, and of the threshold rule behind it.

    The first argument of each is the block of a detector, which it advances.
    """

    update: Kernel[[Floats, Sample], bool]
    """(block, sample) -> whether it fires."""
    update_many: Kernel[[Floats, Floats, Ints], int]
    """(block, samples, offsets) -> how many fire; it writes at which offsets."""
    until_fire: Kernel[[Floats, Floats], int]
    """(block, samples) -> offset of the first that fires, where it stops; -1 if none does."""
    response: Kernel[[Floats, Floats, Floats], int]
    """(block, samples, slopes) -> offset of a sample that is not finite, -1 if all are; only then
    it writes the slopes."""
    trace: Kernel[[Floats, Floats, Floats, Floats, Codes, Flags, Ints], None]
    """(block, samples, levels, slopes, verdicts, fired, onsets): it writes what is known after
    each."""
    bank: Kernel[[Floats, int, Floats, Flags], None]
    """(block, streams, samples, fired): one sample of each stream; it writes which fire."""
    bank_many: Kernel[[Floats, int, Floats, int, int, Flags], None]
    """(block, streams, samples, hop, stride, fired): many; those of a stream lie `hop` apart, the
    streams `stride`."""
    lanes: int
    """Streams of a bank whose state is interleaved, cell by cell."""


# ---- readings ------------------------------------------------------------------------------------


@kernel(FLOATS, INT, INT)
def reading(block, at, stride):
    """Verdict, onset and declared of one stream."""
    return reading_of(block, at, stride, params_of(block))


@kernel(FLOATS, INTS, INT, CODES, INTS, INTS)
def readings(block, places, stride, verdicts, onsets, declared):
    """Write the same for the streams at `places`."""
    p = params_of(block)
    for i in range(places.size):
        verdicts[i], onsets[i], declared[i] = reading_of(block, places[i], stride, p)


# ---- one filter each -----------------------------------------------------------------------------


@kernel(BLOCK, SAMPLE)
def ema_update(block, sample):
    numbers, x = array(block, PARAMS + FILTER + EMA_CELLS), number(sample)
    return accept(ema_load, ema, ema_store, numbers, PARAMS, 1, params_of(numbers), x)


@kernel(BLOCK, SAMPLE)
def haar_update(block, sample):
    p, x = params_of(array(block, PARAMS)), number(sample)
    rings = int(ring_size(np.uint64(p.smooth)) + ring_size(np.uint64(p.half)) + np.uint64(p.half))
    numbers = array(block, PARAMS + FILTER + HAAR_CELLS + rings)
    return accept(haar_load, haar, haar_store, numbers, PARAMS, 1, p, x)


@batch(FLOATS, FLOATS, INTS)
def ema_update_many(block, xs, offsets):
    return update_many(
        ema_load, ema, ema_store, block, PARAMS, xs, 0, xs.size, write_offset, offsets, 0
    )


@batch(FLOATS, FLOATS, INTS)
def ema_update_many_long(block, xs, offsets):
    """Do the same side by side, as far as that goes."""
    begin = head_of(block, xs)
    found = update_many(
        ema_load, ema, ema_store, block, PARAMS, xs, 0, begin, write_offset, offsets, 0
    )
    taken, found = ema_side_by_side(block, xs, begin, judged, xs, offsets, found)
    begin += taken
    return update_many(
        ema_load, ema, ema_store, block, PARAMS, xs, begin, xs.size, write_offset, offsets, found
    )


@batch(FLOATS, FLOATS, INTS)
def haar_update_many(block, xs, offsets):
    return update_many(
        haar_load, haar, haar_store, block, PARAMS, xs, 0, xs.size, write_offset, offsets, 0
    )


@batch(FLOATS, FLOATS, INTS)
def haar_update_many_long(block, xs, offsets):
    """Do the same side by side, as far as that goes."""
    begin = head_of(block, xs)
    found = update_many(
        haar_load, haar, haar_store, block, PARAMS, xs, 0, begin, write_offset, offsets, 0
    )
    taken, found = haar_side_by_side(block, xs, begin, judged, xs, offsets, found)
    begin += taken
    return update_many(
        haar_load, haar, haar_store, block, PARAMS, xs, begin, xs.size, write_offset, offsets, found
    )


@batch(FLOATS, FLOATS)
def ema_until_fire(block, xs):
    return until_fire(ema_load, ema, ema_store, block, xs)


@batch(FLOATS, FLOATS)
def haar_until_fire(block, xs):
    return until_fire(haar_load, haar, haar_store, block, xs)


@batch(FLOATS, FLOATS, FLOATS)
def ema_response(block, xs, slopes):
    wild = first_wild(xs)
    if wild < 0:
        respond(ema_load, ema, ema_store, block, xs, 0, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS)
def ema_response_long(block, xs, slopes):
    """Do the same side by side, as far as that goes."""
    saved, nowhere = block.copy(), np.empty(0, np.int64)
    begin = head_of(block, xs)
    respond(ema_load, ema, ema_store, block, xs, 0, begin, slopes)
    end = begin + ema_side_by_side(block, xs, begin, written, slopes, nowhere, 0)[0]
    wild = refused(block, saved, xs, begin, end)
    if wild < 0:
        respond(ema_load, ema, ema_store, block, xs, end, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS)
def haar_response(block, xs, slopes):
    wild = first_wild(xs)
    if wild < 0:
        respond(haar_load, haar, haar_store, block, xs, 0, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS)
def haar_response_long(block, xs, slopes):
    """Do the same side by side, as far as that goes."""
    saved, nowhere = block.copy(), np.empty(0, np.int64)
    begin = head_of(block, xs)
    respond(haar_load, haar, haar_store, block, xs, 0, begin, slopes)
    end = begin + haar_side_by_side(block, xs, begin, written, slopes, nowhere, 0)[0]
    wild = refused(block, saved, xs, begin, end)
    if wild < 0:
        respond(haar_load, haar, haar_store, block, xs, end, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS, FLOATS, CODES, FLAGS, INTS)
def ema_trace(block, xs, levels, slopes, verdicts, fired, onsets):
    trace(ema_load, ema, ema_store, block, xs, levels, slopes, verdicts, fired, onsets)


@batch(FLOATS, FLOATS, FLOATS, FLOATS, CODES, FLAGS, INTS)
def haar_trace(block, xs, levels, slopes, verdicts, fired, onsets):
    trace(haar_load, haar, haar_store, block, xs, levels, slopes, verdicts, fired, onsets)


@batch(FLOATS, INT, FLOATS, FLAGS)
def haar_bank(block, streams, xs, fired):
    """One sample for each of many streams, which lie one after the other."""
    p = params_of(block)
    size = (block.size - PARAMS) // streams
    for i in range(streams):
        at = PARAMS + i * size
        fired[i] = accept(haar_load, haar, haar_store, block, at, 1, p, xs[i])


@batch(FLOATS, INT, FLOATS, FLAGS)
def ema_bank(block, streams, xs, fired):
    """One sample for each of many streams, which lie in groups of LANES, cell by cell.

    A group whose samples are all finite and none the first advances in one branch-free loop.
    """
    p = params_of(block)
    size = LANES * (FILTER + EMA_CELLS)
    for group in range((streams + LANES - 1) // LANES):
        first = group * LANES
        lanes = min(LANES, streams - first)
        cells = block[PARAMS + group * size : PARAMS + (group + 1) * size]
        samples, fires = xs[first : first + lanes], fired[first : first + lanes]
        if lanes == LANES and is_plain(cells, samples):
            advance_group(cells, p, samples, fires)
        else:
            for i in range(lanes):
                fires[i] = accept(ema_load, ema, ema_store, cells, i, LANES, p, samples[i])


@batch(FLOATS, INT, FLOATS, INT, INT, FLAGS)
def haar_bank_many(block, streams, xs, hop, stride, fired):
    """Take samples of each of many streams; a stream's lie `hop` apart, the streams `stride`."""
    size, rows = (block.size - PARAMS) // streams, xs.size // streams
    for i in range(streams):
        at, own, flags = PARAMS + i * size, xs[i * stride :: hop], fired[i::streams]
        update_many(haar_load, haar, haar_store, block, at, own, 0, rows, write_flag, flags, 0)


@batch(FLOATS, INT, FLOATS, INT, INT, FLAGS)
def ema_bank_many(block, streams, xs, hop, stride, fired):
    """Do the same, eight streams side by side."""
    p = params_of(block)
    rows = xs.size // streams
    if stride != 1:
        for first in range(0, streams, LANES):
            cells, own = group_of(block, first), xs[first * stride :]
            lanes, flags = min(LANES, streams - first), fired[first:]
            bank_group(cells, streams, lanes, p, gather_row, own, hop, stride, rows, flags)
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
                cells, own = group_of(block, first), xs[t * hop + first :]
                lanes, flags = min(LANES, end - first), fired[t * streams + first :]
                bank_group(cells, streams, lanes, p, row_of, own, hop, 1, count, flags)


EMA = Kernels(
    ema_update,
    ema_update_many,
    ema_until_fire,
    ema_response,
    ema_trace,
    ema_bank,
    ema_bank_many,
    lanes=LANES,
)
EMA_LONG = EMA._replace(update_many=ema_update_many_long, response=ema_response_long)
"""For long streams."""

HAAR = Kernels(
    haar_update,
    haar_update_many,
    haar_until_fire,
    haar_response,
    haar_trace,
    haar_bank,
    haar_bank_many,
    lanes=1,
)
HAAR_LONG = HAAR._replace(update_many=haar_update_many_long, response=haar_response_long)
"""For long streams."""
