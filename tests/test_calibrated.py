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
    compiler = dict.fromkeys(("kernel", "helper", "inline"), plain)
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


def test_onsets_of_short_rows():
    found = []
    for seed in range(400):
        values = rng(seed).normal(size=12 + seed % 30) + 3.0 * np.exp(
            -np.arange(12 + seed % 30) / 5
        )
        best, onset, _ = reference.stationary(values)
        assert PLAIN._stationary(pretend(values))[:2] == (best, onset)
        found.append((onset < best, onset == best, onset > best))
    assert np.all(np.sum(found, axis=0) > 20)


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


def test_little_autocorrelation_may_be_chance():
    found = set()
    for seed in range(40):
        values = autoregressive(seed, 100, 0.2)
        off = values[1:] - values[1:].mean()
        errors = (off[1:] @ off[:-1]) / off.var() / math.sqrt(99)
        left = PLAIN._inflation(pretend(values), 0, 100) > 1
        assert left == (errors > 2)
        found.add(round(errors, 1))
    assert {1.8, 2.2, 2.5} <= found


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
        s[c.SPREADS : c.SPREADS + 21] = 1.0
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
    assert len(c.Cells._fields) + 3 * 256 == c.SIZE


# ---- invariances ---------------------------------------------------------------------------------


@given(st.data(), st.integers(-(2**20), 2**20), st.booleans())
def test_an_offset_changes_nothing_where_arithmetic_is_exact(data, offset, negative):
    seed, n = data.draw(st.integers(0, 999)), data.draw(st.integers(1, 1500))
    xs = np.round(10 * rng(seed).normal(size=n)) + 40 * (np.arange(n) > n // 2)
    moved = -xs if negative else xs
    detector = Detector("both", horizon=60)
    plain, shifted = trace(moved, detector), trace(moved + offset, detector)
    for name in ("slope", "verdict", "fired", "onset"):
        np.testing.assert_array_equal(getattr(shifted, name), getattr(plain, name))
    np.testing.assert_allclose(shifted.level, plain.level + offset, rtol=1e-12)


@given(st.integers(0, 10**6), st.floats(1e-9, 1e9), st.floats(-1e3, 1e3))
def test_other_units_change_no_decision(seed, factor, offset):
    xs = noisy(seed, 1000)["transient"] + 6.0 * (np.arange(1000) > 700)
    detector = Detector(horizon=100)
    plain, other = trace(xs, detector), trace(factor * (xs + offset), detector)
    for name in ("verdict", "fired", "onset"):
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))
    np.testing.assert_allclose(other.slope, plain.slope * factor, rtol=1e-6, atol=1e-9 * factor)


# ---- behaviour -----------------------------------------------------------------------------------

WARMING_UP, IMPROVING, UNDECIDED, PLATEAU, WORSENING = Verdict


def story(xs, detector=None, changed=()):
    """Each change into or out of a plateau: index, verdict from there on, onset."""
    detector = detector or Detector()
    found, before = [], False
    for part in np.split(np.asarray(xs, float), changed):
        if detector.count:
            detector.changed()
        begin, told = detector.count, detector._record(part)
        flat = told.verdict == PLATEAU
        found += [
            (begin + int(i), Verdict(told.verdict[i]), int(told.onset[i]))
            for i in np.flatnonzero(np.diff(flat, prepend=before))
        ]
        before = flat[-1]
    return found


def white(seed, n=12_000):
    return rng(seed).normal(size=n)


@pytest.mark.parametrize("horizon", [100, 600, 3000])
def test_noise_becomes_a_plateau_at_the_horizon(horizon):
    for seed in range(8):
        ((declared, verdict, onset),) = story(white(seed), Detector(horizon=horizon))
        assert horizon <= declared - onset + 1 <= 1.6 * horizon
        assert verdict is PLATEAU
        assert onset <= 0.2 * horizon


def test_what_is_known_of_a_plateau():
    xs = 5 + 2 * white(3, 4000)
    detector = fed(xs)
    inside = xs[detector.onset :]
    assert detector.verdict is PLATEAU
    assert detector.level == pytest.approx(xs[-500:].mean(), abs=0.2)
    assert detector.noise == pytest.approx(inside.std(), rel=0.05)
    error = inside.std() * math.sqrt(12 / len(inside) ** 3)
    assert detector.slope_error == pytest.approx(error, rel=0.3)
    assert abs(detector.slope) < 3 * error
    assert 0.95 < detector.confidence <= 1


