"""The kernels of the calibrated detector and its blocks: each against a slow twin."""

import math

import numpy as np
import pytest
import reference
from calibrated import autoregressive, blocks, cells, fed, noisy, pretend, rng, row, white
from hypothesis import given
from hypothesis import strategies as st
from plain import pyramid as plain

from plateau import Detector
from plateau import _pyramid as c
from plateau import _rules as rules
from plateau._recurrence import PARAMS, PLATEAU
from plateau._rules import decide

kinds = pytest.mark.parametrize("kind", noisy(0))


@pytest.mark.parametrize("kind", ["transient", "shift", "walk"])
def test_the_compiled_kernels_do_what_the_source_says(kind):
    xs = noisy(5, 700)[kind]
    detector = Detector(horizon=60, run_length=100.0)
    block = detector._make_state(1)
    fired = []
    for i, x in enumerate(xs):
        code = plain.update(block, x)
        fired += [i] if code and decide(block[PARAMS:], detector._params, code) else []
    assert detector.update_many(xs).tolist() == fired
    assert fired or kind == "walk"
    np.testing.assert_allclose(detector._state, block, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 5000), st.floats(-5, 5), st.integers(0, 99))
def test_blocks_are_those_of_the_stream_cut_in_equal_pieces(n, level, seed):
    xs = level + rng(seed).normal(size=n).cumsum()
    detector = fed(xs, Detector("both", horizon=2**40, min_change=0.0))  # nothing is a plateau
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


@pytest.mark.parametrize("phi", [-0.7, 0.0, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("n", [200, 3000])
def test_blocks_are_ranked_without_their_autocorrelation(n, phi):
    xs = autoregressive(3, n, phi)
    s = row(fed(xs))
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
    assert rules.inflation(s, 10, 100) == pytest.approx(expected)


def test_little_autocorrelation_may_be_chance():
    found = set()
    for seed in range(40):
        values = autoregressive(seed, 100, 0.2)
        off = values[1:] - values[1:].mean()
        errors = (off[1:] @ off[:-1]) / off.var() / math.sqrt(99)
        left = rules.inflation(pretend(values), 0, 100) > 1
        assert left == (errors > 2)
        found.add(round(errors, 1))
    assert {1.8, 2.2, 2.5} <= found


@pytest.mark.parametrize("inflation", [1.0, 2.5])
@pytest.mark.parametrize("kind", ["noise", "ties", "walk", "ramp"])
def test_ranks_are_added_to_the_cusums(kind, inflation):
    values = noisy(6, 40)[kind]
    p = c.Params(-1.0, 600, 0.05, 1e200, 0.0)  # no limit that these few blocks reach
    found = []
    s = pretend(values[:8], begun=0, inflation=inflation, verdict=PLATEAU).row
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
    p = c.Params(0.0, 600, 0.05, run_length, 0.0)
    for excess, ends in ((-1e-9, False), (1e-9, True)):
        # The last block is in the middle of the others: the CUSUM falls by the reference.
        values = np.r_[np.arange(20.0), 10.0] ** 3
        s = pretend(values, inflation=1.0, verdict=PLATEAU, more=size - 1, rise_from=20).row
        s[c.SPREADS : c.SPREADS + 21] = 1.0
        score = (2 * 9.5 - 19) / math.sqrt(19 * 21 / 3)
        s[c.RISE] = limit + c.REFERENCE - score + excess
        assert bool(plain._watch(s, p)) is ends


P = c.Params(-1.0, 600, 0.05, 1e7, 0.0)


def test_a_cusum_remembers_the_block_at_which_it_began():
    values = np.r_[rng(2).normal(size=20), -9.0, -9.1, -9.2]
    s = pretend(values[:20], inflation=1.0, verdict=PLATEAU, rise=1.0, rise_from=3).row
    for n in (21, 22, 23):
        s[c.MEANS + n - 1] = s[c.LASTS + n - 1] = values[n - 1]
        s[c.FULL] = n
        plain._watch(s, P)
    assert (s[c.RISE], s[c.FALL_FROM]) == (0, 20)
    assert s[c.RISE_FROM] == 22  # set anew by each block that leaves it at 0
    s[c.FALL] = 0.0
    s[c.FULL] = 24
    s[c.MEANS + 23] = 9.0
    plain._watch(s, P)
    assert (s[c.RISE_FROM], s[c.FALL_FROM]) == (23, 23)
    assert s[c.RISE] > 0


def test_the_level_is_an_average_over_the_last_eighth():
    xs, level = white(12, 250), 0.0
    for i, x in enumerate(xs):
        level += (x - level) * min(1.0, 8 / (i + 1))
    assert fed(xs).level == pytest.approx(level)
    step = 1e-3 * white(13, 9000) + (np.arange(9000) >= 8000)
    steady = fed(step, Detector("both", horizon=2**40, min_change=0.0))  # no plateau that could end
    assert steady.level == pytest.approx(1 - math.exp(-1), abs=0.08)
