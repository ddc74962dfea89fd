"""How high the axis of a curve has to be: spikes leave it, what matters is seen."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 128
"""Blocks of rows into which a curve is cut; a spike is judged beside its own and the next ones."""

FEWEST = 8
"""Rows of a block at least."""

BEYOND = 15.0
"""A spike is so many times as far from the medians around it as half of the rows are."""

SHARE = 0.5
"""Spikes are cut off where they take more than this share of the height."""

ROOM = 0.05
"""Room above and below what is to be seen, as a share of it."""

Range = tuple[float, float]


def heights(values: Floats, *, log: bool = False) -> Range | None:
    """Return the lowest and the highest of the values that are no spikes.

    A spike stands out from what lies on both sides of it, which the begin of a descent and a step
    do not.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        The curve; what is not finite is not seen.
    log : bool
        Whether it is drawn on a logarithmic scale.

    Returns
    -------
    (float, float) or None
        In units of the values; None where all are to be seen.
    """
    finite = values[np.isfinite(values)]
    if len(finite) < 3 * FEWEST:
        return None
    seen = np.log10(finite) if log else finite
    kept = ~_spikes(seen)
    low, high = float(seen[kept].min()), float(seen[kept].max())
    if high == low or high - low >= (1 - SHARE) * float(np.ptp(seen)):
        return None
    return (10.0**low, 10.0**high) if log else (low, high)


def with_room(seen: Range, *, log: bool = False) -> Range:
    """Return a range with some room on both sides."""
    low, high = np.log10(seen) if log else seen
    room = ROOM * (high - low)
    edges = float(low - room), float(high + room)
    return (10.0 ** edges[0], 10.0 ** edges[1]) if log else edges


def _spikes(values: Floats) -> NDArray[np.bool_]:
    """Tell which values are spikes."""
    size = max(FEWEST, -(-len(values) // BLOCKS))
    edges = np.arange(0, len(values), size)
    parts = np.split(values, edges[1:])
    medians = np.array([np.median(part) for part in parts])
    spreads = np.array(
        [np.median(np.abs(part - m)) for part, m in zip(parts, medians, strict=True)]
    )
    # Blocks beside it, and the first value: a curve begins where it likes.
    around = np.vstack(
        [np.append(values[0], medians[:-1]), medians, np.append(medians[1:], medians[-1])]
    )
    beside = np.vstack([np.append(0.0, spreads[:-1]), spreads, np.append(spreads[1:], 0.0)])
    far = BEYOND * beside.max(axis=0)
    low, high = around.min(axis=0) - far, around.max(axis=0) + far
    block = np.arange(len(values)) // size
    return np.asarray((values < low[block]) | (values > high[block]))
