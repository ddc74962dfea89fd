"""Where a finished series was flat, judged with all of it in view.

    samples ─▶ at most 120 blocks ─▶ straight pieces ─▶ gentle ones in a row ─▶ flat end, slow start

A stream must decide on what it has seen. A series that is over can be judged as the eye judges its
picture: the same tenth of the range is a lot in the middle of a descent and little at its end. So
the whole series is cut into straight pieces (`plateau._pieces`). Pieces that hardly slope, beside
the range and the length of the series, make a stretch; of that, what stays within a narrow band up
to its end is flat, and what leads there is slow.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._pieces import NOISY, Pieces, noise_of, spike_height, straight, unspiked
from plateau._scale import SCALES, Scale, by_logarithm
from plateau.base import FLAT, KINDS, SLOW, Kind
from plateau.outlook import Gain, gain_of

Array = NDArray[np.float64]

BLOCKS = 120
"""Blocks of a series at most: a picture shows no more, and cutting takes their number squared."""

MEDIAN = 5
"""Samples of a block from which on it is their median: no spike moves it."""

MANY, OUTLYING = 300, 0.5
"""Samples from which on so many per cent at either end do not make the range."""

NOISE_ALONE = 6.0
"""Standard deviations that the range of noise alone has among many samples."""

FEWEST = 8
"""Samples that a series must have."""

GENTLE = 6.0
"""Slope of a gentle piece over the length of the series, in times `min_change` of the range."""

BAND = 0.3
"""Width of the band in which a plateau stays, in times `min_change` of the range."""

JITTER = 1.5
"""The same in standard deviations of the blocks' noise, if that is more."""

PART = 0.08
"""Share of the series that a plateau must have."""


class Found(NamedTuple):
    """A plateau among finite samples."""

    start: int
    stop: int
    kind: Kind


def look_back(values: Array, min_change: float = 0.05, scale: Scale = "auto") -> list[Found]:
    """Find the plateaus of a whole series.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        Finite samples.
    min_change : float
        The detector's.
    scale : {"auto", "linear", "log"}
        The detector's.

    Returns
    -------
    list of Found
        In order and disjoint.
    """
    n = len(values)
    if n < FEWEST:
        return []
    values, size = on_scale(values, scale), -(-n // BLOCKS)
    levels, within = blocks_of(values, size)
    whole = range_of(values, levels)
    if whole == 0.0:
        return [Found(0, n, "flat")]
    pieces = straight(levels, whole, within)
    gentle = gentle_blocks(pieces, GENTLE * min_change)
    band = max(BAND * min_change * whole, JITTER * pieces.noise, NOISY * within)
    least = max(PART * len(levels), 3.0)
    found: list[Found] = []
    for begin, end in stretches_of(gentle, pieces.fitted, band):
        flat = last_band(pieces, begin, end, band)
        if end - flat < least:  # too little to be a plateau of its own
            flat = end
        for start, stop, kind in ((begin, flat, SLOW), (flat, end, FLAT)):
            if stop - start >= least and (kind == FLAT or start > 0):
                behind = n if stop == len(levels) else stop * size  # n: also of a short block
                found.append(Found(start * size, behind, KINDS[kind]))
    return found


def gain_so_far(values: Array, sign: float) -> Gain | None:
    """Return what as many samples again as there are in a series are expected to bring."""
    if len(values) > BLOCKS:
        values, _ = blocks_of(values, -(-len(values) // BLOCKS))
    return gain_of(values, sign)


def on_scale(values: Array, scale: Scale) -> Array:
    """Values as they are judged: in units of about their largest, or their logarithms."""
    values = in_units(values)
    if len(values) < FEWEST or values.min() <= 0.0 <= values.max():
        return values
    side, sizes = np.sign(values[0]), np.abs(values)
    levels, _ = blocks_of(sizes, -(-len(values) // BLOCKS))
    return side * np.log10(sizes) if by_logarithm(levels, SCALES.index(scale)) else values


def in_units(values: Array) -> Array:
    """Values over a power of two, the largest about 1: no square of one is lost or infinite."""
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    scaled: Array = np.ldexp(values, -exponent)
    return scaled


def blocks_of(values: Array, size: int) -> tuple[Array, float]:
    """Levels of equal blocks, and the deviation of samples within them."""
    whole = len(values) // size * size
    rows = values[:whole].reshape(-1, size)
    level = np.median if size >= MEDIAN else np.mean
    levels = level(rows, axis=1)
    if 2 * (len(values) - whole) >= size:
        levels = np.append(levels, level(values[whole:]))
    within = float(np.median(rows.std(axis=1))) if size > 1 else noise_of(values)
    return levels, within


def range_of(values: Array, levels: Array) -> float:
    """Range of a series, without outliers and spikes where there are many samples."""
    if len(values) < MANY:
        return float(np.ptp(values))
    low, high = np.percentile(values, [OUTLYING, 100.0 - OUTLYING])
    steady = unspiked(levels, spike_height(noise_of(levels), float(np.ptp(levels))))
    return min(float(high - low), float(np.ptp(steady)) + NOISE_ALONE * noise_of(values))


def gentle_blocks(pieces: Pieces, steepest: float) -> NDArray[np.bool_]:
    """Which blocks lie in pieces that hardly slope beside range and length of the series."""
    gentle = np.zeros(len(pieces.values), dtype=np.bool_)
    for a, b in zip(pieces.cuts[:-1], pieces.cuts[1:], strict=True):
        slope = abs(pieces.fitted[b - 1] - pieces.fitted[a]) / (b - a - 1)
        gentle[a:b] = slope * len(gentle) <= steepest * pieces.range
    return gentle


def stretches_of(gentle: NDArray[np.bool_], fitted: Array, band: float) -> list[tuple[int, int]]:
    """Gentle blocks in a row, from first to last; a step wider than the band ends one."""
    joined = gentle[1:] & gentle[:-1] & (np.abs(np.diff(fitted)) <= band)
    begins = np.flatnonzero(gentle & ~np.insert(joined, 0, False))
    ends = np.flatnonzero(gentle & ~np.append(joined, False)) + 1
    return list(zip(begins.tolist(), ends.tolist(), strict=True))


def last_band(pieces: Pieces, begin: int, end: int, band: float) -> int:
    """Where the last part of a stretch begins whose lines stay within the band.

    Lines cut the corner where a curve comes to rest, so blocks before it belong to it as long as
    they lie within half of the band of its level.
    """
    lines = pieces.fitted[begin:end][::-1]
    width = np.maximum.accumulate(lines) - np.minimum.accumulate(lines)
    flat = end - int(np.searchsorted(width, band, side="right"))
    level = pieces.fitted[flat:end].mean()
    while flat > begin and abs(pieces.values[flat - 1] - level) <= 0.5 * band:
        flat -= 1
    return flat
