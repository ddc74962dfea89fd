"""The compiled functions of `plateau._kernels` that are faster than the plain loops there."""

import numpy as np

from plateau._compile import FLAGS, FLOATS, INT, INTS, inline, side_by_side
from plateau._kernels import EMA, HAAR
from plateau._recurrence import (
    EMA_CELLS,
    FILTER,
    GROUP,
    PARAMS,
    accept,
    constants_of,
    ema,
    ema_load,
    ema_store,
    haar,
    haar_load,
    haar_store,
    respond,
    update_many,
    write_offset,
)
from plateau.fast.advance import judged, written
from plateau.fast.banks import BROAD, LINE, TILE, advance_group, bank_group, group_of, is_plain
from plateau.fast.pieces import ema_pieces, haar_pieces, head_of, refused

# ---- one long stream -----------------------------------------------------------------------------


@inline
def _update_many(load, filtered, store, pieces, state, xs, offsets):
    """`update_many` in pieces as far as that goes; the plain loop does the rest."""
    begin = head_of(state, xs)
    found = update_many(
        load, filtered, store, state, PARAMS, xs, 0, begin, write_offset, offsets, 0
    )
    taken, found = pieces(state, xs, begin, judged, xs, offsets, found)
    begin += taken
    return update_many(
        load, filtered, store, state, PARAMS, xs, begin, xs.size, write_offset, offsets, found
    )


@inline
def _response(load, filtered, store, pieces, state, xs, slopes):
    """`response` in pieces as far as that goes; the plain loop does the rest."""
    saved, nowhere = state.copy(), np.empty(0, np.int64)
    begin = head_of(state, xs)
    respond(load, filtered, store, state, xs, 0, begin, slopes)
    end = begin + pieces(state, xs, begin, written, slopes, nowhere, 0)[0]
    wild = refused(state, saved, xs, begin, end)
    if wild < 0:
        respond(load, filtered, store, state, xs, end, xs.size, slopes)
    return wild


@side_by_side(FLOATS, FLOATS, INTS)
def ema_update_many(state, xs, offsets):
    """Take many samples, in pieces."""
    return _update_many(ema_load, ema, ema_store, ema_pieces, state, xs, offsets)


@side_by_side(FLOATS, FLOATS, INTS)
def haar_update_many(state, xs, offsets):
    """Take many samples, in pieces."""
    return _update_many(haar_load, haar, haar_store, haar_pieces, state, xs, offsets)


@side_by_side(FLOATS, FLOATS, FLOATS)
def ema_response(state, xs, slopes):
    """Write the slopes of many, in pieces."""
    return _response(ema_load, ema, ema_store, ema_pieces, state, xs, slopes)


@side_by_side(FLOATS, FLOATS, FLOATS)
def haar_response(state, xs, slopes):
    """Write the slopes of many, in pieces."""
    return _response(haar_load, haar, haar_store, haar_pieces, state, xs, slopes)


# ---- a bank --------------------------------------------------------------------------------------


@side_by_side(FLOATS, INT, FLOATS, FLAGS)
def ema_bank(state, streams, xs, fired):
    """Take one sample of each stream.

    A group whose samples are all finite, and none its stream's first, advances in one loop without
    branches.
    """
    p = constants_of(state)
    size = GROUP * (FILTER + EMA_CELLS)
    for group in range((streams + GROUP - 1) // GROUP):
        first = group * GROUP
        members = min(GROUP, streams - first)
        cells = state[PARAMS + group * size : PARAMS + (group + 1) * size]
        samples, fires = xs[first : first + members], fired[first : first + members]
        if members == GROUP and is_plain(cells, samples):
            advance_group(cells, p, samples, fires)
        else:
            for i in range(members):
                fires[i] = accept(ema_load, ema, ema_store, cells, i, GROUP, p, samples[i])


@side_by_side(FLOATS, INT, FLOATS, INT, INT, FLAGS)
def ema_bank_many(state, streams, xs, hop, stride, fired):
    """Take samples of each stream, of eight streams side by side: of neighbours tile by tile."""
    p = constants_of(state)
    rows = xs.size // streams
    if stride != 1:
        for first in range(0, streams, GROUP):
            cells, samples = group_of(state, first), xs[first * stride :]
            members, flags = min(GROUP, streams - first), fired[first:]
            bank_group(cells, streams, members, p, samples, hop, stride, rows, flags)
        return
    sink = np.zeros(1)  # without it the compiler would leave out the reading
    for begin in range(0, streams, BROAD):
        end = min(streams, begin + BROAD)
        for t in range(0, rows, TILE):
            count = min(TILE, rows - t)
            for i in range(t, t + count):
                for j in range(begin, end, LINE):
                    sink[0] += xs[i * hop + j]
            for first in range(begin, end, GROUP):
                cells, samples = group_of(state, first), xs[t * hop + first :]
                members, flags = min(GROUP, end - first), fired[t * streams + first :]
                bank_group(cells, streams, members, p, samples, hop, 1, count, flags)


EMA_BANK = EMA._replace(bank=ema_bank, bank_many=ema_bank_many)
EMA_LONG = EMA._replace(update_many=ema_update_many, response=ema_response)
HAAR_LONG = HAAR._replace(update_many=haar_update_many, response=haar_response)
