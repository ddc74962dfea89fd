"""The calibrated detector against slow twins, and what it says of streams of every kind."""

import importlib.util
import json
import math
from unittest import mock

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from strategies import streams

from plateau import Detector, DetectorBank, Verdict, find_plateaus, trace
from plateau import _calibrated as c


def interpreted():
    """The kernels' module as plain Python: what each of its functions does can be looked at."""

    def plain(function):
        return function

    spec = importlib.util.spec_from_file_location("interpreted", c.__file__)
    module = importlib.util.module_from_spec(spec)
    compiler = {name: plain for name in ("kernel", "helper", "inline")}
    with mock.patch.multiple("plateau._compile", number=float, **compiler):
        spec.loader.exec_module(module)
    return module


PLAIN = interpreted()


def rng(seed):
    return np.random.default_rng(seed)


def autoregressive(seed, n, phi):
    """Stationary AR(1) of variance 1."""
    return lfilter([math.sqrt(1 - phi**2)], [1, -phi], rng(seed).normal(size=n + 300))[300:]


def fed(xs, detector=None):
    detector = detector or Detector()
    detector.update_many(xs)
    return detector


def cells(detector):
    """State by name."""
    return c.Cells(*detector._block[c.PARAMS : c.PARAMS + c.CELLS])


def blocks(detector):
    """Means, last samples and variances of the full blocks."""
    rows = detector._block[c.PARAMS + c.CELLS :].reshape(3, c.BLOCKS)
    return rows[:, : int(cells(detector).blocks)]


def pretend(values, **known):
    """A state of these blocks of one sample each."""
    s = np.zeros(c.SIZE)
    s[c.MEANS : c.MEANS + len(values)] = s[c.LASTS : c.LASTS + len(values)] = values
    s[c.FULL] = len(values)
    for name, value in known.items():
        s[c.Cells._fields.index(name)] = value
    return s


def noisy(seed, n=200):
    """Rows of numbers of every kind: noise, walks, ramps, transients, ties."""
    noise = rng(seed).normal(size=n)
    t = np.arange(n)
    return {
        "noise": noise,
        "autoregressive": autoregressive(seed, n, 0.8),
        "walk": noise.cumsum(),
        "transient": 30 * np.exp(-t / 20) + noise,
        "rise": -30 * np.exp(-t / 20) + noise,
        "shift": 5.0 * (t > n // 3) + noise,
        "ramp": 0.1 * t + noise,
        "ties": np.round(noise),
        "alternating": (-1.0) ** t + 0.1 * noise,
    }


kinds = pytest.mark.parametrize("kind", noisy(0))

# ---- the pieces against their twins --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transient", "shift", "walk"])
def test_the_compiled_kernels_do_what_the_source_says(kind):
    xs = noisy(5, 700)[kind]
    block = Detector(horizon=60, run_length=100.0)._make_block(1)
    fired = []
    for i, x in enumerate(xs):
        if PLAIN.flat_update(block, x):
            flag = np.zeros(1, bool)
            PLAIN.flat_close(block, np.zeros(1, int), flag)
            fired += [i] if flag[0] else []
    detector = Detector(horizon=60, run_length=100.0)
    assert detector.update_many(xs).tolist() == fired
    assert fired or kind == "walk"
    np.testing.assert_allclose(detector._block, block, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 5000), st.floats(-5, 5), st.integers(0, 99))
def test_blocks_are_those_of_the_stream_cut_in_equal_pieces(n, level, seed):
    xs = level + rng(seed).normal(size=n).cumsum()
    detector = fed(xs, Detector(horizon=2**40, min_change=0.0))  # nothing is a plateau
    size, means, lasts, variances, rest = reference.pyramid(xs)
    found = cells(detector)
    assert (found.more + 1, found.filled) == (size, len(rest))
    assert (found.accepted, found.first) == (n, 0)
    if n:
        close = {"rtol": 1e-9, "atol": 1e-9}
        np.testing.assert_allclose(blocks(detector)[0] + xs[0], means, **close)
        np.testing.assert_allclose(blocks(detector)[1] + xs[0], lasts, **close)
        np.testing.assert_allclose(blocks(detector)[2], variances, **close)
    if len(rest):
        assert found.mean + xs[0] == pytest.approx(rest.mean())
        assert found.spread == pytest.approx(rest.var())