def test_before_the_first_assessment_little_is_known():
    detector = Detector()
    assert math.isnan(detector.level)
    for i, x in enumerate(white(0, 24), 1):
        assert math.isnan(detector.slope) == math.isnan(detector.confidence)
        assert (detector.verdict is WARMING_UP) == math.isnan(detector.noise) == (i <= 24)
        assert math.isnan(detector.slope_error)
        assert (detector.onset, detector.declared) == (None, None)
        detector.update(x)
    assert detector.verdict is not WARMING_UP
    assert detector.slope_error > 0


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e6])
def test_the_onset_is_where_a_decay_sinks_into_the_noise(scale):
    decay = 100 * np.exp(-np.arange(6000) / 200)
    onsets = []
    for seed in range(6):
        (_, verdict, onset), *_ = story(
            scale * (decay + white(seed, 6000)), Detector(min_change=0.0)
        )
        assert verdict is PLATEAU
        onsets.append(onset)
    assert np.median(onsets) == pytest.approx(200 * math.log(100 / 0.5), rel=0.2)


def test_a_change_below_the_share_of_the_range_does_not_count():
    decay = 100 * np.exp(-np.arange(6000) / 200)
    for share in (0.02, 0.05, 0.1):
        for seed in range(4):
            (declared, _, onset), *_ = story(
                decay + 0.1 * white(seed, 6000), Detector(min_change=share)
            )
            assert decay[onset] < 2 * share * 100
            assert decay[onset] - decay[declared] < 2 * share * 100


@pytest.mark.parametrize(
    ("mode", "step", "verdict"),
    [
        ("min", -2, IMPROVING),
        ("min", 2, WORSENING),
        ("max", 2, IMPROVING),
        ("max", -2, WORSENING),
        ("both", 2, IMPROVING),
        ("both", -2, IMPROVING),
    ],
)
def test_a_shift_of_level_ends_a_plateau(mode, step, verdict):
    for seed in range(3):
        xs = white(seed) + step * (np.arange(12_000) >= 6000)
        _, ended, found = story(xs, Detector(mode))
        assert 6000 < ended[0] <= 6000 + 64 * 8
        assert ended[1] is verdict
        assert found[1] is PLATEAU
        assert found[2] == pytest.approx(6000, abs=100)
        assert 600 <= found[0] - 6000 < 1500


def test_a_small_shift_is_seen_later():
    delays = []
    for step in (4, 0.5, 0.3):
        xs = white(5) + step * (np.arange(12_000) >= 6000)
        (_, (ended, verdict, _), *_) = story(xs)
        assert verdict is WORSENING
        delays.append(ended - 6000)
    assert 0 < delays[0] <= delays[1] < delays[2] < 3000


def test_a_drift_ends_a_plateau():
    for seed in range(3):
        xs = white(seed) + 0.01 * np.maximum(np.arange(12_000) - 5000, 0)
        _, (ended, verdict, _) = story(xs)
        assert 5000 < ended < 6000
        assert verdict is WORSENING
        detector = fed(xs)
        assert detector.verdict is WORSENING
        assert detector.slope == pytest.approx(0.01, rel=0.1)
        assert detector.confidence > 0.99


def test_a_diverging_run_worsens():
    t = np.arange(5000)
    for xs in (np.exp(t / 500) + white(0, 5000), (t / 300) ** 2 + white(1, 5000)):
        assert story(xs) == []
        assert fed(xs).verdict is WORSENING
        assert fed(xs, Detector("max")).verdict is IMPROVING


@pytest.mark.parametrize("size", [20.0, -20.0, 1e6])
def test_a_spike_ends_no_plateau(size):
    for seed in range(5):
        xs = white(seed)
        xs[3000 + 17 * seed] += size
        xs[8000] += size
        assert len(story(xs)) == 1


def test_outliers_on_one_side_end_no_plateau():
    for seed in range(5):
        xs = white(seed) + 20 * (rng(seed + 50).random(12_000) < 0.05)
        assert [verdict for _, verdict, _ in story(xs)] == [PLATEAU]


def test_flicker_between_two_levels_is_flat():
    for seed in range(5):
        flicker = 10.0 * (rng(seed).random(12_000) < 0.5) + 0.1 * white(seed + 9)
        assert [verdict for _, verdict, _ in story(flicker)] == [PLATEAU]
        slower = 10.0 * (np.cumsum(rng(seed).random(12_000) < 0.05) % 2) + 0.1 * white(seed + 9)
        assert fed(slower).in_plateau
        assert (trace(slower, Detector()).verdict == PLATEAU).mean() > 0.8


@pytest.mark.parametrize("step", [0.5, 1.0, 4.0])
def test_rounded_values_are_flat(step):
    for seed in range(3):
        xs = step * np.round(white(seed) / step)
        assert [verdict for _, verdict, _ in story(xs)] == [PLATEAU]


