"""The level of a finished series, as a picture shows it."""

import numpy as np
from numpy.typing import NDArray

from plateau._pieces import straight
from plateau._samples import LIMIT
from plateau.hindsight import BLOCKS, FEWEST, blocks_of, range_of

Floats = NDArray[np.float64]

NEAR = 3.0
"""Standard deviations of the blocks' noise by which a line may pass them."""


def level_of(values: Floats, *, log: bool = False) -> Floats:
    """Return the lines that hindsight fits to a series, at each of its rows.

    A detector's level is an average of what came before and so trails above a descent. These lines
    know both sides.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        The series; rows that are not finite have no level.
    log : bool
        Whether it is drawn on a logarithmic scale, where straight lines are others.

    Returns
    -------
    numpy.ndarray, shape (n,)
        NaN where there is none.
    """
    level = np.full(len(values), np.nan)
    rows = np.flatnonzero(np.abs(values) <= LIMIT)
    known = np.log10(values[rows]) if log else values[rows]
    if len(known) < FEWEST:
        level[rows] = values[rows]
        return level
    exponent = int(np.frexp(np.abs(known).max())[1])  # no square of what is about 1 is infinite
    fitted = np.ldexp(_fitted(np.ldexp(known, -exponent)), exponent)
    level[rows] = 10.0**fitted if log else fitted
    return level


def _fitted(values: Floats) -> Floats:
    size = -(-len(values) // BLOCKS)
    levels, within = blocks_of(values, size)
    whole = range_of(values, levels)
    if whole == 0.0:
        return values
    pieces = straight(levels, whole, within)
    centres = size * np.arange(len(levels)) + 0.5 * (size - 1)
    # Where a curve bends, a line cuts its corner: there the level follows the blocks.
    beside = NEAR * pieces.noise
    line = np.clip(pieces.fitted, pieces.values - beside, pieces.values + beside)
    return np.interp(np.arange(len(values)), centres, line)
