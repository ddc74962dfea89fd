"""The rules of the calibrated detector: each against a slow twin, and step by step."""

import math

import numpy as np
import pytest
import reference
from calibrated import autoregressive, cells, fed, level_off, line, noisy, pretend, rng, white
from hypothesis import given
from hypothesis import strategies as st

from plateau import Detector, trace
from plateau import _rules as rules
from plateau import _stretches as stretches
from plateau._pyramid import ASK, Params, Stream
from plateau._recurrence import FLAT, IMPROVING, PLATEAU, SLOW, UNDECIDED, WORSENING
from plateau._stretches import Start

kinds = pytest.mark.parametrize("kind", noisy(0))


@given(st.lists(st.integers(-20, 20), min_size=12, max_size=255), st.booleans())
def test_range_leaves_out_outliers(values, known):
    s = pretend(values, known=known, known_level=9.0)
    assert rules.covered(s) == reference.trimmed_range(values, *[9.0] * known)


# ---- one step from a state in the middle of a life -----------------------------------------------

P = Params(-1.0, 600, 0.05, 1e7, 1.0)


def in_plateau(values, **known):
    """A plateau of blocks of 4 samples, the stream before them 40 samples long."""
    cells = {"more": 3, "first": 40, "begun": 40, "onset": 40, "inflation": 1.0, "accepted": 0}
    cells |= {"verdict": PLATEAU, "visible": 1} | known
    cells["accepted"] = cells["first"] + 4 * len(values)
    s = pretend(values, **cells)
    s.spreads[: len(values)] = 100 + np.arange(len(values))
    return s


@pytest.mark.parametrize("sign", [-1, 0, 1])
@pytest.mark.parametrize("step", [-3.0, 3.0])
def test_a_shift_leaves_the_blocks_behind_it(step, sign):
    values = np.r_[rng(0).normal(size=40), step + rng(1).normal(size=12)]
    known = {"rise": 9, "rise_from": 40} if step > 0 else {"fall": 9, "fall_from": 40}
    found = in_plateau(values, fires=2, slope=0.5, **known)
    rules.shifted(found, P._replace(sign=sign))
    assert (found.full, found.first, found.accepted) == (12, 40 + 160, 40 + 208)
    assert found.means[:12].tolist() == values[40:].tolist()
    assert found.lasts[:12].tolist() == values[40:].tolist()
    assert found.spreads[:12].tolist() == list(range(140, 152))
    level, away = values[1:40].mean(), values[40:].mean()
    assert (found.interrupted, found.left_onset) == (1, 40)
    assert (found.left_level, found.away_level) == pytest.approx((level, away))
    assert (found.known, found.known_level) == (1, pytest.approx(level))
    assert found.due == 48 * 1.125
    better = sign * step >= 0
    assert found.verdict == (IMPROVING if better else WORSENING)
    assert found.fires == (0 if better else 2)
    assert found.confidence == 1 - 1e-7


def test_a_tolerated_shift_becomes_the_level():
    values = 10 + np.r_[np.zeros(40), np.full(12, 0.3)]
    for tolerance, ends in ((0.29, True), (0.31, False)):
        s = in_plateau(values, visible=0, tolerance=tolerance, rise=5, rise_from=40, fall=1)
        before = in_plateau(values, visible=0, tolerance=tolerance, rise_from=40)
        rules.shifted(s, P)
        s.store()
        assert bool((s.row != before.row).any()) is ends
        assert (s.verdict != PLATEAU) is ends


def test_merged_blocks_are_those_of_double_size():
    xs = rng(3).normal(size=(256, 8))
    s = pretend(xs.mean(axis=1), more=7, rise=2, fall=3, rise_from=201, fall_from=14)
    s.lasts[:], s.spreads[:] = xs[:, -1], xs.var(axis=1)
    rules.merge(s)
    pairs = xs.reshape(128, 16)
    np.testing.assert_allclose(s.means[:128], pairs.mean(axis=1))
    np.testing.assert_allclose(s.lasts[:128], pairs[:, -1])
    np.testing.assert_allclose(s.spreads[:128], pairs.var(axis=1))
    assert (s.full, s.size) == (128, 16)
    assert (s.rise, s.fall) == pytest.approx((2 / math.sqrt(2), 3 / math.sqrt(2)))
    assert (s.rise_from, s.fall_from) == (100, 7)


