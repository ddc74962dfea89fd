"""The kernels of the calibrated detector: each against a slow twin, and step by step."""

import math

import numpy as np
import pytest
import reference
from calibrated import autoregressive, blocks, cells, fed, noisy, pretend, rng, white
from hypothesis import given
from hypothesis import strategies as st
from plain import calibrated as plain

from plateau import Detector, trace
from plateau import _calibrated as c

kinds = pytest.mark.parametrize("kind", noisy(0))

# ---- the pieces against their twins --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["transient", "shift", "walk"])
def test_the_compiled_kernels_do_what_the_source_says(kind):
    xs = noisy(5, 700)[kind]
    block = Detector(horizon=60, run_length=100.0)._make_block(1)
    fired = []
    for i, x in enumerate(xs):
        fired += [i] if plain.flat_update(block, x) else []
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
        off = rest - rest[0]
        assert found.start + xs[0] == pytest.approx(rest[0])
        assert (found.total, found.square) == pytest.approx((off.sum(), (off**2).sum()))


@kinds
@pytest.mark.parametrize("seed", range(12))
def test_onset_is_the_first_good_start_at_the_level(kind, seed):
    values = noisy(seed, 24 + 19 * seed)[kind]
    best, onset, g = plain._stationary(pretend(values))
    assert (best, onset) == reference.stationary(values)[:2]
    assert g == pytest.approx(reference.stationary(values)[2])


def test_onsets_of_short_rows():
    found = []
    for seed in range(400):
        values = rng(seed).normal(size=12 + seed % 30) + 3.0 * np.exp(
            -np.arange(12 + seed % 30) / 5
        )
        best, onset, _ = reference.stationary(values)
        assert plain._stationary(pretend(values))[:2] == (best, onset)
        found.append((onset < best, onset == best, onset > best))
    assert np.all(np.sum(found, axis=0) > 20)


@given(st.lists(st.integers(-20, 20), min_size=12, max_size=255), st.booleans())
def test_range_leaves_out_outliers(values, known):
    s = pretend(values, known=known, known_level=9.0)
    assert plain._range(s) == reference.trimmed_range(values, *[9.0] * known)


