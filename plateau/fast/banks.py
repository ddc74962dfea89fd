"""Streams of a bank, eight side by side."""

from plateau._compile import inline
from plateau._recurrence import (
    EMA_CELLS,
    FILTER,
    GROUP,
    LEVEL,
    PARAMS,
    PREVIOUS,
    RUN,
    SLOPE,
    VARIANCE,
    PerSample,
    accept,
    bounds,
    ema,
    ema_load,
    ema_store,
    fire,
    judge,
    load_cells,
    store_cells,
)
from plateau._samples import LIMIT
from plateau.fast.advance import CHUNK, WIDE, Watch, advance, due, judged, largest
from plateau.fast.lanes import WIDTH, lane, put, row, spread

TILE, BROAD, LINE = 64, 16 * GROUP, 8
"""Rows of a bank's samples, and streams of them, that are taken at a time, and samples in a line of
memory. Streams take samples from below one another, each from a line of its own, and a processor
cannot tell which they will want; so the lines are read in their order before."""


@inline
def _lanes(state, at, stride):
    """Cells of neighbouring streams of a bank, and their state; samples are counted from here."""
    cells = PerSample(
        0.0,
        row(state, at + PREVIOUS * stride),
        row(state, at + VARIANCE * stride),
        row(state, at + LEVEL * stride),
        row(state, at + SLOPE * stride),
        row(state, at + RUN * stride),
    )
    return cells, row(state, at + FILTER * stride)


@inline
def _rows(state, at, streams, p, xs, first, hop, stride, rows, fired):
    """Take so many samples of each of eight streams that lie at `at` in their group.

    Their samples begin at `first`, `hop` apart, the streams `stride`; `fired` has a row for each
    sample.
    """
    done = 0
    while done < rows:
        s, step = _lanes(state, at, GROUP)
        accepted = row(state, at)
        flat = bounds(p, accepted >= p.warmup)
        count = min(float(min(CHUNK, rows - done)), due(p, largest(s.run)))
        special = False
        for j in range(WIDTH):
            taken = lane(accepted, j)
            special |= taken == 0.0 or not abs(lane(s.previous, j)) <= WIDE
            count = min(count, p.warmup - taken) if taken < p.warmup else count
        count = 1 if special else max(int(count), 1)
        if not special:
            zero = spread(0.0)
            watch = Watch(zero, zero, zero, 0.0, 0.0)
            place = first + done * hop, hop, stride
            s, step, watch = advance(ema, xs, p, s, step, flat, watch, xs, place, count, judged, xs)
            special = not largest(watch.widest) <= WIDE
            for j in range(WIDTH):
                special |= lane(s.slope, j) != lane(s.slope, j)
        if special:
            for i in range(done, done + count):
                for j in range(WIDTH):
                    x = xs[first + i * hop + j * stride]
                    fired[i * streams + j] = accept(
                        ema_load, ema, ema_store, state, at + j, GROUP, p, x
                    )
        else:
            _store_lanes(state, at, GROUP, s, step)
            for j in range(WIDTH):
                if lane(s.run, j) > p.patience:
                    one = load_cells(state, at + j, GROUP)
                    store_cells(state, at + j, GROUP, fire(state, at + j, GROUP, p, one))
                    fired[(done + count - 1) * streams + j] = True
        done += count


@inline
def _store_lanes(state, at, stride, s, step):
    """Write back what `_lanes` read."""
    put(state, at, row(state, at) + s.accepted)
    put(state, at + PREVIOUS * stride, s.previous)
    put(state, at + VARIANCE * stride, s.variance)
    put(state, at + LEVEL * stride, s.level)
    put(state, at + SLOPE * stride, s.slope)
    put(state, at + RUN * stride, s.run)
    put(state, at + FILTER * stride, step)


@inline
def group_of(state, first):
    """Cells of a bank's streams from `first` on."""
    size = GROUP * (FILTER + EMA_CELLS)
    begin = PARAMS + first // GROUP * size
    return state[begin : begin + size]


@inline
def bank_group(state, streams, members, p, xs, hop, stride, rows, fired):
    """Take so many samples of each stream of a group, see `_rows`."""
    for at in range(0, members - WIDTH + 1, WIDTH):
        _rows(state, at, streams, p, xs, at * stride, hop, stride, rows, fired[at:])
    for at in range(members - members % WIDTH, members):
        for t in range(rows):
            x = xs[t * hop + at * stride]
            fired[t * streams + at] = accept(ema_load, ema, ema_store, state, at, GROUP, p, x)


@inline
def is_plain(cells, xs):
    """Whether all samples of a group are finite and none is the first of its stream."""
    special = 0
    for i in range(GROUP):
        special += (not abs(xs[i]) <= LIMIT) | (cells[i] == 0.0)
    return special == 0


@inline
def advance_group(cells, p, xs, fired):
    """`accept` for all streams of a plain group, side by side."""
    due = 0
    for i in range(GROUP):
        s, step = load_cells(cells, i, GROUP), ema_load(cells, i, GROUP)
        level, slope, step = ema(cells, i, p, s, step, xs[i])
        s = judge(p, s, bounds(p, s.accepted >= p.warmup), xs[i], level, slope)
        store_cells(cells, i, GROUP, s)
        ema_store(cells, i, GROUP, step)
        due += s.run > p.patience
    if due == 0:
        fired[:] = False
        return
    for i in range(GROUP):
        s = load_cells(cells, i, GROUP)
        fired[i] = s.run > p.patience
        if fired[i]:
            store_cells(cells, i, GROUP, fire(cells, i, GROUP, p, s))