def test_what_ends_a_plateau_that_is_looked_at():
    flat = rng(4).normal(size=60)
    ramp = line(60)

    def stands(values, best=0, visible=0, spread=0.0, **known):
        s = in_plateau(values, interrupted=1, visible=visible, **known)
        s.spreads[: len(values)] = spread
        return rules.stands(s, P, Start(best, best, 1.0)), s

    assert stands(flat, visible=1)[0]
    # Of one that has just begun the last eight blocks are asked.
    _, found = stands(flat, begun=40 + 4 * 57)
    assert found.slope == pytest.approx(reference.drift(flat[-8:])[0] / (4 * 8))
    ok, found = stands(flat + 8 * ramp)
    assert (ok, found.verdict, found.interrupted) == (False, WORSENING, 0)
    assert stands(flat - 8 * ramp)[1].verdict == IMPROVING
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
    assert (ok, found.verdict, found.interrupted, found.renew) == (False, UNDECIDED, 0, 0)
    # A later onset begins a new plateau, if what lies before is at another level.
    step = flat + 3.0 * (np.arange(60) < 12)
    ok, found = stands(level_off(step), best=12)
    assert (ok, found.verdict, found.renew, found.interrupted) == (False, UNDECIDED, 1, 0)
    assert stands(flat, best=12)[0]
    assert stands(level_off(step), best=12, tolerance=4.0)[0]
    first = np.arange(60) < 12
    error = flat[12:].std() * math.sqrt(1 / 12 + 1 / 48)
    apart = 4 * error + flat[12:].mean() - flat[:12].mean()
    # Where it has come back it is the plateau of before, and what led there ends nothing.
    ok, found = stands(level_off(step), best=12, onset=10, rise=2, fall=1, rise_from=3)
    assert (ok, found.begun, found.rise, found.fall) == (True, 40 + 4 * 12, 0, 0)
    assert stands(flat + 0.99 * apart * first, best=12)[0]
    assert not stands(flat + 1.01 * apart * first, best=12)[0]


def test_back_is_nearer_than_half_way():
    noise = 0.1 * rng(5).normal(size=16)
    for level, back in ((5.5, None), (4.6, 4), (-4.6, 4), (-5.5, None)):
        known = {"interrupted": 1, "left_level": 0, "away_level": 10, "left_onset": 7}
        s = in_plateau(level + noise, verdict=WORSENING, **known)
        assert rules.returned(s) == back
        s.interrupted = 0
        assert rules.returned(s) is None
    # The bound of the mean counts, not the mean.
    wide = 4.6 + 5 * noise
    s = in_plateau(wide, verdict=WORSENING, **known)
    mean, error = wide[4:].mean(), reference.drift(wide[4:])[1] / math.sqrt(12)
    for distance, back in ((mean + 1.7 * error, 4), (mean + 1.6 * error, None)):
        s.away_level = 2 * distance
        assert rules.returned(s) == back
    half = in_plateau(np.full(16, 5.0), verdict=WORSENING, **known | {"away_level": 10})
    assert rules.returned(half) == 4  # half way itself is back
    # And a few blocks are not enough.
    few = pretend(noise[:11], **known)
    assert rules.returned(few) is None
    assert rules.returned(pretend(noise[:12], **known)) == 0
    # Nor is one that passes by at full speed.
    for drift, back in ((3.9, 4), (4.1, None)):
        level = level_off(noise[4:])
        level += drift * reference.drift(level)[1] * line(12)
        s = in_plateau(np.r_[noise[:4], level], verdict=WORSENING, **known)
        assert rules.returned(s) == back


