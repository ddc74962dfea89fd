"""The compiled functions of the threshold detectors: one for each filter and way to take samples.

Everything they do is in `plateau._recurrence`; `plateau.fast` has faster ones for long streams and
banks, with the same numbers.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._compile import (
    ADDRESS,
    CODES,
    FLAGS,
    FLOAT,
    FLOATS,
    INT,
    INTS,
    Kernel,
    array,
    batch,
    inline,
    kernel,
)
from plateau._recurrence import (
    BUSY,
    EMA_CELLS,
    FILTER,
    GROUP,
    HAAR_CELLS,
    IN_USE,
    PARAMS,
    accept,
    constants_of,
    ema,
    ema_load,
    ema_store,
    first_wild,
    haar,
    haar_load,
    haar_store,
    reading_of,
    respond,
    rings_of,
    trace,
    until_fire,
    update_many,
    write_flag,
    write_offset,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]


class Kernels(NamedTuple):
    """The compiled functions of one slope filter, and of the threshold rule behind it.

    The first argument of each is the state of a detector, which it advances; of `update` it is
    its address.
    """

    update: Kernel[[Any, float], bool]
    """(address, sample) -> whether it fires; RuntimeError if another thread uses the state."""
    update_many: Kernel[[Floats, Floats, Ints], int]
    """(state, samples, offsets) -> how many fire; it writes at which offsets."""
    until_fire: Kernel[[Floats, Floats], int]
    """(state, samples) -> offset of the first that fires, where it stops; -1 if none does."""
    response: Kernel[[Floats, Floats, Floats], int]
    """(state, samples, slopes) -> offset of a sample that is not finite, -1 if all are; only then
    it writes the slopes."""
    trace: Kernel[[Floats, Floats, Floats, Floats, Codes, Flags, Ints], None]
    """(state, samples, levels, slopes, verdicts, fired, onsets): it writes what is known after
    each."""
    bank: Kernel[[Floats, int, Floats, Flags], None]
    """(state, streams, samples, fired): one sample of each stream; it writes which fire."""
    bank_many: Kernel[[Floats, int, Floats, int, int, Flags], None]
    """(state, streams, samples, hop, stride, fired): many; those of a stream lie `hop` apart, the
    streams `stride`."""
    group: int
    """Streams of a bank whose state is interleaved, cell by cell."""


# ---- readings ------------------------------------------------------------------------------------


@kernel(FLOATS, INT, INT)
def reading(state, at, stride):
    """Verdict, onset and declared of one stream."""
    return reading_of(state, at, stride, constants_of(state))


@kernel(FLOATS, INTS, INT, CODES, INTS, INTS)
def readings(state, places, stride, verdicts, onsets, declared):
    """Write verdict, onset and declared of the streams at `places`."""
    p = constants_of(state)
    for i in range(places.size):
        verdicts[i], onsets[i], declared[i] = reading_of(state, places[i], stride, p)


# ---- one filter each -----------------------------------------------------------------------------


@kernel(ADDRESS, FLOAT)
def ema_update(address, x):
    state = array(address, PARAMS + FILTER + EMA_CELLS)
    if state[BUSY] != 0.0:
        raise RuntimeError(IN_USE)
    return accept(ema_load, ema, ema_store, state, PARAMS, 1, constants_of(state), x)


@kernel(ADDRESS, FLOAT)
def haar_update(address, x):
    p = constants_of(array(address, PARAMS))
    state = array(address, PARAMS + FILTER + HAAR_CELLS + rings_of(p))
    if state[BUSY] != 0.0:
        raise RuntimeError(IN_USE)
    return accept(haar_load, haar, haar_store, state, PARAMS, 1, p, x)


@batch(FLOATS, FLOATS, INTS)
def ema_update_many(state, xs, offsets):
    return update_many(
        ema_load, ema, ema_store, state, PARAMS, xs, 0, xs.size, write_offset, offsets, 0
    )


@batch(FLOATS, FLOATS, INTS)
def haar_update_many(state, xs, offsets):
    return update_many(
        haar_load, haar, haar_store, state, PARAMS, xs, 0, xs.size, write_offset, offsets, 0
    )


@batch(FLOATS, FLOATS)
def ema_until_fire(state, xs):
    return until_fire(ema_load, ema, ema_store, state, xs)


@batch(FLOATS, FLOATS)
def haar_until_fire(state, xs):
    return until_fire(haar_load, haar, haar_store, state, xs)


@batch(FLOATS, FLOATS, FLOATS)
def ema_response(state, xs, slopes):
    wild = first_wild(xs)
    if wild < 0:
        respond(ema_load, ema, ema_store, state, xs, 0, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS)
def haar_response(state, xs, slopes):
    wild = first_wild(xs)
    if wild < 0:
        respond(haar_load, haar, haar_store, state, xs, 0, xs.size, slopes)
    return wild


@batch(FLOATS, FLOATS, FLOATS, FLOATS, CODES, FLAGS, INTS)
def ema_trace(state, xs, levels, slopes, verdicts, fired, onsets):
    trace(ema_load, ema, ema_store, state, xs, levels, slopes, verdicts, fired, onsets)


@batch(FLOATS, FLOATS, FLOATS, FLOATS, CODES, FLAGS, INTS)
def haar_trace(state, xs, levels, slopes, verdicts, fired, onsets):
    trace(haar_load, haar, haar_store, state, xs, levels, slopes, verdicts, fired, onsets)


@batch(FLOATS, INT, FLOATS, FLAGS)
def haar_bank(state, streams, xs, fired):
    p = constants_of(state)
    size = (state.size - PARAMS) // streams
    for i in range(streams):
        at = PARAMS + i * size
        fired[i] = accept(haar_load, haar, haar_store, state, at, 1, p, xs[i])


@inline
def _place(i):
    """Index of a stream's cells where GROUP streams lie interleaved, cell by cell."""
    return PARAMS + i // GROUP * (GROUP * (FILTER + EMA_CELLS)) + i % GROUP


@batch(FLOATS, INT, FLOATS, FLAGS)
def ema_bank(state, streams, xs, fired):
    p = constants_of(state)
    for i in range(streams):
        fired[i] = accept(ema_load, ema, ema_store, state, _place(i), GROUP, p, xs[i])


@batch(FLOATS, INT, FLOATS, INT, INT, FLAGS)
def haar_bank_many(state, streams, xs, hop, stride, fired):
    size, rows = (state.size - PARAMS) // streams, xs.size // streams
    for i in range(streams):
        at, samples, flags = PARAMS + i * size, xs[i * stride :: hop], fired[i::streams]
        update_many(haar_load, haar, haar_store, state, at, samples, 0, rows, write_flag, flags, 0)


@batch(FLOATS, INT, FLOATS, INT, INT, FLAGS)
def ema_bank_many(state, streams, xs, hop, stride, fired):
    p, rows = constants_of(state), xs.size // streams
    for i in range(streams):
        for t in range(rows):
            x = xs[t * hop + i * stride]
            fired[t * streams + i] = accept(ema_load, ema, ema_store, state, _place(i), GROUP, p, x)


EMA = Kernels(
    ema_update,
    ema_update_many,
    ema_until_fire,
    ema_response,
    ema_trace,
    ema_bank,
    ema_bank_many,
    group=GROUP,
)

HAAR = Kernels(
    haar_update,
    haar_update_many,
    haar_until_fire,
    haar_response,
    haar_trace,
    haar_bank,
    haar_bank_many,
    group=1,
)
