"""Samples in blocks: what few rows stand for is never made all at once."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Blocks = Iterable[NDArray[np.float64]]

BLOCK = 1 << 18
"""Samples made at a time: a long log of few rows must not fill the memory."""


def held(values: NDArray[np.float64], ends: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yield the samples that rows stand for, at most `BLOCK` at a time, given where each ends."""
    samples = int(ends[-1]) if len(ends) else 0
    for begin in range(0, samples, BLOCK):
        end = min(begin + BLOCK, samples)
        first, last = np.searchsorted(ends, [begin, end - 1], side="right")
        clipped = np.clip(ends[first : last + 1], begin, end)
        yield np.repeat(values[first : last + 1], np.diff(clipped, prepend=begin))


def pieces(blocks: Blocks, cuts: Sequence[int]) -> Blocks:
    """Cut blocks of samples also where a new regime begins."""
    begin = 0
    for block in blocks:
        inside = [cut - begin for cut in cuts if begin < cut < begin + len(block)]
        yield from np.split(block, inside)
        begin += len(block)