def test_no_visible_drift():
    flat = level_off(rng(6).normal(size=100) + (-1.0) ** np.arange(100))
    error = reference.drift(flat)[1]

    def settled(drift, horizon=400, onset=0, noise=1.0, spread=0.0, **known):
        s = in_plateau(noise * flat + drift * line(100), verdict=UNDECIDED, **known)
        s.spreads[:100] = spread
        return rules.settled(s, P._replace(horizon=horizon), onset)

    assert settled(2.45 * error)
    assert not settled(2.55 * error)
    assert settled(3.95 * error, renew=1)
    assert not settled(4.05 * error, renew=1)
    assert not settled(0, 401)
    assert settled(0, 100, onset=75)
    assert not settled(0, 96, onset=76)  # less than a quarter of the stream
    # Without a horizon it is the 624 samples of noise alone that the evidence takes.
    for count, size, enough in ((89, 7, False), (104, 6, True)):
        s = in_plateau(flat[:1].repeat(count), more=size - 1, verdict=UNDECIDED)
        assert rules.settled(s, P._replace(horizon=0), 0) is enough
    # What came before may go on unseen.
    after = reference.drift(flat[50:])[1]
    came = 2.5 * after * ((np.arange(100) >= 25) & (np.arange(100) < 50))
    for progress, rests in ((came, False), (-came, True)):
        s = in_plateau(flat - flat[50:].mean() + progress, verdict=UNDECIDED)
        s.spreads[:100] = 0.0
        assert rules.settled(s, P._replace(horizon=200), 50) is rests
    # Certain, but with its bound surely below half of the noise.
    drift = 0.25 - 2.5 * 0.1 * error
    assert drift > 2.6 * 0.1 * error
    assert settled(drift, noise=0.1, spread=0.25)
    assert not settled(drift, noise=0.1, spread=0.2)


def test_hardly_any_movement_beside_the_range():
    def levelled(values, allowed=0.05, p=P, **known):
        """Of a range of 1000, from a level that is known from before the blocks."""
        low = stretches.bounds(values)[0]
        known |= {"verdict": UNDECIDED, "known": 1, "known_level": low + 1000}
        s = in_plateau(values, **known)
        return rules.levelled(s, p._replace(change=allowed / 1000)), s

    fall = np.r_[np.linspace(10, 3, 72), np.zeros(28)]
    zigzag = fall + 0.5 * (-1.0) ** np.arange(100)
    # All blocks of the last quarter within a share of the range: from where they stay there.
    begin, found = levelled(zigzag, 1.001)
    assert found.tolerance == pytest.approx(1.001)
    assert begin == 72
    assert levelled(zigzag, 0.999)[0] is None
    stairs = np.r_[np.full(70, 5.0), np.ones(5), np.zeros(25)]
    assert levelled(stairs, 1.0)[0] == 70  # a block that is off by just as much is in it
    assert levelled(np.zeros(8))[0] == 0
    # Or the bound of their drift within twice the share, if there are enough of them.
    change, error, *_ = reference.drift(zigzag[75:])
    bound = abs(change) + 1.645 * error
    short = P._replace(horizon=100)
    begin, found = levelled(zigzag, 0.501 * bound, short)
    assert begin >= 72
    assert found.tolerance == pytest.approx(0.501 * bound)
    assert (found.slope, found.error) == pytest.approx((change / 100, error / 100))
    assert levelled(zigzag, 0.499 * bound, short)[0] is None
    assert levelled(zigzag, 0.501 * bound, P._replace(horizon=101))[0] is None
    # A drift that is surely there must not matter within the horizon, or what evidence takes.
    ramp = level_off(rng(7).normal(size=100)) + 20 * line(100)
    change, error, *_ = reference.drift(ramp[75:])
    sure = (abs(change) - 1.645 * error) * 600 / 100
    assert sure > 10
    assert levelled(ramp, 0.505 * sure)[0] is not None
    assert levelled(ramp, 0.495 * sure)[0] is None
    assert levelled(ramp, 0.495 * sure, P._replace(horizon=500))[0] is not None
    free = P._replace(horizon=0)
    assert levelled(ramp, 0.505 * sure * 625 / 600, free)[0] is not None
    assert levelled(ramp, 0.495 * sure * 625 / 600, free)[0] is None
    # A drift so clear that the stream moves, however little.
    slow = 0.01 * level_off(rng(7).normal(size=100)) + 0.2 * line(100)
    change, error, *_ = reference.drift(slow[75:])
    begin, found = levelled(slow, 5.0)
    assert (begin, found.kind) == (0, SLOW if abs(change) > 2.5 * error else FLAT)
    clear = slow + (21 * error - change) * 4 * line(100)
    assert levelled(clear, 5e4)[0] is None
    # 32 samples at least, in eight blocks.
    assert levelled(np.zeros(8))[0] == 0
    assert levelled(np.zeros(7), more=7)[0] is None
    assert levelled(np.zeros(31))[0] == 0
    assert levelled(np.zeros(28), more=3)[0] == 0
    assert levelled(np.zeros(124), more=0)[0] is None
    assert levelled(np.zeros(125), more=0)[0] == 0


