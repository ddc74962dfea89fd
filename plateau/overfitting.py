"""Whether a held-out metric got worse again while the training went on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plateau._samples import LIMIT
from plateau.base import SIGNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.model import Run

    Array = NDArray[np.float64]

FEWEST = 8
"""Least number of values of either metric: fewer say nothing."""

AFTER = 3
"""Values of the held-out metric behind its best one, at least."""

SURE = 4.0
"""Standard errors by which it must have got worse since, and the training better."""

SHARE = 0.05
"""Of the range that the held-out metric covered, by which it must have got worse."""


class Turn(NamedTuple):
    """Where a held-out metric was at its best, and what came of it."""

    row: int
    """Row of the held-out run."""
    x: float
    best: float
    """Mean about that row."""
    last: float
    """Mean at the end."""


def turn_of(run: Run) -> Turn | None:
    """Find where a run began to learn its training data only; None where it did not.

    Parameters
    ----------
    run : Run
        Of the training metric; its `held_out` is the one that may have turned.

    Returns
    -------
    Turn or None
        None also where there is no held-out metric, or no better direction.
    """
    other = run.held_out
    if other is None or run.mode == "both":
        return None
    sign = -SIGNS[run.mode]  # so that less is better
    rows = np.flatnonzero(np.abs(other.values) <= LIMIT)
    values = sign * other.values[rows]
    if len(values) < FEWEST:
        return None
    levels = _smoothed(values)
    best = int(levels.argmin())
    after = len(values) - 1 - best
    if after < AFTER:
        return None
    near, end = values[max(best - 1, 0) : best + 2], values[-max(AFTER, after // 3) :]
    worse = float(end.mean() - near.mean())
    if not _is_sure(worse, values, near, end) or worse < SHARE * float(np.ptp(levels)):
        return None
    row = int(rows[best])
    if not _went_on(run, float(other.x[row]), sign):
        return None
    return Turn(row, float(other.x[row]), sign * float(near.mean()), sign * float(end.mean()))


def _went_on(run: Run, x: float, sign: float) -> bool:
    """Whether the training metric got better from a place to the end."""
    rows = np.flatnonzero(np.abs(run.values) <= LIMIT)
    values, at = sign * run.values[rows], int(np.searchsorted(run.x[rows], x))
    part = max((len(values) - at) // 4, 1)
    then, now = values[max(at - part, 0) : at + 1], values[-part:]
    return len(values) >= FEWEST and _is_sure(float(then.mean() - now.mean()), values, then, now)


def _smoothed(values: Array) -> Array:
    """Return the median of each three: one lucky value is no best one."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray(np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0))


def _is_sure(change: float, values: Array, *parts: Array) -> bool:
    """Whether means of parts differ by more than the noise of the whole explains."""
    noise = 1.05 * float(np.median(np.abs(np.diff(values))))  # of a normal distribution
    return bool(change > SURE * noise * sum(1 / len(part) for part in parts) ** 0.5)
