"""Peers. Each is imported where it is made, so that one that is not installed stops no other.

They do not compute the same: ADWIN, Page-Hinkley, KSWIN and FOCuS look for a change of the
distribution, FLOSS for one of the shapes, ReduceLROnPlateau counts samples since the best one.
river's DDM, EDDM and HDDM take errors of a classifier, 0 or 1, no stream of real numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from .timing import Candidate, fed


def adwin():
    from river.drift import ADWIN

    return ADWIN().update


def page_hinkley():
    from river.drift import PageHinkley

    return PageHinkley().update


def kswin(window=100):
    from river.drift import KSWIN

    update = KSWIN(window_size=window, stat_size=min(30, window // 2), seed=0).update
    for x in np.random.default_rng(1).normal(size=window).tolist():  # until then it costs nothing
        update(x)
    return update


def focus():
    """FOCuS for a change of a normal mean; its statistic is asked for after each sample."""
    from focus_cpt import Detector

    detector = Detector(type="univariate")

    def update(x):
        detector.update(x)
        return detector.get_statistics(family="gaussian")

    return update


@cache
def floss(window=1_000, part=50):
    """FLOSS; a stream goes on from round to round, as beginning one takes seconds."""
    from stumpy import floss

    xs = np.random.default_rng(1).normal(size=window)
    # Few draws: what it compares with makes no difference to the time of an update.
    fewer = {"n_iter": 10, "n_samples": 10}
    return floss(matrix_profile(xs, part), xs, m=part, L=part, excl_factor=1, **fewer).update


def matrix_profile(xs, part):
    """Nearest neighbours of all parts, left of them and right of them, as stumpy.stump gives them.

    That would compile for two minutes.
    """
    parts = np.lib.stride_tricks.sliding_window_view(xs, part)
    parts = (parts - parts.mean(1, keepdims=True)) / parts.std(1, keepdims=True)
    distance = np.sqrt(np.maximum(0, 2 * (part - parts @ parts.T)))
    place = np.arange(len(parts))
    apart = place[:, None] - place
    profile = np.empty((len(parts), 4), object)
    profile[:, 1] = nearest(distance, abs(apart) > part // 4)
    profile[:, 0] = distance[place, profile[:, 1].astype(int)]
    profile[:, 2] = nearest(distance, apart > part // 4)
    profile[:, 3] = nearest(distance, -apart > part // 4)
    return profile


def nearest(distance, allowed):
    """Place of the least distance in each row among those allowed; -1 where there is none."""
    among = np.where(allowed, distance, np.inf)
    return np.where(allowed.any(1), among.argmin(1), -1)


def optimizer():
    import torch

    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def reduce_on_plateau():
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    return ReduceLROnPlateau(optimizer()).step


@dataclass(frozen=True)
class Peer:
    """A detector of another package, fed sample by sample."""

    package: str
    make: Callable
    share: int = 1
    """A slow one is given only one of so many samples, in one of ten rounds."""


ADWIN, PAGE_HINKLEY = "river ADWIN", "river PageHinkley"
REDUCE = "torch ReduceLROnPlateau"
DETECTORS = {
    ADWIN: Peer("river", adwin),
    PAGE_HINKLEY: Peer("river", page_hinkley),
    "river KSWIN": Peer("river", kswin, share=100),
    REDUCE: Peer("torch", reduce_on_plateau),
    "focus-cpt": Peer("focus_cpt", focus, share=10),
    "stumpy FLOSS, window 1,000": Peer("stumpy", floss, share=10_000),
}


def candidates(xs):
    """All of them, on the beginning of a stream."""
    found = []
    for name, peer in DETECTORS.items():
        some = xs[: max(1, len(xs) // peer.share)]
        prepare = partial(begun, peer.make, some)
        every = 1 if peer.share == 1 else 10
        found.append(Candidate(name, len(some), prepare, peer.package, every))
    return found


def begun(make, xs):
    return fed(make(), xs)


def lfilter(xs):
    """The transfer function of `EmaHaar`, hence the same slopes."""
    from scipy.signal import lfilter

    return lambda: lfilter(*transfer(), xs)


def lfilter_in_chunks():
    """The same, which carries its state from chunk to chunk."""
    from scipy.signal import lfilter

    (b, a), state = transfer(), np.zeros(2)

    def take(chunk):
        nonlocal state
        _, state = lfilter(b, a, chunk, zi=state)

    return take


def transfer(alpha=1e-3, beta=1e-3):
    """Numerator and denominator of the transfer function of `EmaHaar`."""
    return [alpha * beta, -alpha * beta], np.convolve([1, alpha - 1], [1, beta - 1])


def polars_ewm(xs):
    import polars as pl

    series = pl.Series(xs)
    return lambda: series.ewm_mean(alpha=1e-3, adjust=False)


def pandas_ewm(xs):
    import pandas as pd

    window = pd.Series(xs).ewm(alpha=1e-3, adjust=False)
    return window.mean


def bottleneck_mean(xs):
    import bottleneck

    return lambda: bottleneck.move_mean(xs, min(4000, len(xs)))


def numbagg_mean(xs):
    import numbagg

    return lambda: numbagg.move_mean(xs, window=min(4000, len(xs)))


def numbagg_ewm(xs):
    import numbagg

    return lambda: numbagg.move_exp_nanmean(xs, alpha=1e-3)


LFILTER, POLARS = "scipy lfilter, the same as EmaHaar", "polars ewm_mean, one EMA"
RESPONSES = {
    LFILTER: ("scipy", lfilter),
    POLARS: ("polars", polars_ewm),
    "pandas ewm, one EMA": ("pandas", pandas_ewm),
    "numbagg move_exp_nanmean, one EMA": ("numbagg", numbagg_ewm),
    "bottleneck move_mean(4000), one mean": ("bottleneck", bottleneck_mean),
    "numbagg move_mean(4000), one mean": ("numbagg", numbagg_mean),
}
"""What filters a whole stream: the package, and what makes the call."""