@pytest.mark.parametrize("at", [20, 400])
@pytest.mark.parametrize("height", [100.0, 300.0, 1000.0])
def test_a_spike_does_not_hide_a_descent(at, height):  # but at the beginning it is the range
    t = np.arange(4000)
    for seed in range(5):
        xs = 3 * np.exp(-t / 300) + np.random.default_rng(seed).normal(size=4000)
        xs[at] += height
        assert Detector().update_many(xs)[0] >= 900  # the descent is 0.15 there


def test_a_steep_start_does_not_hide_the_rest_of_a_descent():
    t = np.arange(40_000)
    for seed in range(4):
        xs = 10 / (1 + t / 50) + 0.01 * rng(seed).normal(size=len(t))
        first = np.flatnonzero(trace(xs, Detector()).verdict == PLATEAU)[0]
        assert 10 / (1 + first / 50) < 0.4  # 4 % of what it covered


def test_an_assessment_describes_the_stretch_that_it_looked_at():
    noise = rng(8).normal(size=100)
    p = P._replace(horizon=10**6)
    for values in (noise, noise + 3 * line(100), noise - 3 * line(100)):
        s = in_plateau(values, verdict=UNDECIDED, renew=1)
        s.spreads[:100] = 0.0
        assert not rules.assess(s, p)
        quarter, whole = reference.drift(values[75:]), reference.drift(values)
        moves = abs(whole[0]) > 4 * whole[1]
        assert moves == (values is not noise)
        assert abs(quarter[0]) < 4 * quarter[1]  # silent: the whole stretch is asked
        begin = stretches.stationary(s.means[: s.blocks]).onset
        change, error, _, rest = reference.drift(values[begin:])
        length = 4 * (100 - begin)
        expected = (change / length, error / length, math.sqrt(rest))
        assert (s.slope, s.error, s.noise) == pytest.approx(expected)
        assert s.renew == 0
        if abs(change) > 4 * error:
            assert s.verdict == (WORSENING if change > 0 else IMPROVING)
            assert s.confidence == pytest.approx(math.erf(abs(change) / error / math.sqrt(2)))
        else:
            assert (s.verdict, s.confidence) == (UNDECIDED, 0)


def test_a_declaration_begins_a_plateau():
    values = 2 + rng(9).normal(size=100)
    known = {"rise": 1, "fall": 2, "renew": 1, "interrupted": 1, "verdict": UNDECIDED, "noise": 1}
    for fire_level, fires in (
        (2.3, 4),
        (2.8, 1),
        (0.0, 4),
    ):  # fallen by less than half a σ, more, risen
        s = in_plateau(values, fires=3, fire_level=fire_level, error=1e-3, **known)
        assert rules.declare(s, P, 10, 33, 1.0, 10)
        assert (s.verdict, s.visible, s.onset) == (PLATEAU, 1, 33)
        assert (s.begun, s.declared) == (40 + 4 * 10, s.accepted - 1)
        assert (s.rise, s.fall, s.renew, s.interrupted) == (0, 0, 0, 0)
        assert (s.fires, s.last_fire) == (fires, s.accepted)
        assert (s.fire_level, s.fire_length) == (
            pytest.approx(values[10:].mean()),
            s.accepted - 33,
        )
        error = 1e-3 * 4 * 90
        assert s.confidence == pytest.approx(math.erf(0.5 / error / math.sqrt(2)))
        s.tolerance = 0.4
        assert rules.confidence(s) == pytest.approx(math.erf(0.8 / error / math.sqrt(2)))
        for accepted, again in ((2 * s.accepted - 34, False), (2 * s.accepted - 33, True)):
            s.accepted = accepted
            assert rules.fires_again(s, news=False) is again
        assert (s.last_fire, s.fires) == (s.accepted, fires + 1)


