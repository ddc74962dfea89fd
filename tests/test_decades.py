"""The calibrated detector on what falls by decades, judged by its logarithm."""

import math

import numpy as np
import pytest
from calibrated import fed, rng, story, white

from plateau import Detector, Verdict, find_plateaus, trace

_, IMPROVING, _, PLATEAU, _ = Verdict

T = np.arange(30_000.0)


def test_fourteen_decades_of_decay_have_an_end():
    t = np.arange(30_000)
    for xs in (1e14 * np.exp(-t / 300) + white(1, 30_000), 10.0 ** (14 - t / 700) - 1e-20):
        found = story(xs)
        assert found[0][1] is PLATEAU
        onset = found[0][2]
        assert xs[onset] < 0.1 * xs[0]
        assert fed(xs).in_plateau


def fallen(decades, spread=0.1, tau=500, n=20_000):
    """A positive loss that falls by decades, to a floor that it meets at 2.3·decades·tau."""
    floor, noise = 10.0**-decades, spread * rng(decades).normal(size=n)
    return (floor + np.exp(-np.arange(n) / tau)) * np.exp(noise)


@pytest.mark.parametrize("decades", [3, 5, 8])
def test_a_loss_over_decades_rests_where_its_logarithm_does(decades):
    xs = fallen(decades)
    detector = fed(xs)
    assert detector.kind == "flat"
    assert 0.8 * decades < -np.log10(xs[detector.onset]) < 1.05 * decades
    linear = fed(xs, Detector(scale="linear"))
    assert linear.onset < 2000 < detector.onset
    assert fed(xs, Detector(scale="log")).onset == detector.onset


def test_a_loss_that_falls_by_decades_to_the_end_moves():
    xs = 10.0 ** (-T[:30_000] / 4000) * np.exp(0.2 * rng(1).normal(size=30_000))
    detector = fed(xs)
    assert detector.verdict is IMPROVING
    level = detector.noise / 0.2  # when the slope was taken
    assert detector.slope == pytest.approx(-math.log(10.0) / 4000 * level, rel=0.2)
    assert 0.3 < detector.level / level < 1.1
    assert fed(xs, Detector(scale="linear")).in_plateau


def test_a_plateau_that_was_one_on_a_linear_axis_ends_when_the_decades_are_seen():
    xs = 10.0 ** (-T[:20_000] / 2000)
    moved = story(xs, Detector())
    assert [verdict for _, verdict, _ in moved[:2]] == [PLATEAU, IMPROVING]
    assert xs[moved[1][0]] > 1e-3


@pytest.mark.parametrize(
    "xs",
    [
        1.0 + fallen(5),
        fallen(5)[::-1],
        np.insert(fallen(5), 100, -1e-9),
        np.insert(fallen(5), 7000, 0.0),
        fallen(5) - 2e-5,
    ],
    ids=["high", "rises", "negative early", "zero late", "around zero"],
)
def test_what_does_not_fall_by_decades_is_judged_as_it_is(xs):
    for settings in ({}, {"scale": "auto"}):
        found = trace(xs, Detector("both", **settings))
        linear = trace(xs, Detector("both", scale="linear"))
        assert found.verdict[-1] == linear.verdict[-1]
        assert found.kind[-1] == linear.kind[-1]
        assert found.onset[-1] == pytest.approx(linear.onset[-1], rel=0.4)


def test_digits_far_below_the_first_sample_are_kept():
    xs = np.maximum(10.0 ** (-T[:20_000] / 500), 1e-18) * np.exp(0.05 * white(3, 20_000))
    detector = fed(xs)
    assert detector.onset == pytest.approx(9000, rel=0.05)
    assert detector.level == pytest.approx(1e-18, rel=0.05)


def test_units_of_decades_change_nothing():
    xs = fallen(4)
    plain, scaled = trace(xs, Detector()), trace(xs * 2.0**40, Detector())
    for name in ("verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(scaled, name), getattr(plain, name))
    np.testing.assert_array_equal(scaled.slope, plain.slope * 2.0**40)


def test_a_negative_metric_that_comes_closer_to_zero_is_judged_by_decades_too():
    xs = fallen(4)
    plain, mirrored = trace(xs, Detector("min")), trace(-xs, Detector("max"))
    for name in ("verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(mirrored, name), getattr(plain, name))
    np.testing.assert_array_equal(mirrored.slope, -plain.slope)
    assert find_plateaus(-xs, Detector("max"))[-1].start == find_plateaus(xs)[-1].start


def test_a_scale_is_one_of_three():
    with pytest.raises(ValueError, match="scale must be one of auto, linear, log, not 'ln'"):
        Detector(scale="ln")
