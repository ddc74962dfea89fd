"""How much is measured, and on what."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """How much work the groups do."""

    updates: int = 10_000
    run: int = 100_000  # steps of a training run
    batch: int = 10_000_000  # more than caches hold
    walked: int = 20_000  # samples of a batch for peers that only take one at a time
    streams: int = 1_024
    rows: int = 8_192  # samples of each stream of a bank
    many: int = 1_000_000
    windows: tuple[int, ...] = (10, 100, 1_000, 10_000, 100_000)
    ages: tuple[int, ...] = (10**3, 10**4, 10**5, 10**6, 10**7, 10**8)
    banks: tuple[int, ...] = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
    seconds: float = 4.0  # for each group
    rounds: int | None = None  # at most


SMALL = Sizes(100, 200, 5_000, 50, 70, 20, 2_000, (10, 100), (10**3, 10**4), (1, 100), rounds=1)
"""To see that everything runs; the times mean nothing."""


def at_rest(n):
    """Noise about 0."""
    return np.random.default_rng(0).normal(size=n)


def training_loss(n):
    """Loss of a run that learns ever slower: much of it is near a threshold of 5e-5 a sample."""
    falling = 8 * np.exp(-np.linspace(0, 8, n))
    return 2 + falling + 0.3 * at_rest(n)


def wandering(n):
    """Random walk: correlated over many lags, all of which the calibrated detector sums."""
    return at_rest(n).cumsum()