def test_a_plateau_without_noise_at_the_level_of_the_last_fire_is_no_progress():
    s = in_plateau(np.full(100, 2.0), verdict=UNDECIDED, fires=3, fire_level=2)
    s.spreads[:100] = 0.0
    rules.declare(s, P, 0, 40, 1.0, 0)
    assert s.fires == 4


def test_a_tail_before_a_tolerated_plateau_is_no_correlation():
    tail = rng(5).normal(size=160) + 20 * np.exp(-np.arange(160) / 10)
    for visible, best in ((0.0, 60), (1.0, 0)):
        s = in_plateau(tail, verdict=UNDECIDED, noise=1)
        assert rules.declare(s, P, 0, 40, visible, 60)
        assert s.inflation == rules.own_inflation(in_plateau(tail), 0, best)
    assert s.inflation > 3


def test_a_constant_of_a_few_blocks_is_undecided():
    s = in_plateau(np.zeros(28), more=0, verdict=UNDECIDED)
    assert not rules.assess(s, P)
    assert (s.verdict, s.confidence) == (UNDECIDED, 0)


def test_a_few_blocks_must_move_more_clearly():
    noise = level_off(rng(3).normal(size=8) + (-1.0) ** np.arange(8))
    error, limit = reference.drift(noise)[1], rules.wider(rules.SURE, 8 - 2)
    for share, verdict in ((0.99, UNDECIDED), (1.01, WORSENING)):
        values = np.r_[4.0 * rng(4).normal(size=24), noise + share * limit * error * line(8)]
        s = in_plateau(values, verdict=UNDECIDED)
        assert not rules.assess(s, P._replace(horizon=10**6))
        assert s.verdict == verdict


def test_a_plateau_is_looked_at_anew():
    values = level_off(autoregressive(10, 200, 0.6))
    s = in_plateau(values, fire_length=1e9, due=5000)
    assert not rules.assess(s, P)
    assert s.verdict == PLATEAU
    assert s.inflation == rules.inflation(s, 0, 200) > 1.5
    assert s.confidence == rules.confidence(s) > 0.5
    assert (s.due, s.fires) == (5000, 0)
    s.fire_length = 400
    assert rules.assess(s, P)
    s = in_plateau(values + 20 * line(200), due=5000, visible=0)
    assert not rules.assess(s, P)  # it drifts: what came after is asked at the next block
    assert (s.verdict, s.due) == (WORSENING, 0)


def test_a_stream_is_looked_at_when_it_has_grown():
    values = level_off(rng(12).normal(size=100))

    def due(**known):
        s = in_plateau(values, **known)
        s.store()
        rules.decide(s.row, P, ASK)
        return Stream.of(s.row).due

    assert due(verdict=UNDECIDED, due=400) == 450
    assert due(verdict=UNDECIDED, due=401) == 401
    assert due(due=400) == 450
    assert due(due=400, held=1) == 800  # and when it drops blocks


