"""How the axes of a picture are laid out, in the terminal, on a page and in a file."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plateau.logs.model import Run

DECADES = 2.0
"""A metric that spans more decades than this is drawn on a logarithmic scale."""


LARGEST = 1e300
"""What is drawn; the difference of larger numbers is none, and charts are made of differences."""


def drawable(run: Run) -> Run:
    """Return a run that can be drawn: what is too large is at the edge."""
    x, values = (np.clip(each, -LARGEST, LARGEST) for each in (run.x, run.values))
    return replace(run, x=x, values=np.where(np.isfinite(run.values), values, run.values))


def rate_ticks(lr: NDArray[np.float64], parts: int, *, log: bool) -> list[float]:
    """Choose learning rates to name beside an axis: some that the run had, well apart.

    Parameters
    ----------
    lr : numpy.ndarray, shape (n,)
        Of each row; NaN where it is not known.
    parts : int
        They are at least the range over so many apart, so that there may be one more of them.
    log : bool
        Whether the axis is logarithmic.

    Returns
    -------
    list of float
        The largest first.
    """
    rates = np.unique(lr[np.isfinite(lr)])[::-1]
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
