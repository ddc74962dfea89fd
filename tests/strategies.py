"""Streams and detectors for property tests."""

import numpy as np
from hypothesis import strategies as st

from plateau import Detector, Ema, EmaHaar, Haar, ThresholdDetector

SCALES = [10.0**k for k in range(-9, 13, 3)]


@st.composite
def streams(draw, min_size=0, max_size=120, scales=SCALES):
    """Constant, ramp, step, alternating, spiky, noisy and arbitrary streams over many scales."""
    n = draw(st.integers(min_size, max_size))
    scale = draw(st.sampled_from(scales))
    kind = draw(
        st.sampled_from(
            ["constant", "ramp", "step", "alternating", "spiky", "noisy", "any", "mixed", "curve"]
        )
    )
    t = np.arange(n)
    level = draw(st.floats(-10, 10))
    if kind == "constant":
        xs = np.full(n, level)
    elif kind == "ramp":
        xs = level + draw(st.floats(-1, 1)) * t
    elif kind == "step":
        xs = level + (t >= draw(st.integers(0, max(n, 1)))) * draw(st.floats(-10, 10))
    elif kind == "alternating":
        xs = level * (-1.0) ** t
    elif kind == "spiky":
        xs = np.full(n, level)
        for i in draw(st.lists(st.integers(0, max(n - 1, 0)), max_size=4)):
            xs[i : i + 1] = draw(st.sampled_from([1e3, -1e6, 1e12]))
    elif kind == "noisy":  # long enough for blocks to be merged and plateaus to come and go
        n *= draw(st.sampled_from([1, 4, 16]))
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        shifts = np.cumsum(rng.random(n) < draw(st.sampled_from([0.0, 0.002, 0.02])))
        xs = level + rng.normal(size=n) + 5.0 * rng.normal(size=n + 1)[shifts]
        if draw(st.booleans()):
            xs = np.round(xs / 4) * 4  # so coarse that some blocks are constant
    elif kind == "curve":  # that comes to rest
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        noise = draw(st.sampled_from([0.0, 0.003, 0.1])) * rng.normal(size=n)
        xs = 10 * np.exp(-t / draw(st.sampled_from([2.0, 8.0, 30.0]))) + noise
    elif kind == "mixed":
        exponents = draw(st.lists(st.integers(-12, 12), min_size=n, max_size=n))
        xs = level * 10.0 ** np.array(exponents, float).reshape(n)
    else:
        xs = np.array(draw(st.lists(st.floats(-10, 10), min_size=n, max_size=n)), float)
    xs = xs * scale
    xs[np.abs(xs) < 1e-140] = 0.0  # the squares of smaller numbers lose digits
    return xs


def with_gaps(stream):
    """The stream with some samples replaced by NaN and infinities."""
    bad = st.sampled_from([np.nan, np.inf, -np.inf, 1e200])

    @st.composite
    def gaps(draw):
        xs = draw(stream).copy()
        for i in draw(st.lists(st.integers(0, max(len(xs) - 1, 0)), max_size=5)):
            xs[i : i + 1] = draw(bad)
        return xs

    return gaps()


windows = st.integers(1, 12).map(lambda half: 2 * half)
weights = st.floats(0.02, 1.0)
filters = st.one_of(
    st.builds(Haar, windows, st.integers(1, 12)),
    st.builds(EmaHaar, weights, weights),
    st.builds(Ema, weights),
)
thresholds = st.sampled_from([1e-12, 1e-3, 0.1, 1.0, 1e6])
modes = st.sampled_from(["min", "max", "both"])
threshold_detectors = st.builds(
    ThresholdDetector, filters, thresholds, st.integers(0, 20), mode=modes
)
calibrated_detectors = st.builds(
    Detector,
    modes,
    horizon=st.sampled_from([None, 8, 60, 600]),
    min_change=st.sampled_from([0.0, 0.05, 0.3]),
    run_length=st.sampled_from([10.0, 1e3, 1e7]),
)
detectors = st.one_of(threshold_detectors, calibrated_detectors)


def chunks(draw, n):
    """Cut points of a stream of n samples."""
    cuts = draw(st.lists(st.integers(0, n), max_size=6))
    return [0, *sorted(cuts), n]