def test_how_well_the_level_is_known():
    """By all blocks of a plateau, or the last quarter; the level itself is an average of some."""
    values = 5 + rng(13).normal(size=100)

    def known(begin, **cells):
        s = in_plateau(values, **cells)
        s.spreads[:100] = 0.5
        _, error, _, rest = reference.drift(values[begin:])
        count, weight = 100 - begin, 8 / 100
        averaged = min(2 / weight - 1, count)
        return rules.precision(s), error * math.sqrt(count / averaged / 12), rest, error

    found, level_error, rest, error = known(0)
    assert found.level_error == pytest.approx(level_error)
    assert found.effective == pytest.approx((rest + 0.5) / (error**2 / 12))
    found, level_error, *_ = known(60, begun=40 + 4 * 60)
    assert found.level_error == pytest.approx(level_error)
    found, level_error, *_ = known(75, verdict=UNDECIDED)
    assert found == (pytest.approx(level_error), pytest.approx(math.nan, nan_ok=True))
    for count, enough in ((7, False), (8, True)):
        s = in_plateau(values[:count], verdict=UNDECIDED)
        assert math.isnan(rules.precision(s).level_error) is not enough
        s = in_plateau(values, begun=40 + 4 * (100 - count))
        assert math.isnan(rules.precision(s).level_error) is not enough
    # Of a constant each sample is worth one.
    s = in_plateau(np.full(100, 5.0))
    s.spreads[:100] = 0.0
    assert rules.precision(s) == (0.0, 400.0)


def test_what_was_tolerated_before_is_forgotten():
    values = level_off(rng(11).normal(size=200))
    s = in_plateau(values, verdict=UNDECIDED, tolerance=3)
    assert rules.assess(s, P)
    assert (s.tolerance, s.visible) == (0, 1)
    assert (s.onset, s.begun) == (s.begun, 40 + 4 * stretches.stationary(s.means[: s.blocks]).onset)
    away = {"interrupted": 1, "left_level": 0, "away_level": 9, "left_onset": 7}
    s = in_plateau(values, verdict=WORSENING, tolerance=3, **away)
    assert rules.assess(s, P)
    assert (s.tolerance, s.visible, s.onset) == (0, 0, 7)
    assert s.begun == 40 + 4 * 150


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


def test_an_end_that_stands_out_is_not_flat():
    flat = level_off(rng(6).normal(size=96) + (-1.0) ** np.arange(96))
    last = np.arange(96) >= 84
    rest, end = flat[~last], flat[last]
    error = rest.std() * math.sqrt(reference.inefficiency(rest) * (1 / 12 + 1 / 84))
    for distance, settled in ((3.9, True), (4.1, False)):
        values = flat + (distance * error - end.mean() + rest.mean()) * last
        s = in_plateau(values, verdict=UNDECIDED, renew=1)
        s.spreads[:96] = 1e4  # so that no drift matters
        assert bool(rules.settled(s, P._replace(horizon=96), 0)) is settled


def test_a_kink_ends_a_plateau():
    """A straight line has a large error beside one."""
    kink = np.maximum(np.arange(120) - 80, 0) / 8.0 + 0.1 * rng(4).normal(size=120)
    change, error, *_ = reference.drift(kink)
    assert abs(change) < 4 * error
    for tolerance, stands in ((1.0, False), (0.0, True)):  # without one the ranks are enough
        s = in_plateau(kink, visible=0, tolerance=tolerance)
        s.spreads[:120] = 0.0
        assert bool(rules.stands(s, P, Start(0, 0, 1.0))) is stands
        if not stands:
            assert s.verdict == WORSENING
            assert s.slope * 480 == pytest.approx(stretches.late_change(kink)[0])
            assert s.confidence == pytest.approx(math.erf(s.slope / s.error / 2**0.5))


def test_inflation_leaves_out_tails_and_what_may_be_a_shift():
    noise = rng(5).normal(size=160)
    tail = noise + 20 * np.exp(-np.arange(160) / 10)
    shift = noise + 5 * (np.arange(160) >= 150)
    assert rules.inflation(in_plateau(tail), 0, 160) > 3
    assert rules.own_inflation(in_plateau(tail), 0, 60) == 1
    assert rules.inflation(in_plateau(shift), 0, 160) > 2
    for known in ({"rise": 1, "rise_from": 150}, {"fall": 1, "fall_from": 150}):
        assert rules.own_inflation(in_plateau(shift, **known), 0, 0) == 1
    # But most is used in any case.
    correlated = in_plateau(autoregressive(6, 160, 0.9), rise=1, rise_from=5)
    assert rules.own_inflation(correlated, 0, 159) == rules.inflation(correlated, 60, 120)
    late = rules.own_inflation(correlated, 80, 159)
    assert late == rules.inflation(correlated, 110, 140) > 1