def test_a_constant_is_flat_from_its_beginning():
    for value in (0.0, 0.1, -3e7):
        ((declared, _, onset),) = story(np.full(3000, value))
        assert (declared, onset) == (137, 0)
        detector = fed(np.full(3000, value))
        known = detector.level, detector.slope, detector.slope_error, detector.noise
        assert known == (value, 0.0, 0.0, 0.0)
        assert detector.confidence == 1.0


def test_a_curve_without_noise_may_become_flat():
    for offset in (0.0, 3.0):
        ((declared, _, onset),) = story(offset + np.exp(-np.arange(20_000) / 500))
        assert onset < declared
        assert math.exp(-onset / 500) < 0.1
        assert math.exp(-declared / 500) > 1e-3


T = np.arange(100_000.0)


@pytest.mark.parametrize(
    "xs",
    [-0.001 * T, -T, 5 - 1e-9 * T, (1 + T) ** -0.1, (1 + T) ** -0.5, -np.log(1 + T), -(T**0.5)],
    ids=["slow line", "line", "slower line", "power 0.1", "power 0.5", "logarithm", "root"],
)
def test_what_never_stops_is_never_flat(xs):
    assert story(xs) == []
    detector = fed(xs)
    assert detector.verdict is IMPROVING
    assert detector.confidence == 1.0
    assert fed(-xs).verdict is WORSENING


def test_fourteen_decades_of_decay_have_an_end():
    t = np.arange(30_000)
    for xs in (1e14 * np.exp(-t / 300) + white(1, 30_000), 10.0 ** (14 - t / 700)):
        found = story(xs)
        assert found[0][1] is PLATEAU
        onset = found[0][2]
        assert xs[onset] < 0.1 * xs[0]
        assert fed(xs).in_plateau


def test_a_restart_is_seen():
    decay = 10 * np.exp(-np.arange(6000) / 200)
    for seed in range(3):
        xs = np.tile(decay, 2) + white(seed)
        found = story(xs)
        assert found[0][1] is PLATEAU
        assert 6000 < found[1][0] < 6800
        assert fed(xs).in_plateau


def test_back_from_an_interruption_it_is_the_same_plateau():
    for seed in (1, 3, 6, 7):
        xs = white(seed)
        xs[6000:6300] += 8
        begun, ended, back = story(xs)
        assert 6000 < ended[0] < 6300
        assert (begun[1], ended[1], back[1]) == (PLATEAU, WORSENING, PLATEAU)
        assert back[2] == begun[2]
        assert 6300 < back[0] < 7000
        ((start, stop, declared, *_),) = find_plateaus(xs)
        assert (start, stop, declared) == (begun[2], 12_000, begun[0])


def test_half_way_back_is_not_back():
    for seed in range(4):
        xs = white(seed)
        xs[6000:6300] += 8
        xs[6300:] += 5
        found = story(xs)
        assert found[2][2] > 6000
        assert len(find_plateaus(xs)) == 2


def test_told_of_a_change_the_next_plateau_begins_behind_it():
    for seed in range(4):
        detector = Detector()
        first, ended, second = story(white(seed), detector, changed=[6000])
        assert ended == (6000, WARMING_UP, -1)
        assert first[1] is second[1] is PLATEAU
        assert 6000 <= second[2] < 6200
        assert 600 <= second[0] - second[2] < 1000
        assert detector.onset == second[2]


