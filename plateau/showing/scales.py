"""How the axes of a picture are laid out, in the terminal, on a page and in a file."""

import math
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from plateau._scale import AUTO, by_logarithm
from plateau.durations import MILLISECONDS
from plateau.hindsight import BLOCKS, FEWEST, blocks_of, in_units
from plateau.logs.model import Run

Floats = NDArray[np.float64]

RATE_DECADES = 0.9
"""A learning rate that spans more is drawn on a logarithmic scale: a tenth is enough."""

STEPS = (1.0, 2.0, 5.0)
"""Round numbers are these, times powers of ten."""

LARGEST = 1e300
"""What is drawn; the difference of larger numbers is none, and charts are made of differences."""


def drawable(run: Run) -> Run:
    """Return a run that can be drawn: what is too large is at the edge."""
    x, values = (np.clip(each, -LARGEST, LARGEST) for each in (run.x, run.values))
    return replace(run, x=x, values=np.where(np.isfinite(run.values), values, run.values))


def shown_x(run: Run) -> Floats:
    """Return x as an axis has it: a time in milliseconds since 1970 by the clocks of this place."""
    if not run.clock or not len(run.x):
        return run.x
    seconds = run.x / 1000 if abs(run.x[0]) > MILLISECONDS else run.x
    here = datetime.fromtimestamp(float(seconds[0])).astimezone().utcoffset() or timedelta()
    return np.asarray(1000 * (seconds + here.total_seconds()))


def positive(values: Floats) -> bool:
    """Whether a logarithmic scale can show the finite ones of some values."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0)


def is_log(run: Run) -> bool:
    """Whether a logarithmic scale shows a run better.

    It is the scale by which the detector judges, see `plateau._scale`: what falls by decades is
    drawn so. What gets better as it grows, as an accuracy does, never is.
    """
    if run.mode == "max" or not positive(run.values):
        return False
    finite = run.values[np.isfinite(run.values)]
    if len(finite) < FEWEST:
        return False
    levels, _ = blocks_of(in_units(finite), -(-len(finite) // BLOCKS))
    return by_logarithm(levels, AUTO)


def rate_is_log(lr: Floats) -> bool:
    """Whether a logarithmic scale shows a learning rate better."""
    finite = lr[np.isfinite(lr)]
    return positive(lr) and bool(np.ptp(np.log10(finite)) > RATE_DECADES)


def rate_ticks(lr: Floats, parts: int, *, log: bool) -> list[float]:
    """Choose learning rates to name beside an axis.

    Of a rate that moves in a few steps they are those that it had, else round ones.

    Parameters
    ----------
    lr : numpy.ndarray, shape (n,)
        Of each row; NaN where it is not known.
    parts : int
        There may be one more of them.
    log : bool
        Whether the axis is logarithmic.

    Returns
    -------
    list of float
        The largest first.
    """
    rates = np.unique(lr[np.isfinite(lr)])
    if len(rates) <= parts:
        return _apart(rates[::-1], parts, log=log)
    low, high = float(rates[0]), float(rates[-1])
    round_ones = round_powers(low, high, parts) if log else round_numbers(low, high, parts)
    return round_ones[::-1]


def round_numbers(low: float, high: float, parts: int) -> list[float]:
    """Return round numbers in a range above 0, evenly apart, in order; at most one per part."""
    least = (high - low) / parts
    power = 10.0 ** math.floor(math.log10(least))
    step = next(s * power for s in (*STEPS, 10.0, 20.0) if s * power >= least)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def round_powers(low: float, high: float, parts: int) -> list[float]:
    """Return round numbers in a range above 0 for a logarithmic axis, in order."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in (STEPS, STEPS[:1]):
        ticks = [float(f"{s}e{i}") for i in range(first, last + 1) for s in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= parts + 1:
            return inside if len(inside) > 1 else round_numbers(low, high, parts)
    return inside[:: -(-len(inside) // (parts + 1))]


def _apart(rates: Floats, parts: int, *, log: bool) -> list[float]:
    """Leave out rates that are closer than the range over so many parts; keep both ends."""
    if not len(rates):
        return []
    places = -(np.log10(rates) if log else rates)
    apart = np.ptp(places) / parts * (1 - 1e-9)  # as rates of even steps are, but for rounding
    chosen = [0]
    while chosen[-1] < len(rates) - 1:
        following = int(np.searchsorted(places, places[chosen[-1]] + apart))
        # The smallest is one of them: no other may be too close to it.
        close = following >= len(rates) or places[-1] - places[following] < apart
        chosen.append(len(rates) - 1 if close else max(following, chosen[-1] + 1))
    return [float(rates[i]) for i in chosen]