def full(values, **known):
    return in_plateau(values, **{"more": 127, "accepted": 0, "first": 0, "begun": 0} | known)


def test_a_long_plateau_drops_its_oldest_blocks():
    values = rng(7).normal(size=256)
    assert rules.may_drop(full(values), P)
    assert not rules.may_drop(full(values, verdict=UNDECIDED), P)
    assert rules.may_drop(full(values, begun=128 * 128), P)
    assert not rules.may_drop(full(values, begun=129 * 128), P)
    # Blocks become as long as a quarter of the horizon allows, or 64 samples at least.
    assert not rules.may_drop(full(values), P._replace(horizon=1025))
    assert rules.may_drop(full(values), P._replace(horizon=1023))
    assert not rules.may_drop(full(values, more=31), P._replace(horizon=24))
    assert rules.may_drop(full(values, more=63), P._replace(horizon=24))
    # Without a horizon it is the 625 samples that the evidence takes.
    assert not rules.may_drop(full(values, more=77), P._replace(horizon=0))
    assert rules.may_drop(full(values, more=78), P._replace(horizon=0))
    # Correlated ones are needed.
    walk = rng(7).normal(size=256).cumsum()
    assert not rules.may_drop(full(walk), P)
    s = full(values, begun=3 * 128, rise=1, rise_from=200, fall=1, fall_from=100, due=9)
    lasts, spreads = s.lasts[128:].copy(), s.spreads[128:].copy()
    rules.drop(s)
    assert (s.blocks, s.first, s.begun, s.due) == (128, 128 * 128, 128 * 128, 0)
    assert (s.rise_from, s.fall_from, s.held) == (72, 0, 1)
    assert s.held_level == pytest.approx(values[3:128].mean())
    np.testing.assert_array_equal(s.means[:128], values[128:])
    np.testing.assert_array_equal(s.lasts[:128], lasts)
    np.testing.assert_array_equal(s.spreads[:128], spreads)
    held, s.full = s.held_level, 256.0
    rules.drop(s)
    assert s.held_level == held  # that of the beginning


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
        s.spreads[:140] = 0.0
        assert bool(rules.stands(s, P, Start(0, 0, 1.0))) is stands
        if not stands:
            assert s.verdict == (WORSENING if level > 0 else IMPROVING)
            assert s.confidence == 1 - 1e-7
    # A constant has no noise but that of rounding.
    s = in_plateau(np.full(140, 0.1), held=1, held_level=0.1 + 1e-16)
    s.spreads[:140] = 0.0
    assert rules.stands(s, P, Start(0, 0, 1.0))


def test_a_shift_that_began_before_the_blocks_leaves_a_level():
    s = full(np.r_[np.zeros(30), np.full(90, 3.0)], rise=9)
    rules.shifted(s, P)
    assert (s.first, s.blocks) == (2 * 128, 118)
    assert s.left_level == 0


# ---- evidence ------------------------------------------------------------------------------------


