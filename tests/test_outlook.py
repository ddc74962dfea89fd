"""What going on is expected to bring."""

import json
import math

import numpy as np
import pytest

from plateau import Detector, Gain
from plateau._pieces import noise_of
from plateau.outlook import COLUMNS, columns_of, gain_of

T = np.arange(1, 4001)


def test_a_power_law_brings_the_same_share_each_time():
    curve = T**-0.5
    found = gain_of(curve[:2000], -1.0)
    assert found is not None
    brought = curve[1750:2000].mean() - curve[3500:].mean()
    assert found.expected == pytest.approx(brought, rel=0.05)
    assert found.low <= brought <= found.high
    assert found.share == pytest.approx(found.expected / np.ptp(curve[:2000]))


@pytest.mark.parametrize("n", [12, 15, 23, 24, 40, 400])
def test_it_follows_from_the_last_two_doublings(n):
    """Levels are means of the last eighth, of two numbers at least."""
    for seed in range(20):
        xs = np.random.default_rng(seed).normal(size=n) - 3 * np.log(np.arange(1, n + 1))
        first, middle, last = (
            xs[max(0, k - max(k // 8, 2)) : k].mean() for k in (n // 4, n // 2, n)
        )
        brought, before = max(middle - last, 0), first - middle
        doubt = 1.645 * noise_of(xs[n // 2 :]) * math.sqrt(2 / max(n // 8, 2))
        found = gain_of(xs, -1.0)
        expected = brought * (min(brought / before, 1) if before > 0 else 1)
        assert found[:3] == pytest.approx((expected, -doubt, 2 * brought + doubt))


def test_columns_have_the_names_of_a_gain():
    assert columns_of(None) == dict.fromkeys(COLUMNS)
    assert list(columns_of(Gain(1.0, 0.5, 2.0, 0.1)).values()) == [1.0, 0.5, 2.0, 0.1]


def test_what_has_come_to_rest_brings_nothing():
    noise = 0.01 * np.random.default_rng(1).normal(size=4000)
    found = gain_of(np.exp(-T / 100) + noise, -1.0)
    assert found is not None
    assert found.expected < 0.01
    assert found.low < 0 < found.high < 0.05


def test_more_is_better_in_either_direction():
    up, down = gain_of(-(T**-0.5), 1.0), gain_of(T**-0.5, -1.0)
    assert up == down
    worse = gain_of(0.001 * T, -1.0)
    assert worse is not None
    assert worse.expected == 0


@pytest.mark.parametrize("values", [[], [1.0] * 50, np.arange(11.0)])
def test_of_little_nothing_can_be_said(values):
    assert gain_of(np.array(values), -1.0) is None
    assert gain_of(np.arange(50.0), 0.0) is None


def test_a_detector_says_it_too():
    curve = T**-0.5
    detector = Detector()
    assert detector.gain is None
    detector.update_many(curve)
    found = detector.gain
    assert isinstance(found, Gain)
    expected = curve[2000] - curve[-1]
    assert found.expected == pytest.approx(expected * 0.7, rel=0.15)
    assert json.loads(json.dumps(found._asdict()))["share"] == found.share
    detector.changed()
    assert detector.gain is None
    assert Detector("both").gain is None


def test_nothing_to_expect_is_no_negative_zero():
    for before in (3.0, 0.0):
        gain = gain_of(np.r_[np.linspace(before, 1.0, 30), np.ones(90)], -1.0)
        assert math.copysign(1.0, gain.expected) == math.copysign(1.0, gain.share) == 1.0
