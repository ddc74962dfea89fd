"""What is drawn of a run: few enough points to be quick, and no spike lost."""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from tsdownsample import MinMaxDownsampler, MinMaxLTTBDownsampler

from plateau.logs.model import Run
from plateau.offline import RunScan
from plateau.showing.heights import heights
from plateau.showing.levels import level_of
from plateau.showing.scales import (
    drawable,
    is_log,
    positive,
    rate_is_log,
    rate_ticks,
    shown_x,
)

LEVEL_POINTS = 1000
"""Points of the level, which is smooth."""

MARKS = 200
"""Places along the bottom that can be marked as not finite."""

RATE_PARTS = 4
"""Parts of the low panel of the learning rate; a rate is named in each and at the end."""

Floats = NDArray[np.float64]
Curve = dict[str, list[float]]


def drawn(values: Floats, points: int) -> NDArray[np.int64]:
    """Choose which of some finite values to draw.

    Half of them keep the shape (MinMaxLTTB), half are the smallest and the largest of each
    stretch: MinMaxLTTB alone keeps one point of a stretch and loses the second of two spikes.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
        In the order in which they are drawn.
    points : int
        How many to draw at most, a multiple of 4.

    Returns
    -------
    numpy.ndarray of int64
        Indices in order; all if there are no more than `points`.
    """
    if len(values) <= points:
        return np.arange(len(values))
    # By position and not by x, where a gap would take the points of what lies around it.
    shape = MinMaxLTTBDownsampler().downsample(values, n_out=points // 2)
    extremes = MinMaxDownsampler().downsample(values, n_out=points // 2)
    return np.union1d(shape, extremes).astype(np.int64)


def chart(found: RunScan, points: int) -> dict[str, Any]:
    """Return what the page's script needs to draw a run, as plain data for JSON."""
    run = drawable(found.run)
    x = shown_x(run)
    log = is_log(run)
    rate_log = run.lr is not None and rate_is_log(run.lr)
    return {
        "xName": run.x_name,
        "clock": run.clock,
        "lrName": run.lr_name,
        "positive": positive(run.values),
        "log": log,
        "heights": heights(run.values, log=log),
        "curve": _curve(x, run.values, points),
        "level": _curve(x, level_of(run.values, log=log), LEVEL_POINTS),
        "heldOut": _held_out(run, points),
        "lr": None if run.lr is None else _steps(x, run.lr, points),
        "lrLog": rate_log,
        "lrTicks": [] if run.lr is None else rate_ticks(run.lr, RATE_PARTS, log=rate_log),
        "plateaus": spans(found),
        "notFinite": _marks(x, ~np.isfinite(run.values)),
    }


Span = TypedDict("Span", {"from": float, "known": float | None, "to": float, "kind": str})
"""Where in x a plateau begins, is known while it goes on, and ends; and its kind."""


def spans(found: RunScan) -> list[Span]:
    """Return where in x each plateau begins, is known and ends."""
    x = shown_x(drawable(found.run)).tolist()
    return [
        {
            "from": x[p.start],
            "known": None if p.declared is None else x[p.declared],
            "to": x[min(p.stop, len(x) - 1)],
            "kind": p.kind,
        }
        for p in found.plateaus
    ]


def _curve(x: Floats, values: Floats, points: int) -> Curve:
    finite = np.flatnonzero(np.isfinite(values))
    rows = finite[drawn(np.ascontiguousarray(values[finite]), points)]
    return _plain(x[rows], values[rows])


def _held_out(run: Run, points: int) -> Curve | None:
    if run.held_out is None:
        return None
    other = drawable(run.held_out)
    return _curve(shown_x(other), other.values, points)


def _steps(x: Floats, lr: Floats, points: int) -> Curve:
    """Leave out the rows within a step: a line goes straight on from the one before."""
    rows = np.flatnonzero(np.isfinite(lr))
    if not len(rows):
        return _plain(rows, rows)
    changes = rows[1:][np.diff(lr[rows]) != 0]
    kept = np.unique(np.concatenate([rows[:1], changes, rows[-1:]]))
    kept = kept[drawn(lr[kept], points)]
    return _plain(x[kept], lr[kept])


def _plain(x: NDArray[Any], y: NDArray[Any]) -> Curve:
    """Return lists of numbers with as many digits as can be seen."""
    return {
        "x": [int(v) if v.is_integer() else v for v in x.astype(float).tolist()],
        "y": [float(f"{v:.7g}") for v in y.tolist()],
    }


def _marks(x: Floats, bad: NDArray[np.bool_]) -> list[list[float]]:
    """Return the stretches of x in which rows are not finite, as finely as can be seen."""
    if not bad.any():
        return []
    width = float(x[-1] - x[0]) / MARKS or 1.0
    cells = np.unique(((x[bad] - x[0]) / width).astype(int).clip(0, MARKS - 1))
    parts = np.split(cells, np.flatnonzero(np.diff(cells) > 1) + 1)
    edge = float(x[0])
    return [[edge + int(part[0]) * width, edge + int(part[-1] + 1) * width] for part in parts]
