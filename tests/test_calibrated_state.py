"""The calibrated detector: saved states, invariances, extreme values, wrong settings."""

import json
import math

import numpy as np
import pytest
from calibrated import cells, fed, noisy, rng, white
from hypothesis import given
from hypothesis import strategies as st
from strategies import streams

from plateau import Detector, DetectorBank, Verdict, find_plateaus, trace
from plateau import _pyramid as c

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
        "full": (-1, 0, 149, 151, 256, 1e6, 0.5),
        "more": (-1, 0, 2, 6, 15, 1e6),
        "filled": (-1, 1, 8, 0.5),
        "start": (1e160, 1.0),
        "total": (1e170, 1.0),
        "square": (-1.0, 1.0),
        "steps": (-1.0, 1.0),
        "steps2": (-1.0, 1.0),
        "first": (-1, 1, 0.5, 1e18),
        "verdict": (-1, 5, 0.5),
        "error": (-1.0,),
        "noise": (-1.0,),
        "confidence": (-0.1,),
        "begun": (-1, 0.5, 1200, 1e6, 1e15),
        "onset": (-1, 0.5),
        "declared": (-1, 0.5),
        "kind": (-1, 2, 0.5),
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
        "held": (2, -1, 0.5),
        "above": (2, -1, 0.5),
        "below": (2, -1, 0.5),
        "logged": (2, -1, 0.5),
    }.items(),
)
def test_an_impossible_state_never_reaches_the_kernels(cell, values):
    detector = fed(rng(8).normal(size=1200))
    found = cells(detector)
    assert detector.in_plateau
    assert (found.full, found.more, found.filled) == (150, 7, 0)
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


@given(st.sampled_from(c.NAMES), st.floats(-1e150, 1e150), st.integers(0, 2900))
def test_whatever_state_is_taken_the_kernels_survive_it(cell, value, n):
    xs = interesting()
    detector = fed(xs[:n], Detector(horizon=(60, None)[n % 2]))
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
    assert DetectorBank(Detector(), 100)._state.nbytes <= 100 * 8000
    assert len(c.NAMES) + 3 * 256 == c.SIZE


# ---- invariances ---------------------------------------------------------------------------------


@given(st.data(), st.integers(-(2**20), 2**20), st.booleans())
def test_an_offset_changes_nothing_where_arithmetic_is_exact(data, offset, negative):
    seed, n = data.draw(st.integers(0, 999)), data.draw(st.integers(1, 1500))
    xs = np.round(10 * rng(seed).normal(size=n)) + 40 * (np.arange(n) > n // 2)
    moved = -xs if negative else xs
    detector = Detector("both", horizon=60)
    plain, shifted = trace(moved, detector), trace(moved + offset, detector)
    for name in ("slope", "verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(shifted, name), getattr(plain, name))
    np.testing.assert_allclose(shifted.level, plain.level + offset, rtol=1e-12)


@given(st.integers(0, 10**6), st.floats(1e-9, 1e9), st.floats(-1e3, 1e3))
def test_other_units_change_no_decision(seed, factor, offset):
    xs = noisy(seed, 1000)["transient"] + 6.0 * (np.arange(1000) > 700)
    detector = Detector(horizon=100)
    plain, other = trace(xs, detector), trace(factor * (xs + offset), detector)
    for name in ("verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))
    np.testing.assert_allclose(other.slope, plain.slope * factor, rtol=1e-6, atol=1e-9 * factor)


# ---- extremes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-308, 1e-200, 1e-150, 1e-100, 1e100, 1e149])
def test_values_of_any_size(scale):
    xs = 10 * np.exp(-np.arange(5000) / 200) + white(1, 5000)
    xs[3000] = -15
    detector = fed(np.r_[xs * scale, -xs * scale])
    assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()
    assert np.isfinite(detector._state).all()
    if scale >= 1e-150:
        same = trace(xs * scale, Detector()).verdict == trace(xs, Detector()).verdict
        assert same.all()


@pytest.mark.parametrize("scale", 10.0 ** np.arange(-165, -140, 4))
def test_squares_that_lose_digits_leave_the_state_finite(scale):
    """Also those of what is left where samples, or the two that make a block, cancel out."""
    for kind in ("noise", "alternating"):
        detector = fed(noisy(0, 3000)[kind] * scale, Detector(horizon=24))
        assert np.isfinite(detector._state).all()
        assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()


@given(st.lists(st.sampled_from([0.0, 1.0, -1e-300, 3e150, -3e150, 5e-324]), max_size=400))
def test_no_number_becomes_infinite(xs):
    detector = Detector(horizon=24, run_length=1.0)
    for _ in range(4):
        detector.update_many(xs)
        assert np.isfinite(detector._state).all()
        assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()


def test_sums_of_the_largest_squares_stay_finite():
    """A block of 2**23 samples, as after a billion, of which all but some are taken."""
    detector, size = Detector(), 2**23
    xs = np.tile([2.0**500, -(2.0**500)], 40)
    fed(xs[:1], detector)
    saved = detector.state_dict()
    known = {"accepted": 99 * size - 60, "filled": size - 60, "full": 98, "more": size - 1}
    known |= {"due": 1e12, "verdict": Verdict.IMPROVING, "square": c.LARGEST, "steps": c.LARGEST}
    saved["state"] |= known
    detector.load_state_dict(saved)
    one = detector.clone()
    detector.update_many(xs[1:30])
    assert Detector.from_bytes(detector.to_bytes()).to_bytes() == detector.to_bytes()
    detector.update_many(xs[30:])
    assert cells(detector).blocks == 99
    assert np.isfinite(detector._state).all()
    for x in xs[1:]:
        one.update(x)
    assert one.to_bytes() == detector.to_bytes()


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
    assert np.isfinite(detector._state).all()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"mode": "up"}, ValueError, "mode"),
        ({"horizon": 7}, ValueError, "horizon must be at least 8"),
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
    bank = DetectorBank(detector, len(columns), alarms=None)
    fired = np.array([bank.update(row) for row in table])
    for i, column in enumerate(columns):
        single = detector.clone()
        assert np.flatnonzero(fired[:, i]).tolist() == single.update_many(column).tolist()
        assert bank[i].to_bytes() == single.to_bytes()
    bank.changed([0, 2])
    assert (bank.verdict == Verdict.WARMING_UP).tolist() == [True, False, True, False, False]