@kinds
@pytest.mark.parametrize("n", [12, 40, 255])
def test_inefficiency_of_each_suffix(kind, n):
    values = noisy(1, n)[kind]
    starts = n - max(8, n // 20)
    g = np.empty(starts)
    PLAIN._inefficiencies(np.r_[7.0, values, 7.0], 1, n + 1, starts, g)
    np.testing.assert_allclose(g, [reference.inefficiency(values[i:]) for i in range(starts)])
    assert PLAIN._inefficiency(values, 0, n) == pytest.approx(reference.inefficiency(values))


def test_inefficiency_of_a_constant_is_one():
    values = np.r_[5.0, 3.0, np.full(30, 0.1)]
    g = np.empty(20)
    PLAIN._inefficiencies(values, 0, 32, 20, g)
    assert g[2:].tolist() == [1.0] * 18
    assert PLAIN._inefficiency(np.full(9, 0.1), 0, 9) == 1.0


@kinds
def test_drift_is_the_least_squares_line(kind):
    values = noisy(2, 60)[kind]
    assert PLAIN._drift(np.r_[9.0, values], 1, 61) == pytest.approx(reference.drift(values))
    assert PLAIN._variance(np.r_[9.0, values], 1, 61) == pytest.approx(values.var())


@kinds
@pytest.mark.parametrize("seed", range(12))
def test_onset_is_the_first_good_start_at_the_level(kind, seed):
    values = noisy(seed, 24 + 19 * seed)[kind]
    best, onset, g = PLAIN._stationary(pretend(values))
    assert (best, onset) == reference.stationary(values)[:2]
    assert g == pytest.approx(reference.stationary(values)[2])


@given(st.lists(st.integers(-20, 20), min_size=12, max_size=255), st.booleans())
def test_range_leaves_out_outliers(values, known):
    s = pretend(values, known=known, known_level=9.0)
    assert PLAIN._range(s) == reference.trimmed_range(values, *[9.0] * known)


@pytest.mark.parametrize("phi", [-0.7, 0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [200, 3000])
def test_blocks_are_ranked_without_their_autocorrelation(n, phi):
    xs = autoregressive(3, n, phi)
    s = fed(xs)._block[c.PARAMS :]
    found = PLAIN._persistence(s)
    assert found == pytest.approx(reference.persistence(xs))
    assert found == pytest.approx(np.clip(phi, -0.5, 0.97), abs=0.1)
    size = s[c.MORE] + 1
    lead = found / (1 - found) / size
    white = [PLAIN._whitened(s, j, lead) + xs[0] for j in range(1, int(s[c.FULL]))]
    np.testing.assert_allclose(white, reference.whitened(xs, found, int(size)))


@kinds
def test_what_is_left_of_autocorrelation(kind):
    values = noisy(4, 100)[kind]
    s = pretend(values)  # no differences known: nothing is taken out
    y = values[10:] - values[10:].mean()
    left = y[1:] @ y[:-1] > 2 * math.sqrt(len(y)) * y.var()
    expected = reference.inefficiency(values[10:]) if left else 1.0
    assert left == (kind not in ("noise", "ties", "alternating"))
    assert PLAIN._inflation(s, 10, 100) == pytest.approx(expected)


@pytest.mark.parametrize("inflation", [1.0, 2.5])
@pytest.mark.parametrize("kind", ["noise", "ties", "walk", "ramp"])
def test_ranks_are_added_to_the_cusums(kind, inflation):
    values = noisy(6, 40)[kind]
    p = c.Params(-1.0, 600, 0.05, 1e200)  # no limit that these few blocks reach
    found = []
    s = pretend(values[:8], begun=0, inflation=inflation, verdict=c.PLATEAU)
    for n in range(1, len(values) + 1):
        s[c.MEANS + n - 1] = s[c.LASTS + n - 1] = values[n - 1]
        s[c.FULL] = n
        PLAIN._watch(s, p)
        found.append((s[c.RISE], s[c.FALL]))
    # The first block has none before it whose last sample would be known: it is not ranked.
    assert found[:9] == [(0.0, 0.0)] * 9
    expected = reference.rank_cusums(values[1:], 8, inflation=inflation)
    np.testing.assert_allclose(found[9:], expected, atol=1e-12)


def test_constants_of_the_cusum():
    assert reference.cusum_rate(c.REFERENCE) == pytest.approx(c.RATE, abs=1e-4)
    for limit in (3.0, 4.0, 5.0):
        two_sided = reference.cusum_run_length(limit, c.REFERENCE) / 2
        assert math.log(two_sided) == pytest.approx(c.OFFSET + c.RATE * limit, abs=0.004)


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("run_length", [1.0, 1e3, 1e7])
def test_limit_of_the_cusum(size, run_length):
    blocks_each = max(run_length / size, 1.0)
    limit = max((math.log(blocks_each) - c.OFFSET) / c.RATE, 0.5)
    p = c.Params(0.0, 600, 0.05, run_length)
    for excess, ends in ((-1e-9, False), (1e-9, True)):
        # The last block is in the middle of the others: the CUSUM falls by the reference.
        values = np.r_[np.arange(20.0), 10.0] ** 3
        s = pretend(values, inflation=1.0, verdict=c.PLATEAU, more=size - 1, rise_from=20)
        score = (2 * 9.5 - 19) / math.sqrt(19 * 21 / 3)
        s[c.RISE] = limit + c.REFERENCE - score + excess
        PLAIN._watch(s, p)
        assert bool(s[c.VERDICT] != c.PLATEAU) is ends


# ---- saved states --------------------------------------------------------------------------------


def interesting():
    """A stream with plateaus, merged blocks, a shift and an interruption."""
    noise = rng(0).normal(size=3000)
    noise[1500:1600] += 8
    noise[2800:] -= 5
    return noise


@pytest.mark.parametrize(
    ("cell", "values"),
    {
        "accepted": (0, 1199, 1201, 1e18),
        "previous": (1e160, -1e160),
        "variance": (-1.0,),
        "variance2": (-1e-300,),
        "anchor": (1e160,),
        "older": (1e160,),
        "fires": (-1, 0.5),
        "last_fire": (-1, 0.5),
        "fire_length": (-1, 0.5),
        "blocks": (-1, 0, 149, 151, 256, 1e6, 0.5),
        "more": (-1, 0, 2, 6, 15, 1e6),
        "filled": (-1, 1, 8, 0.5),
        "spread": (-1.0,),
        "first": (-1, 1, 0.5, 1e18),
        "verdict": (-1, 5, 0.5),
        "error": (-1.0,),
        "noise": (-1.0,),
        "confidence": (-0.1,),
        "begun": (-1, 0.5, 1200, 1e6, 1e15),
        "onset": (-1, 0.5),
        "declared": (-1, 0.5),
        "visible": (-1, 2, 0.5),
        "tolerance": (-1.0,),
        "inflation": (0.0, -1.0, 0.99),
        "rise": (-1.0,),
        "fall": (-1.0,),
        "rise_from": (-1, 150, 255, 256, 0.5),
        "fall_from": (-1, 150, 256, 0.5),
        "renew": (2, -1, 0.5),
        "interrupted": (2, -1, 0.5),
        "left_onset": (-1, 0.5),
        "known": (2, 0.5),
    }.items(),
)
def test_an_impossible_state_never_reaches_the_kernels(cell, values):
    detector = fed(rng(8).normal(size=1200))
    found = cells(detector)
    assert detector.in_plateau
    assert (found.blocks, found.more, found.filled) == (150, 7, 0)
    good = detector.state_dict()
    good["state"] |= {"rise": 1.5, "rise_from": 149, "fall": 1.5, "fall_from": 149}
    detector.load_state_dict(good)
    before = detector.to_bytes()
    for value in values:
        saved = detector.state_dict()
        saved["state"][cell] = value
        with pytest.raises(ValueError, match="damaged"):
            detector.load_state_dict(saved)
    assert detector.to_bytes() == before


@given(st.sampled_from(c.Cells._fields), st.floats(-1e150, 1e150), st.integers(0, 2900))
def test_whatever_state_is_taken_the_kernels_survive_it(cell, value, n):
    xs = interesting()
    detector = fed(xs[:n], Detector(horizon=60))
    saved = detector.state_dict()
    for number in (value, round(value), round(value) % 256):
        saved["state"][cell] = number
        try:
            detector.load_state_dict(json.loads(json.dumps(saved)))
        except ValueError:
            continue
        detector.update_many(xs)
        assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()


def test_a_state_is_small():
    assert len(Detector().to_bytes()) <= 8192
    assert DetectorBank(Detector(), 100)._block.nbytes <= 100 * 8000
    assert c.SIZE == len(c.Cells._fields) + 3 * 256
