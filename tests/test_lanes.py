"""Long streams: what advances in pieces, or stretch by stretch, gives the numbers of single updates.

The weights are large, so that short streams are long beside the memory of the filters.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plateau import DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector
from plateau import _kernels as k
from plateau._compile import compiled
from plateau._lanes import WIDTH

weights = st.floats(0.2, 0.98)
emas = st.one_of(st.builds(EmaHaar, weights, weights), st.builds(Ema, weights))
haars = st.builds(Haar, st.sampled_from([2, 6, 38, 200, 202]), st.sampled_from([1, 2, 5, 40, 97]))
seeds = st.integers(0, 2**32)
kinds = st.sampled_from(["noise", "walk", "flat", "edge", "burst", "held", "zero", "tiny"])
gaps = st.sampled_from([np.nan, np.inf, -np.inf, 1e200, 1e130])


def stream(kind, seed, n, slope_filter, threshold):
    """A stream of n samples; slopes of the kind "edge" lie at the threshold itself."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=n)
    if kind == "walk":
        xs = xs.cumsum()
    elif kind == "flat":
        xs = 3.0 + 1e-9 * xs
    elif kind == "edge":
        xs = -threshold * np.arange(n) * (1 + 1e-16 * rng.integers(-3, 3, n))
    elif kind == "burst":
        xs[rng.integers(0, n, 3)] = rng.choice([1e12, -1e100, 1e130])
    elif kind == "held":
        xs = np.repeat(xs[: n // 10 + 1], 10)[:n]
    elif kind == "zero":
        xs[n // 5 :] = xs[0]
    elif kind == "tiny":
        xs *= 1e-300
    return xs


def one_by_one(detector, xs):
    """What `update_many` should return."""
    return [i for i, x in enumerate(xs) if detector.update(x)]


@settings(max_examples=30)
@given(st.data(), emas, kinds, seeds, st.integers(1, 12_000), st.integers(0, 3000))
def test_pieces_fire_where_single_updates_do(data, slope_filter, kind, seed, n, head):
    threshold = data.draw(st.sampled_from([1e-12, 1e-3, 0.05, 0.3, 1e6]))
    mode = data.draw(st.sampled_from(["min", "max", "both"]))
    patience = data.draw(st.sampled_from([k.PATIENT, 400, 2000, 10**6]))
    xs = stream(kind, seed, head + n, slope_filter, threshold)
    for i in data.draw(st.lists(st.integers(0, head + n - 1), max_size=2)):
        xs[i] = data.draw(gaps)
    single = ThresholdDetector(slope_filter, threshold, patience, mode=mode)
    single.update_many(xs[:head])
    pieces = single.clone()
    assert pieces.update_many(xs[head:]).tolist() == one_by_one(single, xs[head:])
    assert pieces.to_bytes() == single.to_bytes()