def test_a_stretch_at_rest():
    noise = 0.3 * level_off(rng(1).normal(size=24))
    descent = np.linspace(100.0, 2.0, 20)

    def rested(*parts, sign=-1.0, **known):
        s = pretend(-sign * np.concatenate(parts), verdict=UNDECIDED, **known)
        return rules.rested(s, P._replace(sign=sign)), s

    for sign in (-1.0, 1.0):
        begin, s = rested(descent, noise, sign=sign)
        assert begin == pytest.approx(20, abs=2)
        assert s.kind == FLAT
        assert s.tolerance == pytest.approx(0.03 * np.ptp(np.r_[descent, noise]))
        found = reference.drift(s.means[begin : s.blocks])
        length = s.blocks - begin
        assert (s.slope * length, s.error * length) == pytest.approx(found[:2])
    # Without a direction there is no progress that could end.
    assert rested(descent, noise, sign=-1.0)[0] is not None
    s = pretend(np.r_[descent, noise])
    assert rules.rested(s, P._replace(sign=0.0)) is None
    # Something must lie before it, be it a level from before the blocks.
    assert rested(noise)[0] is None
    assert rested(noise, known=1, known_level=100.0)[0] == 0
    assert rested(noise, known=1, known_level=0.0)[0] is None
    assert rested(np.zeros(24))[0] is None
    spikes = 50.0 + np.where(np.arange(128) == 20, -10.0, 0.1 * rng(2).normal(size=128))
    spikes[40] += 10.0  # of so large a range that the whole row is at rest
    for level, begin in ((45.0, 0), (50.0, None), (55.0, 0)):
        assert rested(spikes, known=1, known_level=level)[0] == begin
    # Two fifths of the stream, and a dozen blocks.
    assert rested(descent[5:], level_off(noise[:14]))[0] is not None
    assert rested(np.linspace(100, 2, 40), noise)[0] is None
    late = np.r_[np.linspace(100, 6, 30), np.linspace(6, 0, 8)]  # whose second half moves little
    assert rested(late, noise)[0] is None
    assert rested(late[4:], noise)[0] == pytest.approx(34, abs=2)
    assert rested(descent[8:], level_off(noise[:10]))[0] is None
    assert rested(descent[8:], level_off(noise[:13]))[0] is not None
    # The bound of the progress is a share of the range: three of a hundred.
    for slope, rests in ((1.5, True), (4.0, False)):
        values = noise - slope * line(24)
        assert bool(reference.progress_bound(values, -1.0) < 3) is rests
        assert (rested(descent, values)[0] is not None) is rests
    # Nor may it be noise in which that progress would not be seen.
    assert rested(descent, 20 * noise)[0] is None
    # What gets worse is no rest; and a climb back from the best leaves progress to make.
    assert rested(descent, noise + 8 * line(24))[0] is None
    # But one below what does not count, however certain, is.
    assert rules.wider(rules.SURE, 22) * reference.drift(noise)[1] < 2
    assert rested(descent, noise + 2 * line(24))[0] is not None


def test_progress_that_may_go_on_against_its_definition():
    for seed in range(30):
        values = 4 * np.exp(-np.arange(80) / (3.0 + seed)) + 0.2 * rng(seed).normal(size=80)
        for onset in (0, 20, 40, 60):
            after = values[onset:]
            change, error, *_ = reference.drift(after)
            before = values[onset * onset // 80 : onset]
            expected = False
            if onset:
                progress = before.mean() - after.mean()
                spread = error / math.sqrt(12) * math.sqrt(1 + len(after) / len(before))
                seen = progress > 2.5 * spread
                expected = bool(seen and -change + 1.645 * error > progress / 2)
            s = pretend(values)
            assert rules.continues(s, P, onset, change, error) is expected
            assert rules.continues(s, P._replace(sign=0.0), onset, change, error) is False
            worse = pretend(-values)
            assert not rules.continues(worse, P, onset, -change, error)
    # The level from before the blocks is one from which there may have been progress.
    flat = level_off(rng(1).normal(size=40))
    change, error, *_ = reference.drift(flat)
    for level, goes_on in ((0.0, False), (2.0 * 1.645 * error - 0.1, True), (99.0, False)):
        s = pretend(flat, known=1, known_level=level + flat.mean())
        assert rules.continues(s, P, 0, change, error) is goes_on


def test_a_drift_is_judged_by_what_is_uncorrelated_around_it():
    values = level_off(rng(4).normal(size=60)) + 8 * line(60)
    assert 60 / reference.inefficiency(values) < 12 < reference.drift(values)[2]
    s = in_plateau(values, visible=0)
    s.spreads[:60] = 0.0
    assert not rules.stands(s, P, Start(0, 0, 1.0))


def test_kind_of_what_lasts():
    tail = 3 * np.exp(-np.arange(200) / 15)
    noise = 0.3 * level_off(rng(0).normal(size=200))
    for values, kind in (
        (noise, FLAT),
        (tail + noise, FLAT),  # the tail is over
        (noise - 1.0 * line(200), SLOW),
    ):
        s = in_plateau(values, visible=0, tolerance=3, kind=SLOW)
        assert rules.stands(s, P, stretches.stationary(values))
        assert s.kind == kind
