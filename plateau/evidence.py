"""Evidence that streams have shifted, in one look at many: e-values, and which of them to believe.

An e-value is a number that is at most 1 on average where nothing has happened. Of many of them,
however they depend on each other, those that `e_bh` chooses are false discoveries at no more than a
given rate (Wang and Ramdas, J. R. Stat. Soc. B 84, 2022). That is so for one look. A stream that is
looked at again and again has another e-value each time, and over unlimited time no rule controls
the rate of false discoveries but by spending it (Dandapanthula and Ramdas, arXiv 2501.04130): a
bank of streams that goes on has its budget of alarms instead.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._arguments import number
from plateau._pyramid import RANKED, RATE, REFERENCE
from plateau._samples import LIMIT, as_samples

BLOCKS = 256
"""Blocks that are made of a series at most: they show a shift to 1/256 of it."""

APART = 8
"""Blocks that lie up to so far apart are compared, to see whether neighbours are alike."""

ALIKE = 1.2
"""How many times the square of a typical difference may then be that of neighbours, beside what
chance makes of it."""


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
    scores = _scores(values[np.isfinite(values)])
    if not len(scores):
        return 1.0
    down, up = (_mixture(RATE * (sign * scores - REFERENCE)) for sign in (-1.0, 1.0))
    with np.errstate(over="ignore"):
        return float(np.exp(np.logaddexp(down, up)) / 2.0)  # both directions count alike


def independent_blocks(samples: ArrayLike) -> NDArray[np.float64]:
    """Return means of blocks of a series that hardly follow each other, for `e_value`.

    Blocks are as short as can be: typical differences between neighbours, squared, must be about
    those between blocks farther apart. Medians are compared, so a few shifts do not make them
    longer; where samples drift to and fro all along, they become long and few.

    Parameters
    ----------
    samples : array_like, shape (n,)
        The series. Samples that a detector would skip are left out.

    Returns
    -------
    numpy.ndarray, shape (blocks,)
        At most 256 means; the last block ends with the series.

    Examples
    --------
    >>> import numpy as np
    >>> from plateau.evidence import e_value, independent_blocks
    >>> noise = np.random.default_rng(0).normal(size=20_000)
    >>> slow = np.convolve(noise, np.ones(50), "valid")  # each shares samples with 49 others
    >>> len(independent_blocks(noise)), len(independent_blocks(slow))
    (253, 127)
    >>> e_value(slow[::80]) > 20, e_value(independent_blocks(slow)) > 20
    (False, False)
    """
    values = as_samples(samples)
    values = values[np.abs(values) <= LIMIT]
    size = max(-(-len(values) // BLOCKS), 1)
    while True:
        count = len(values) // size
        blocks: NDArray[np.float64] = (
            values[len(values) - count * size :].reshape(count, size).mean(axis=1)
        )
        if count <= RANKED or not _follow(blocks):
            return blocks
        size *= 2


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


def _follow(blocks: NDArray[np.float64]) -> bool:
    """Whether neighbours are more alike than blocks that lie farther apart."""
    count = len(blocks)
    farthest = max(min(count // APART, APART), 2)
    lags = range(max(farthest // 2, 2), farthest + 1)
    near = float(np.median(np.abs(np.diff(blocks))))
    far = float(np.median(np.concatenate([np.abs(blocks[k:] - blocks[:-k]) for k in lags])))
    return far > near * math.sqrt(ALIKE + 1.0 / math.sqrt(count))


def _scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank each value among those before it, with mean 0 and variance 1 at most."""
    less, equal = _before(np.unique(values, return_inverse=True)[1])
    others = np.arange(len(values))
    # Of n ranks that are equally likely; ties only bring them nearer to their middle.
    twice = (2 * less + equal - others)[RANKED:]
    spread: NDArray[np.float64] = np.sqrt(others * (others + 2.0) / 3.0)[RANKED:]
    return twice / spread


def _before(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count for each number those before it that are less, and those that are equal.

    Bit by bit from the highest: a number is more than another if they agree in the bits above one
    that only it has.
    """
    less, equal = np.zeros_like(codes), np.zeros_like(codes)
    order = np.arange(len(codes))  # by the bits above, then by place
    for bit in reversed(range(int(codes.max(initial=0)).bit_length())):
        bits = codes[order] >> bit
        zeros = np.concatenate([[0], np.cumsum(1 - (bits & 1))])
        begin = np.searchsorted(bits >> 1, bits >> 1)  # of those that agree
        less[order] += (bits & 1) * (zeros[:-1] - zeros[begin])
        order = order[np.argsort(bits, kind="stable")]
    ordered = codes[order]
    equal[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered)
    return less, equal


def _mixture(steps: NDArray[np.float64]) -> float:
    """Logarithm of the mean, over all stretches, of the product along each."""
    sums = np.cumsum(steps)
    # A product is exp(sum to its end - sum before its beginning).
    begun = np.logaddexp.accumulate(np.concatenate([[0.0], -sums[:-1]]))
    count = len(steps)
    return float(np.logaddexp.reduce(sums + begun) - np.log(0.5 * count * (count + 1.0)))