def test_a_change_keeps_what_is_known_of_noise_and_level():
    xs = np.r_[white(0, 1000) + 50]
    detector = fed(xs)
    before = cells(detector)
    detector.changed()
    after = cells(detector)
    assert detector.verdict is WARMING_UP
    assert math.isnan(detector.confidence)
    assert (after.variance, after.variance2) == (before.variance, before.variance2)
    assert (after.first, after.blocks, after.more, after.filled) == (1000, 0, 0, 0)
    assert after.known == 1
    last = blocks(fed(xs))[0]
    assert after.known_level == pytest.approx(last[-(len(last) // 4) :].mean())
    detector.changed()  # nothing new is known: nothing changes
    assert cells(detector) == after
    # Beside the fall from that level this is nothing; without it, it would count.
    slow = 0.3 * np.exp(-np.arange(400) / 300) + 0.1 * white(1, 400)
    detector.update_many(slow)
    assert detector.in_plateau
    assert not fed(slow).in_plateau


def test_it_fires_at_each_doubling():
    detector = Detector()
    fired = detector.update_many(white(2, 100_000))
    assert fired[0] == detector.declared
    lengths = fired + 1 - detector.onset
    ratios = lengths[1:] / lengths[:-1]
    assert len(fired) >= 7
    assert ((ratios >= 2) & (ratios < 2.3)).all()
    assert detector.fires == len(fired)


def test_progress_between_fires_is_noticed():
    stairs = np.repeat([0.0, -5.0, -4.0], 4000) + white(4)
    detector = Detector()
    fires = [(detector.count, detector.fires) for x in stairs if detector.update(x)]
    assert [count for at, count in fires if at <= 4000] == [1, 2, 3]
    down = [count for at, count in fires if 4000 < at <= 8000]
    up = [count for at, count in fires if at > 8000]
    assert down == list(range(1, len(down) + 1))
    assert up == list(range(len(down) + 1, len(down) + len(up) + 1))  # worse: no progress


def test_a_change_at_a_fire_keeps_the_count():
    at, later = Detector(), Detector()
    for detector, wait in ((at, 0), (later, 1)):
        xs = iter(white(6, 20_000))
        while not detector.update(next(xs)):
            pass
        for _ in range(wait):
            detector.update(next(xs))
        detector.changed()
        detector.changed()
        assert detector.fires == (wait == 0)
        while not detector.update(next(xs)):
            pass
        assert detector.fires == 1 + (wait == 0)


def test_what_is_not_finite_is_skipped():
    xs = np.where(rng(3).random(3000) < 0.2, np.nan, white(3, 3000))
    ((_, _, onset),) = story(xs)
    assert onset == trace(xs[np.isfinite(xs)], Detector()).onset[-1]
    assert fed(xs).skipped == np.isnan(xs).sum()


def test_random_walks_are_seldom_flat():
    flat = [
        trace(rng(seed).normal(size=20_000).cumsum(), Detector()).verdict == PLATEAU
        for seed in range(30)
    ]
    assert np.mean(flat) <= 0.05


def slow_variance(seed, n):
    return white(seed, n) * np.exp(0.7 * np.sin(np.arange(n) / 1500))


FLAT = {
    "white": (white, 0.8, 1.25),
    "AR(1) 0.5": (lambda seed, n: autoregressive(seed, n, 0.5), 0.8, 1.25),
    "AR(1) 0.9": (lambda seed, n: autoregressive(seed, n, 0.9), 0.5, 2.0),
    "Student t3": (lambda seed, n: rng(seed).standard_t(3, size=n), 0.8, 1.25),
    "slow variance": (slow_variance, 0.5, 2.0),
    "rounded": (lambda seed, n: np.round(white(seed, n)), 0.8, 1.25),
}


@pytest.mark.parametrize("kind", FLAT)
def test_run_length(kind):
    make, low, high = FLAT[kind]
    ends, inside = 0, 0
    for seed in range(40):
        flat = trace(make(seed, 20_000), Detector("both", run_length=1000)).verdict == PLATEAU
        ends += np.count_nonzero(flat[:-1] & ~flat[1:])
        inside += flat.sum()
    assert ends > 300
    spread = 1.5 / math.sqrt(ends)
    assert low + spread / 2 < inside / ends / 1000 < high - spread / 2


# ---- extremes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-308, 1e-200, 1e-150, 1e-100, 1e100, 1e149])
def test_values_of_any_size(scale):
    xs = 10 * np.exp(-np.arange(5000) / 200) + white(1, 5000)
    xs[3000] = -15
    detector = fed(np.r_[xs * scale, -xs * scale])
    assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()
    assert np.isfinite(detector._block).all()
    if scale >= 1e-150:
        same = trace(xs * scale, Detector()).verdict == trace(xs, Detector()).verdict
        assert same.all()


@given(st.lists(st.sampled_from([0.0, 1.0, -1e-300, 3e150, -3e150, 5e-324]), max_size=400))
def test_no_number_becomes_infinite(xs):
    detector = Detector(horizon=24, run_length=1.0)
    for _ in range(4):
        detector.update_many(xs)
        assert np.isfinite(detector._block).all()
        assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()


def test_a_million_samples():
    xs = white(0, 1_000_000)
    xs[400_000:] += 1
    xs[700_000:] -= 1
    detector = Detector()
    for part in np.split(xs, 100):
        detector.update_many(part)
        found = cells(detector)
        assert found.blocks < c.BLOCKS
        assert found.first + found.blocks * (found.more + 1) + found.filled == detector.count
    assert detector.in_plateau
    starts = [plateau.start for plateau in find_plateaus(xs)]
    assert starts == pytest.approx([0, 400_000, 700_000], abs=12_000)  # a few blocks of 4,096


@given(streams(min_size=200, max_size=400), st.sampled_from([1.0, 30.0, 1e300]))
def test_run_lengths_of_any_size(xs, run_length):
    detector = Detector(horizon=24, run_length=run_length)
    detector.update_many(np.tile(xs, 5))
    assert 0 <= cells(detector).blocks < c.BLOCKS
    assert np.isfinite(detector._block).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"mode": "up"}, ValueError, "mode"),
        ({"horizon": 23}, ValueError, "horizon must be at least 24"),
        ({"horizon": 600.5}, TypeError, "horizon"),
        ({"min_change": 1.0}, ValueError, "min_change must be at least 0 and below 1, not 1"),
        ({"min_change": -0.1}, ValueError, "min_change must be at least 0"),
        ({"min_change": "x"}, TypeError, "min_change"),
        ({"run_length": 0}, ValueError, "run_length"),
        ({"run_length": math.inf}, ValueError, "run_length"),
        ({"on_nonfinite": "ignore"}, ValueError, "on_nonfinite"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        Detector(**settings)


def test_a_bank_of_detectors_goes_through_all_that_happens():
    columns = [white(0, 3000), noisy(1, 3000)["transient"], interesting(), noisy(2, 3000)["walk"]]
    columns.append(np.full(3000, 0.1))
    table = np.array(columns).T
    detector = Detector(horizon=200, run_length=500.0)
    bank = DetectorBank(detector, len(columns))
    fired = np.array([bank.update(row) for row in table])
    for i, column in enumerate(columns):
        single = detector.clone()
        assert np.flatnonzero(fired[:, i]).tolist() == single.update_many(column).tolist()
        assert bank[i].to_bytes() == single.to_bytes()
    bank.changed([0, 2])
    assert (bank.verdict == WARMING_UP).tolist() == [True, False, True, False, False]


# ---- one step from a state in the middle of a life -----------------------------------------------

P = c.Params(-1.0, 600, 0.05, 1e7)


def in_plateau(values, **known):
    """A plateau of blocks of 4 samples, the stream before them 40 samples long."""
    cells = {"more": 3, "first": 40, "begun": 40, "onset": 40, "inflation": 1.0, "accepted": 0}
    cells |= {"verdict": c.PLATEAU, "visible": 1} | known
    cells["accepted"] = cells["first"] + 4 * len(values)
    s = pretend(values, **cells)
    s[c.SPREADS : c.SPREADS + len(values)] = 100 + np.arange(len(values))
    return s


def line(n):
    """Straight, of mean 0; the least-squares line changes by 1 over it."""
    return (np.arange(n) - 0.5 * (n - 1)) / n


def level_off(values):
    """The same without drift."""
    return values - reference.drift(values)[0] * line(len(values))


def named(s):
    return c.Cells(*s[: c.CELLS])


@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("step", [-3.0, 3.0])
def test_a_shift_leaves_the_blocks_behind_it(step, sign):
    values = np.r_[rng(0).normal(size=40), step + rng(1).normal(size=12)]
    s = in_plateau(values, fires=2, slope=0.5)
    PLAIN._shifted(s, P._replace(sign=sign), 1, 40)
    found = named(s)
    assert (found.blocks, found.first, found.accepted) == (12, 40 + 160, 40 + 208)
    assert s[c.MEANS : c.MEANS + 12].tolist() == values[40:].tolist()
    assert s[c.LASTS : c.LASTS + 12].tolist() == values[40:].tolist()
    assert s[c.SPREADS : c.SPREADS + 12].tolist() == list(range(140, 152))
    level, away = values[1:40].mean(), values[40:].mean()
    assert (found.interrupted, found.left_onset) == (1, 40)
    assert (found.left_level, found.away_level) == pytest.approx((level, away))
    assert (found.known, found.known_level) == (1, pytest.approx(level))
    assert found.due == 48 * 1.125
    better = sign * step >= 0
    assert found.verdict == (c.IMPROVING if better else c.WORSENING)
    assert found.fires == (0 if better else 2)
    assert found.confidence == 1 - 1e-7


def test_a_tolerated_shift_changes_nothing():
    values = np.r_[np.zeros(40), np.full(12, 0.3)]
    for tolerance, ends in ((0.29, True), (0.31, False)):
        s = in_plateau(values, visible=0, tolerance=tolerance)
        before = s.copy()
        PLAIN._shifted(s, P, 1, 40)
        assert bool((s != before).any()) is ends


def test_a_cusum_remembers_the_block_at_which_it_began():
    values = np.r_[rng(2).normal(size=20), -9.0, -9.1, -9.2]
    s = in_plateau(values[:20], rise=1.0, rise_from=3)
    for n in (21, 22, 23):
        s[c.MEANS + n - 1] = s[c.LASTS + n - 1] = values[n - 1]
        s[c.FULL] = n
        PLAIN._watch(s, P)
    found = named(s)
    assert (found.rise, found.fall_from) == (0, 20)
    assert found.rise_from == 22  # set anew by each block that leaves it at 0
    s[c.FALL] = 0.0
    s[c.FULL] = 24
    s[c.MEANS + 23] = 9.0
    PLAIN._watch(s, P)
    assert (named(s).rise_from, named(s).fall_from) == (23, 23)
    assert named(s).rise > 0


def test_merged_blocks_are_those_of_double_size():
    xs = rng(3).normal(size=(256, 8))
    s = np.zeros(c.SIZE)
    s[c.MEANS : c.LASTS], s[c.LASTS : c.SPREADS] = xs.mean(axis=1), xs[:, -1]
    s[c.SPREADS :], s[c.FULL], s[c.MORE] = xs.var(axis=1), 256, 7
    s[[c.RISE, c.FALL, c.RISE_FROM, c.FALL_FROM]] = 2.0, 3.0, 201, 14
    PLAIN._merge(s)
    pairs = xs.reshape(128, 16)
    np.testing.assert_allclose(s[c.MEANS : c.MEANS + 128], pairs.mean(axis=1))
    np.testing.assert_allclose(s[c.LASTS : c.LASTS + 128], pairs[:, -1])
    np.testing.assert_allclose(s[c.SPREADS : c.SPREADS + 128], pairs.var(axis=1))
    assert (s[c.FULL], s[c.MORE]) == (128, 15)
    assert (s[c.RISE], s[c.FALL]) == pytest.approx((2 / math.sqrt(2), 3 / math.sqrt(2)))
    assert (s[c.RISE_FROM], s[c.FALL_FROM]) == (100, 7)


def test_what_ends_a_plateau_that_is_looked_at():
    flat = rng(4).normal(size=60)
    ramp = line(60)

    def stands(values, best=0, visible=0, spread=0.0, **known):
        s = in_plateau(values, interrupted=1, visible=visible, **known)
        s[c.SPREADS : c.SPREADS + len(values)] = spread
        return PLAIN._stands(s, P, best, 1.0), named(s)

    assert stands(flat, visible=1)[0]
    ok, found = stands(flat + 8 * ramp)
    assert (ok, found.verdict, found.interrupted) == (False, c.WORSENING, 0)
    assert stands(flat - 8 * ramp)[1].verdict == c.IMPROVING
    # A drift of less than the noise does not count, however certain.
    certain = level_off(0.02 * flat)
    assert stands(certain + 0.95 * ramp, spread=1.0)[0]
    assert not stands(certain + 1.1 * ramp, spread=1.0)[0]
    # Nor does one below twice the tolerance.
    assert stands(certain + ramp, tolerance=0.51)[0]
    assert not stands(certain + ramp, tolerance=0.49)[0]
    # What rests on the lack of visible drift needs uncorrelated samples.
    walk = level_off(rng(0).normal(size=60).cumsum())
    assert 5 < 60 / reference.inefficiency(walk) < 12
    assert stands(walk)[0]
    ok, found = stands(walk, visible=1)
    assert (ok, found.verdict, found.interrupted, found.renew) == (False, c.UNDECIDED, 0, 0)
    # A later onset begins a new plateau, if what lies before is at another level.
    step = flat + 3.0 * (np.arange(60) < 12)
    ok, found = stands(level_off(step), best=12)
    assert (ok, found.verdict, found.renew, found.interrupted) == (False, c.UNDECIDED, 1, 0)
    assert stands(flat, best=12)[0]
    assert stands(level_off(step), best=12, tolerance=4.0)[0]
    first = np.arange(60) < 12
    error = flat[12:].std() * math.sqrt(1 / 12 + 1 / 48)
    apart = 4 * error + flat[12:].mean() - flat[:12].mean()
    assert stands(flat + 0.99 * apart * first, best=12)[0]
    assert not stands(flat + 1.01 * apart * first, best=12)[0]


def test_back_is_nearer_than_half_way():
    noise = 0.1 * rng(5).normal(size=16)
    for level, back in ((5.5, -1), (4.6, 4), (-4.6, 4), (-5.5, -1)):
        known = {"interrupted": 1, "left_level": 0, "away_level": 10, "left_onset": 7}
        s = in_plateau(level + noise, verdict=c.WORSENING, **known)
        assert PLAIN._returned(s) == back
        s[c.INTERRUPTED] = 0
        assert PLAIN._returned(s) == -1
    # The bound of the mean counts, not the mean; and a few samples are not enough.
    wide = 4.6 + 5 * noise
    s = in_plateau(wide, verdict=c.WORSENING, **known)
    mean, error = wide[4:].mean(), reference.drift(wide[4:])[1] / math.sqrt(12)
    for distance, back in ((mean + 1.7 * error, 4), (mean + 1.6 * error, -1)):
        s[c.AWAY_LEVEL] = 2 * distance
        assert PLAIN._returned(s) == back
    s[c.AWAY_LEVEL], s[c.MORE] = 100.0, 0
    assert PLAIN._returned(s) == -1


def test_no_visible_drift():
    flat = level_off(rng(6).normal(size=100) + (-1.0) ** np.arange(100))
    error = reference.drift(flat)[1]

    def settled(drift, horizon=400, onset=0, noise=1.0, spread=0.0, **known):
        s = in_plateau(noise * flat + drift * line(100), verdict=c.UNDECIDED, **known)
        s[c.SPREADS : c.SPREADS + 100] = spread
        return PLAIN._settled(s, P._replace(horizon=horizon), onset)

    assert settled(2.45 * error)
    assert not settled(2.55 * error)
    assert settled(3.95 * error, renew=1)
    assert not settled(4.05 * error, renew=1)
    assert not settled(0, 401)
    assert settled(0, 100, onset=75)
    assert not settled(0, 96, onset=76)  # less than a quarter of the stream
    # Certain, but with its bound surely below half of the noise.
    drift = 0.25 - 2.5 * 0.1 * error
    assert drift > 2.6 * 0.1 * error
    assert settled(drift, noise=0.1, spread=0.25)
    assert not settled(drift, noise=0.1, spread=0.2)


def test_hardly_any_movement_beside_the_range():
    def levelled(values, covered=1.0, p=P, **known):
        s = in_plateau(values, verdict=c.UNDECIDED, **known)
        return PLAIN._levelled(s, p, covered), named(s)

    fall = np.r_[np.linspace(10, 3, 72), np.zeros(28)]
    zigzag = fall + 0.5 * (-1.0) ** np.arange(100)
    # All blocks of the last quarter within a share of the range: from where they stay there.
    begin, found = levelled(zigzag, 20.01)
    assert found.tolerance == pytest.approx(0.05 * 20.01)
    assert begin == 72
    assert levelled(zigzag, 19.9)[0] == -1
    assert levelled(zigzag, 10.0, P._replace(change=0.101))[0] == 72
    # Or the bound of their drift within twice the share, if there are enough of them.
    change, error, *_ = reference.drift(zigzag[75:])
    bound = abs(change) + 1.645 * error
    short = P._replace(horizon=100)
    begin, found = levelled(zigzag, 10.01 * bound, short)
    assert begin >= 72
    assert found.tolerance == pytest.approx(bound)
    assert (found.slope, found.error) == pytest.approx((change / 100, error / 100))
    assert levelled(zigzag, 9.99 * bound, short)[0] == -1
    assert levelled(zigzag, 10.01 * bound, P._replace(horizon=101))[0] == -1
    # A drift so clear that the stream moves, however little.
    slow = 0.01 * level_off(rng(7).normal(size=100)) + 0.2 * line(100)
    change, error, *_ = reference.drift(slow[75:])
    assert levelled(slow, 100.0)[0] == 0
    clear = slow + (21 * error - change) * 4 * line(100)
    assert levelled(clear, 1e6)[0] == -1
    # 32 samples at least.
    assert levelled(np.zeros(31))[0] == 0
    assert levelled(np.zeros(28), more=3)[0] == 0
    assert levelled(np.zeros(124), more=0)[0] == -1
    assert levelled(np.zeros(125), more=0)[0] == 0


@pytest.mark.parametrize("at", [0, 2, 400])
@pytest.mark.parametrize("height", [100.0, 300.0, 1000.0])
def test_a_spike_does_not_hide_a_descent(at, height):
    t = np.arange(4000)
    for seed in range(5):
        xs = 3 * np.exp(-t / 300) + np.random.default_rng(seed).normal(size=4000)
        xs[at] += height
        assert Detector().update_many(xs)[0] >= 900  # the descent is 0.15 there


def test_a_steep_start_does_not_hide_the_rest_of_a_descent():
    t = np.arange(40_000)
    xs = 10 / (1 + t / 50) + 0.01 * np.random.default_rng(0).normal(size=len(t))
    onset = trace(xs, Detector()).onset
    late = np.flatnonzero((onset >= 0) & (t > 5000))
    assert (onset[late] >= t[late] / 4).all()


def test_an_assessment_describes_the_stretch_that_it_looked_at():
    noise = rng(8).normal(size=100)
    p = P._replace(horizon=10**6)
    for values in (noise, noise + 3 * line(100), noise - 3 * line(100)):
        s = in_plateau(values, verdict=c.UNDECIDED, renew=1)
        s[c.SPREADS : c.SPREADS + 100] = 0.0
        assert not PLAIN._assess(s, p)
        quarter, whole = reference.drift(values[75:]), reference.drift(values)
        found = named(s)
        moves = abs(whole[0]) > 4 * whole[1]
        assert moves == (values is not noise)
        assert abs(quarter[0]) < 4 * quarter[1]  # silent: the whole stretch is asked
        begin = PLAIN._stationary(s)[1]
        change, error, _, rest = reference.drift(values[begin:])
        length = 4 * (100 - begin)
        expected = (change / length, error / length, math.sqrt(rest))
        assert (found.slope, found.error, found.noise) == pytest.approx(expected)
        assert found.renew == 0
        if abs(change) > 4 * error:
            assert found.verdict == (c.WORSENING if change > 0 else c.IMPROVING)
            assert found.confidence == pytest.approx(math.erf(abs(change) / error / math.sqrt(2)))
        else:
            assert (found.verdict, found.confidence) == (c.UNDECIDED, 0)


def test_a_declaration_begins_a_plateau():
    values = 2 + rng(9).normal(size=100)
    known = {"rise": 1, "fall": 2, "renew": 1, "interrupted": 1, "verdict": c.UNDECIDED, "noise": 1}
    for fire_level, fires in (
        (2.3, 4),
        (2.8, 1),
        (0.0, 4),
    ):  # fallen by less than half a σ, more, risen
        s = in_plateau(values, fires=3, fire_level=fire_level, error=1e-3, **known)
        assert PLAIN._declare(s, P, 10, 33, 1.0)
        found = named(s)
        assert (found.verdict, found.visible, found.onset) == (c.PLATEAU, 1, 33)
        assert (found.begun, found.declared) == (40 + 4 * 10, found.accepted - 1)
        assert (found.rise, found.fall, found.renew, found.interrupted) == (0, 0, 0, 0)
        assert (found.fires, found.last_fire) == (fires, found.accepted)
        assert (found.fire_level, found.fire_length) == (
            pytest.approx(values[10:].mean()),
            found.accepted - 33,
        )
        error = 1e-3 * 4 * 90
        assert found.confidence == pytest.approx(math.erf(0.5 / error / math.sqrt(2)))
        s[c.TOLERANCE] = 0.4
        assert PLAIN._confidence(s, P) == pytest.approx(math.erf(0.8 / error / math.sqrt(2)))
        for accepted, again in ((2 * found.accepted - 34, False), (2 * found.accepted - 33, True)):
            s[c.ACCEPTED] = accepted
            assert PLAIN._fires_again(s) is again
        assert (s[c.LAST_FIRE], s[c.FIRES]) == (s[c.ACCEPTED], fires + 1)


def test_a_plateau_is_looked_at_anew():
    values = level_off(autoregressive(10, 200, 0.6))
    s = in_plateau(values, fire_length=1e9, due=5000)
    assert not PLAIN._assess(s, P)
    found = named(s)
    assert found.verdict == c.PLATEAU
    assert found.inflation == PLAIN._inflation(s, 0, 200) > 1.5
    assert found.confidence == PLAIN._confidence(s, P) > 0.5
    assert (found.due, found.fires) == (5000, 0)
    s[c.FIRE_LENGTH] = 400
    assert PLAIN._assess(s, P)
    s = in_plateau(values + 20 * line(200), due=5000, visible=0)
    assert not PLAIN._assess(s, P)  # it drifts: what came after is asked at the next block
    assert (named(s).verdict, named(s).due) == (c.WORSENING, 0)


def test_what_was_tolerated_before_is_forgotten():
    values = level_off(rng(11).normal(size=200))
    s = in_plateau(values, verdict=c.UNDECIDED, tolerance=3)
    assert PLAIN._assess(s, P)
    assert (named(s).tolerance, named(s).visible) == (0, 1)
    assert (named(s).onset, named(s).begun) == (named(s).begun, 40 + 4 * PLAIN._stationary(s)[1])
    away = {"interrupted": 1, "left_level": 0, "away_level": 9, "left_onset": 7}
    s = in_plateau(values, verdict=c.WORSENING, tolerance=3, **away)
    assert PLAIN._assess(s, P)
    found = named(s)
    assert (found.tolerance, found.visible, found.onset) == (0, 0, 7)
    assert found.begun == 40 + 4 * 150


def test_the_level_is_an_average_over_the_last_eighth():
    xs, level = white(12, 250), 0.0
    for i, x in enumerate(xs):
        level += (x - level) * min(1.0, 8 / (i + 1))
    assert fed(xs).level == pytest.approx(level)
    step = 1e-3 * white(13, 9000) + (np.arange(9000) >= 8000)
    steady = fed(step, Detector(horizon=2**40, min_change=0.0))  # no plateau that could end
    assert steady.level == pytest.approx(1 - math.exp(-1), abs=0.08)


def test_what_was_interrupted_before_a_change_does_not_come_back():
    xs = white(1, 9000)
    xs[6000:6300] += 8
    detector = fed(xs[:6250])
    assert cells(detector).interrupted == 1
    saved = detector.state_dict()
    saved["state"]["renew"] = 1
    detector.load_state_dict(saved)
    detector.changed()
    found = cells(detector)
    assert (found.interrupted, found.renew, found.confidence) == (0, 0, 0)
    detector.update_many(xs[6250:])
    assert detector.in_plateau
    assert detector.onset >= 6250
