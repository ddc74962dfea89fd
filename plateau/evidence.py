"""Evidence that streams have shifted, in one look at many: e-values, and which of them to believe.

An e-value is a number that is at most 1 on average where nothing has happened. Of many of them,
however they depend on each other, those that `e_bh` chooses are false discoveries at no more than a
given rate (Wang and Ramdas, J. R. Stat. Soc. B 84, 2022). That is so for one look. A stream that is
looked at again and again has another e-value each time, and over unlimited time no rule controls
the rate of false discoveries but by spending it (Dandapanthula and Ramdas, arXiv 2501.04130): a
bank of streams that goes on has its budget of alarms instead.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._arguments import number
from plateau._pyramid import RANKED, RATE, REFERENCE
from plateau._samples import as_samples

BOTH = 2.0
"""Directions that are looked at."""


def e_value(blocks: ArrayLike) -> float:
    """Return the evidence that the values of a series have shifted at some time.

    Each value is ranked among those before it. If they are exchangeable, whatever their
    distribution, the ranks w are independent and uniform, and exp(θ(±w - 1)) is at most 1 on
    average; so is the mean of the products along all stretches, since nobody knows where a shift
    began and how long it lasted, and over both directions.

    Parameters
    ----------
    blocks : array_like, shape (n,)
        The values in order: samples if they do not follow each other, else means of blocks so
        long that they do not. One that is not finite is left out.

    Returns
    -------
    float
        At most 1 on average if nothing has shifted; 1 of too few values.

    Examples
    --------
    >>> import numpy as np
    >>> from plateau.evidence import e_value
    >>> noise = np.random.default_rng(0).normal(size=200)
    >>> e_value(noise) < 2, e_value(noise + 2.0 * (np.arange(200) >= 150)) > 1e6
    (True, True)
    """
    values = as_samples(blocks)
    values = values[np.isfinite(values)]
    scores = _scores(values)
    if not len(scores):
        return 1.0
    down, up = (_mixture(RATE * (sign * scores - REFERENCE)) for sign in (-1.0, 1.0))
    with np.errstate(over="ignore"):
        return float(np.exp(np.logaddexp(down, up)) / BOTH)


def e_bh(e_values: ArrayLike, rate: float = 0.05) -> NDArray[np.bool_]:
    """Choose those of many e-values that are discoveries.

    Parameters
    ----------
    e_values : array_like, shape (m,)
        Of as many streams, which may depend on each other in any way.
    rate : float, default 0.05
        Share of the discoveries that may be false, on average; above 0 and below 1.

    Returns
    -------
    numpy.ndarray of bool, shape (m,)
        The discoveries: the k largest, where k is the largest number of which each is at least
        m / (k · rate).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as said above.

    Examples
    --------
    >>> from plateau.evidence import e_bh
    >>> e_bh([0.5, 90.0, 1.2, 60.0]).tolist()
    [False, True, False, True]
    """
    alpha = number("rate", rate)
    if not 0 < alpha < 1:
        raise ValueError(f"rate must be above 0 and below 1, not {rate}")
    values = np.asarray(e_values, dtype=np.float64)
    if values.ndim != 1 or not (values >= 0).all():
        raise ValueError("e-values must be a series of numbers of at least 0")
    order = np.argsort(-values, kind="stable")
    counts = np.arange(1, len(values) + 1)
    enough = np.flatnonzero(counts * alpha * values[order] >= len(values))
    chosen = np.zeros(len(values), dtype=np.bool_)
    if len(enough):
        chosen[order[: enough[-1] + 1]] = True
    return chosen


def _scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank each value among those before it, with mean 0 and variance 1 at most."""
    scores = []
    for others in range(RANKED, len(values)):
        before = values[:others]
        twice = 2.0 * (before < values[others]).sum() + (before == values[others]).sum()
        # Of n ranks that are equally likely; ties only bring them nearer to their middle.
        scores.append((twice - others) / np.sqrt(others * (others + 2.0) / 3.0))
    return np.array(scores)


def _mixture(steps: NDArray[np.float64]) -> float:
    """Logarithm of the mean, over all stretches, of the product along each."""
    whole, ending = -np.inf, -np.inf  # of all so far, and of those that end here
    for step in steps.tolist():
        ending = np.logaddexp(ending, 0.0) + step
        whole = np.logaddexp(whole, ending)
    count = len(steps)
    return float(whole - np.log(0.5 * count * (count + 1.0)))
