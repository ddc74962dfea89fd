"""Samples of eight lanes at a time: what pieces of a stream and streams of a bank have in common.

A recurrence waits for its last result. Eight of them in one vector wait together.
"""

from typing import NamedTuple

import numpy as np

from plateau._arithmetic import choose, fused
from plateau._compile import inline
from plateau._recurrence import PerSample, judge, running_variance
from plateau.fast.lanes import WIDTH, gather, lane, scatter, spread

CHUNK = 1024
"""Samples of each lane between two looks at the state."""

WIDE = 2.0**400
"""Larger steps are left to the plain loop; without one no sample can leave the range."""


class Watch(NamedTuple):
    """What is noted about the samples of eight lanes."""

    widest: float  # the largest step of each
    wild: float  # 0; NaN from the first step on that is not finite
    longest: float  # the longest flat run
    low: float  # two more variances, of the last lane
    high: float


@inline
def advance(filtered, rings, p, s, own, flat, watch, xs, place, rows, then, slopes):
    """`_step` for some samples of each lane, without looking whether one is finite or fires.

    `place` is where the first lies, how far apart a lane's samples are and how far the lanes.
    """
    at, hop, stride = place
    for i in range(rows):
        x = gather(xs, at + i * hop, stride)
        step = x - s.previous
        level, slope, own = filtered(rings, 0, p, s, own, x)
        s = then(p, s, flat, x, level, slope, slopes, at + i * hop, stride)
        watch = _watch(p, watch, step, s.run)
    return s, own, watch


@inline
def judged(p, s, flat, x, level, slope, slopes, at, stride):
    """Judge the slopes, as a detector does; none is written."""
    return judge(p, s, flat, x, level, slope)


@inline
def written(p, s, flat, x, level, slope, slopes, at, stride):
    """Write the slopes, as a filter does; without a rule none is flat."""
    scatter(slopes, at, stride, slope)
    return PerSample(s.accepted + 1.0, x, s.variance, level, slope, spread(0.0))


@inline
def _watch(p, watch, step, run):
    """Take note of a step of each lane, and of the flat run after it."""
    width, last = abs(step), lane(step, WIDTH - 1)
    return Watch(
        choose(width > watch.widest, width, watch.widest),
        fused(width, 0.0, watch.wild),
        choose(run > watch.longest, run, watch.longest),
        running_variance(p, watch.low, last),
        running_variance(p, watch.high, last),
    )


@inline
def largest(v):
    """Return the largest number of all lanes."""
    most = lane(v, 0)
    for i in range(1, WIDTH):
        most = max(most, lane(v, i))
    return most


@inline
def due(p, run):
    """Return the samples until a run could be longer than the patience, at least one."""
    return np.inf if p.threshold == -np.inf else max(p.patience + 1.0 - run, 1.0)