@pytest.mark.parametrize("phi", [-0.7, 0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [200, 3000])
def test_blocks_are_ranked_without_their_autocorrelation(n, phi):
    xs = autoregressive(3, n, phi)
    s = fed(xs)._block[c.PARAMS :]
    found = plain._persistence(s)
    assert found == pytest.approx(reference.persistence(xs))
    assert found == pytest.approx(np.clip(phi, -0.5, 0.97), abs=0.1)
    size = s[c.MORE] + 1
    lead = found / (1 - found) / size
    white = [plain._whitened(s, j, lead) + xs[0] for j in range(1, int(s[c.FULL]))]
    np.testing.assert_allclose(white, reference.whitened(xs, found, int(size)))


@kinds
def test_what_is_left_of_autocorrelation(kind):
    values = noisy(4, 100)[kind]
    s = pretend(values)  # no differences known: nothing is taken out
    y = values[10:] - values[10:].mean()
    left = y[1:] @ y[:-1] > 2 * math.sqrt(len(y)) * y.var()
    expected = reference.inefficiency(values[10:]) if left else 1.0
    assert left == (kind not in ("noise", "ties", "alternating"))
    assert plain._inflation(s, 10, 100) == pytest.approx(expected)


def test_little_autocorrelation_may_be_chance():
    found = set()
    for seed in range(40):
        values = autoregressive(seed, 100, 0.2)
        off = values[1:] - values[1:].mean()
        errors = (off[1:] @ off[:-1]) / off.var() / math.sqrt(99)
        left = plain._inflation(pretend(values), 0, 100) > 1
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
        plain._watch(s, p)
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
        plain._watch(s, p)
        assert bool(s[c.VERDICT] != c.PLATEAU) is ends


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
    plain._shifted(s, P._replace(sign=sign), 1, 40)
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


def test_a_tolerated_shift_becomes_the_level():
    values = np.r_[np.zeros(40), np.full(12, 0.3)]
    for tolerance, ends in ((0.29, True), (0.31, False)):
        s = in_plateau(values, visible=0, tolerance=tolerance, rise=5, fall=1)
        before = s.copy()
        plain._shifted(s, P, 1, 40)
        if not ends:
            before[[c.RISE, c.FALL]] = 0.0
        assert bool((s != before).any()) is ends


def test_a_cusum_remembers_the_block_at_which_it_began():
    values = np.r_[rng(2).normal(size=20), -9.0, -9.1, -9.2]
    s = in_plateau(values[:20], rise=1.0, rise_from=3)
    for n in (21, 22, 23):
        s[c.MEANS + n - 1] = s[c.LASTS + n - 1] = values[n - 1]
        s[c.FULL] = n
        plain._watch(s, P)
    found = named(s)
    assert (found.rise, found.fall_from) == (0, 20)
    assert found.rise_from == 22  # set anew by each block that leaves it at 0
    s[c.FALL] = 0.0
    s[c.FULL] = 24
    s[c.MEANS + 23] = 9.0
    plain._watch(s, P)
    assert (named(s).rise_from, named(s).fall_from) == (23, 23)
    assert named(s).rise > 0


def test_merged_blocks_are_those_of_double_size():
    xs = rng(3).normal(size=(256, 8))
    s = np.zeros(c.SIZE)
    s[c.MEANS : c.LASTS], s[c.LASTS : c.SPREADS] = xs.mean(axis=1), xs[:, -1]
    s[c.SPREADS :], s[c.FULL], s[c.MORE] = xs.var(axis=1), 256, 7
    s[[c.RISE, c.FALL, c.RISE_FROM, c.FALL_FROM]] = 2.0, 3.0, 201, 14
    plain._merge(s)
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
        return plain._stands(s, P, best, 1.0), named(s)

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
        assert plain._returned(s) == back
        s[c.INTERRUPTED] = 0
        assert plain._returned(s) == -1
    # The bound of the mean counts, not the mean; and a few samples are not enough.
    wide = 4.6 + 5 * noise
    s = in_plateau(wide, verdict=c.WORSENING, **known)
    mean, error = wide[4:].mean(), reference.drift(wide[4:])[1] / math.sqrt(12)
    for distance, back in ((mean + 1.7 * error, 4), (mean + 1.6 * error, -1)):
        s[c.AWAY_LEVEL] = 2 * distance
        assert plain._returned(s) == back
    s[c.AWAY_LEVEL], s[c.MORE] = 100.0, 0
    assert plain._returned(s) == -1
    # Nor is one that passes by at full speed.
    for drift, back in ((3.9, 4), (4.1, -1)):
        level = level_off(noise[4:])
        level += drift * reference.drift(level)[1] * line(12)
        s = in_plateau(np.r_[noise[:4], level], verdict=c.WORSENING, **known)
        assert plain._returned(s) == back


def test_no_visible_drift():
    flat = level_off(rng(6).normal(size=100) + (-1.0) ** np.arange(100))
    error = reference.drift(flat)[1]

    def settled(drift, horizon=400, onset=0, noise=1.0, spread=0.0, **known):
        s = in_plateau(noise * flat + drift * line(100), verdict=c.UNDECIDED, **known)
        s[c.SPREADS : c.SPREADS + 100] = spread
        return plain._settled(s, P._replace(horizon=horizon), onset)

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
        return plain._levelled(s, p, covered), named(s)

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
    assert found.tolerance == pytest.approx(0.05 * 10.01 * bound)
    assert (found.slope, found.error) == pytest.approx((change / 100, error / 100))
    assert levelled(zigzag, 9.99 * bound, short)[0] == -1
    assert levelled(zigzag, 10.01 * bound, P._replace(horizon=101))[0] == -1
    # A drift that is surely there must not matter within the horizon.
    ramp = level_off(rng(7).normal(size=100)) + 20 * line(100)
    change, error, *_ = reference.drift(ramp[75:])
    sure = (abs(change) - 1.645 * error) * 600 / 100
    assert sure > 10
    wide = P._replace(change=0.5)
    assert levelled(ramp, 1.01 * sure, wide)[0] >= 0
    assert levelled(ramp, 0.99 * sure, wide)[0] == -1
    assert levelled(ramp, 0.99 * sure, wide._replace(horizon=500))[0] >= 0
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
    for seed in range(4):
        xs = 10 / (1 + t / 50) + 0.01 * rng(seed).normal(size=len(t))
        first = np.flatnonzero(trace(xs, Detector()).verdict == c.PLATEAU)[0]
        assert 10 / (1 + first / 50) < 0.25


def test_an_assessment_describes_the_stretch_that_it_looked_at():
    noise = rng(8).normal(size=100)
    p = P._replace(horizon=10**6)
    for values in (noise, noise + 3 * line(100), noise - 3 * line(100)):
        s = in_plateau(values, verdict=c.UNDECIDED, renew=1)
        s[c.SPREADS : c.SPREADS + 100] = 0.0
        assert not plain._assess(s, p)
        quarter, whole = reference.drift(values[75:]), reference.drift(values)
        found = named(s)
        moves = abs(whole[0]) > 4 * whole[1]
        assert moves == (values is not noise)
        assert abs(quarter[0]) < 4 * quarter[1]  # silent: the whole stretch is asked
        begin = plain._stationary(s)[1]
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
        assert plain._declare(s, P, 10, 33, 1.0, 10)
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
        assert plain._confidence(s, P) == pytest.approx(math.erf(0.8 / error / math.sqrt(2)))
        for accepted, again in ((2 * found.accepted - 34, False), (2 * found.accepted - 33, True)):
            s[c.ACCEPTED] = accepted
            assert plain._fires_again(s) is again
        assert (s[c.LAST_FIRE], s[c.FIRES]) == (s[c.ACCEPTED], fires + 1)


def test_a_plateau_is_looked_at_anew():
    values = level_off(autoregressive(10, 200, 0.6))
    s = in_plateau(values, fire_length=1e9, due=5000)
    assert not plain._assess(s, P)
    found = named(s)
    assert found.verdict == c.PLATEAU
    assert found.inflation == plain._inflation(s, 0, 200) > 1.5
    assert found.confidence == plain._confidence(s, P) > 0.5
    assert (found.due, found.fires) == (5000, 0)
    s[c.FIRE_LENGTH] = 400
    assert plain._assess(s, P)
    s = in_plateau(values + 20 * line(200), due=5000, visible=0)
    assert not plain._assess(s, P)  # it drifts: what came after is asked at the next block
    assert (named(s).verdict, named(s).due) == (c.WORSENING, 0)


def test_what_was_tolerated_before_is_forgotten():
    values = level_off(rng(11).normal(size=200))
    s = in_plateau(values, verdict=c.UNDECIDED, tolerance=3)
    assert plain._assess(s, P)
    assert (named(s).tolerance, named(s).visible) == (0, 1)
    assert (named(s).onset, named(s).begun) == (named(s).begun, 40 + 4 * plain._stationary(s)[1])
    away = {"interrupted": 1, "left_level": 0, "away_level": 9, "left_onset": 7}
    s = in_plateau(values, verdict=c.WORSENING, tolerance=3, **away)
    assert plain._assess(s, P)
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


def test_how_far_a_part_is_from_the_rest():
    values = autoregressive(3, 60, 0.5)
    rest = values[5:40]
    white = rest.std() * math.sqrt(1 / 15 + 1 / 35)
    error = white * math.sqrt(reference.inefficiency(rest))
    assert error > 1.1 * white  # what is surely apart in white noise need not be so here
    for distance, told in ((-4.1, -4.1), (4.1, 4.1), (3.9, 0), (3.9 * white / error, 0), (-3.9, 0)):
        values[45:] += distance * error - values[45:].mean() + rest.mean()
        assert plain._apart(values, 5, 40, 45, 60) == pytest.approx(told)
    assert plain._apart(np.zeros(10), 0, 5, 5, 10) == 0
    assert plain._apart(np.r_[np.full(5, 0.1), np.full(5, 0.1 + 2e-17)], 0, 5, 5, 10) == 0
    assert plain._apart(np.r_[np.zeros(5), -np.ones(5)], 0, 5, 5, 10) == -math.inf


def test_an_end_that_stands_out_is_not_flat():
    flat = level_off(rng(6).normal(size=96) + (-1.0) ** np.arange(96))
    last = np.arange(96) >= 84
    rest, end = flat[~last], flat[last]
    error = rest.std() * math.sqrt(reference.inefficiency(rest) * (1 / 12 + 1 / 84))
    for distance, settled in ((3.9, True), (4.1, False)):
        values = flat + (distance * error - end.mean() + rest.mean()) * last
        s = in_plateau(values, verdict=c.UNDECIDED, renew=1)
        s[c.SPREADS : c.SPREADS + 96] = 1e4  # so that no drift matters
        assert bool(plain._settled(s, P._replace(horizon=96), 0)) is settled


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_runs_off_ever_faster_has_a_direction(sign):
    growth = sign * np.exp(np.arange(128) / 5.0)
    assert sign * plain._runs_off(in_plateau(growth)) > 4
    assert plain._runs_off(in_plateau(growth[:23])) == 0
    noise = rng(2).normal(size=128)
    assert plain._runs_off(in_plateau(noise)) == 0
    for spike in (115, 125):  # in one half of the last eighth only
        values = noise + 100 * sign * (np.arange(128) == spike)
        assert plain._runs_off(in_plateau(values)) == 0


def test_late_change():
    values = level_off(rng(3).normal(size=80))
    error = reference.drift(values[60:])[1] / math.sqrt(6)
    late = np.arange(80) >= 60
    base = values[60:].mean() - values[:20].mean()
    for size in (3.9, -4.1):
        found = plain._late_change(values + (size * error - base) * late, 80)
        assert found == pytest.approx((size * error / 0.75, error / 0.75))
    # A kink, beside which a straight line has a large error, ends a plateau.
    kink = np.maximum(np.arange(120) - 80, 0) / 8.0 + 0.1 * rng(4).normal(size=120)
    change, error, *_ = reference.drift(kink)
    assert abs(change) < 4 * error
    for tolerance, stands in ((1.0, False), (0.0, True)):  # without one the ranks are enough
        s = in_plateau(kink, visible=0, tolerance=tolerance)
        s[c.SPREADS : c.SPREADS + 120] = 0.0
        assert bool(plain._stands(s, P, 0, 1.0)) is stands
        if not stands:
            found = named(s)
            assert found.verdict == c.WORSENING
            assert found.slope * 480 == pytest.approx(plain._late_change(kink, 120)[0])
            assert found.confidence == pytest.approx(math.erf(found.slope / found.error / 2**0.5))


def test_inflation_leaves_out_tails_and_what_may_be_a_shift():
    noise = rng(5).normal(size=160)
    tail = noise + 20 * np.exp(-np.arange(160) / 10)
    shift = noise + 5 * (np.arange(160) >= 150)
    assert plain._inflation(in_plateau(tail), 0, 160) > 3
    assert plain._own_inflation(in_plateau(tail), 0, 60) == 1
    assert plain._inflation(in_plateau(shift), 0, 160) > 2
    for known in ({"rise": 1, "rise_from": 150}, {"fall": 1, "fall_from": 150}):
        assert plain._own_inflation(in_plateau(shift, **known), 0, 0) == 1
    # But most is used in any case.
    correlated = in_plateau(autoregressive(6, 160, 0.9), rise=1, rise_from=5)
    assert plain._own_inflation(correlated, 0, 159) == plain._inflation(correlated, 60, 120)


def full(values, **known):
    return in_plateau(values, **{"more": 127, "accepted": 0, "first": 0, "begun": 0} | known)


def test_a_long_plateau_drops_its_oldest_blocks():
    values = rng(7).normal(size=256)
    assert plain._may_drop(full(values), P)
    assert not plain._may_drop(full(values, verdict=c.UNDECIDED), P)
    assert plain._may_drop(full(values, begun=128 * 128), P)
    assert not plain._may_drop(full(values, begun=129 * 128), P)
    # Blocks become as long as a quarter of the horizon allows, or 64 samples at least.
    assert not plain._may_drop(full(values), P._replace(horizon=1025))
    assert plain._may_drop(full(values), P._replace(horizon=1023))
    assert not plain._may_drop(full(values, more=31), P._replace(horizon=24))
    assert plain._may_drop(full(values, more=63), P._replace(horizon=24))
    # Correlated ones are needed.
    walk = rng(7).normal(size=256).cumsum()
    assert not plain._may_drop(full(walk), P)
    s = full(values, begun=3 * 128, rise=1, rise_from=200, fall=1, fall_from=100, due=9)
    lasts, spreads = s[c.LASTS + 128 : c.LASTS + 256].copy(), s[c.SPREADS + 128 : c.SIZE].copy()
    plain._drop(s)
    found = named(s)
    assert (found.blocks, found.first, found.begun, found.due) == (128, 128 * 128, 128 * 128, 0)
    assert (found.rise_from, found.fall_from, found.held) == (72, 0, 1)
    assert found.held_level == pytest.approx(values[3:128].mean())
    np.testing.assert_array_equal(s[c.MEANS : c.MEANS + 128], values[128:])
    np.testing.assert_array_equal(s[c.LASTS : c.LASTS + 128], lasts)
    np.testing.assert_array_equal(s[c.SPREADS : c.SPREADS + 128], spreads)
    s[c.FULL] = 256
    plain._drop(s)
    assert s[c.HELD_LEVEL] == found.held_level  # that of the beginning


def test_a_long_plateau_is_held_to_the_level_of_its_beginning():
    values = level_off(rng(8).normal(size=140))
    values -= values.mean()
    for level, tolerance, stands in (
        (0.95, 0.0, True),
        (1.05, 0.0, False),
        (1.05, 0.6, True),
        (-1.25, 0.6, False),
    ):
        s = in_plateau(values / values.std(), held=1, held_level=-level, tolerance=tolerance)
        s[c.SPREADS : c.SPREADS + 140] = 0.0
        assert bool(plain._stands(s, P, 0, 1.0)) is stands
        if not stands:
            assert named(s).verdict == (c.WORSENING if level > 0 else c.IMPROVING)
    # A constant has no noise but that of rounding.
    s = in_plateau(np.full(140, 0.1), held=1, held_level=0.1 + 1e-16)
    s[c.SPREADS : c.SPREADS + 140] = 0.0
    assert plain._stands(s, P, 0, 1.0)


def test_a_shift_that_began_before_the_blocks_leaves_a_level():
    s = full(np.r_[np.zeros(30), np.full(90, 3.0)], rise=9)
    plain._shifted(s, P, 1, 0)
    found = named(s)
    assert (found.first, found.blocks) == (2 * 128, 118)
    assert found.left_level == 0
