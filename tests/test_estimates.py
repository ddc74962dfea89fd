"""What is said of how well a stretch is known: against formulas, and against many streams."""

import math

import numpy as np
import pytest
import reference
from calibrated import autoregressive, fed, rng, white
from scipy import stats

from plateau import Detector, DetectorBank, Haar, ThresholdDetector, find_plateaus
from plateau._estimates import blocks_of, confidence_of, estimates_of, within_bound


def test_level_slope_and_noise_are_those_of_the_line():
    positions, values = np.array([2, 3, 7, 11]), np.array([1.0, 0.5, 2.0, 3.0])
    found = estimates_of(positions, values)
    slope, offset = np.polyfit(positions, values, 1)
    assert found.level == pytest.approx(values.mean())
    assert found.slope == pytest.approx(slope)
    assert found.noise == pytest.approx((values - slope * positions - offset).std())


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("n", [400, 5000])
def test_levels_lie_within_their_errors_of_the_truth(phi, n):
    """The error is meant to hold: two of them miss the truth in one of twenty streams or so."""
    off, effective = [], []
    for seed in range(60):
        found = estimates_of(np.arange(n), autoregressive(seed, n, phi))
        off.append(found.level / found.level_error)
        effective.append(found.effective)
    assert np.mean(np.abs(off) < 2) > 0.85
    worth = n * (1 - phi) / (1 + phi)
    assert 0.4 * worth < np.median(effective) < 1.3 * worth


def test_a_constant_is_known_exactly():
    found = estimates_of(np.arange(500), np.full(500, 0.1))
    assert (found.level_error, found.effective) == (0.0, 500.0)


def test_a_single_sample_says_nothing_of_its_error():
    found = estimates_of(np.array([3]), np.array([2.0]))
    assert found == (2.0, 0.0, 0.0, 0.0, 1.0)
    assert math.isnan(confidence_of(np.ones(3), 1.0))


def test_of_a_few_samples_autocorrelation_is_not_known():
    found = estimates_of(np.arange(3), np.array([1.0, 2.0, 6.0]))
    assert found[3:] == pytest.approx((math.sqrt(14 / 9), 3.0))


def test_blocks_are_means_and_none_is_short():
    xs = rng(0).normal(size=1000)
    blocks = blocks_of(xs)
    assert len(blocks) == 250
    np.testing.assert_allclose(blocks[-1], xs[-4:].mean())
    np.testing.assert_array_equal(blocks_of(xs[:256]), xs[:256])


@pytest.mark.parametrize(("change", "error", "bound"), [(0.3, 0.2, 0.5), (-2, 1, 0.1), (0, 3, 1)])
def test_the_chance_of_a_bound_is_that_of_a_normal_distribution(change, error, bound):
    above, below = stats.norm(change, error).cdf([bound, -bound])
    assert within_bound(change, error, bound) == pytest.approx(above - below)
    assert within_bound(change, 0.0, bound) == float(abs(change) <= bound)


@pytest.mark.parametrize("n", [12, 100, 256, 1000])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_confidence_against_its_definition(n, unit):
    """What counts is half of the noise, or more if so it is asked."""
    values = rng(n).normal(size=n) + np.linspace(0.0, 0.6, n)
    blocks = blocks_of(values)
    change, error, _, rest = reference.drift(blocks)
    noise = math.sqrt(values.var() - blocks.var() + rest)
    for bound in (0.0, 0.45 * noise, 0.7 * noise):
        below, above = stats.norm(change, error).cdf(np.array([-1, 1]) * max(bound, 0.5 * noise))
        assert confidence_of(unit * values, unit * bound) == pytest.approx(above - below)


def test_what_is_known_exactly_may_be_as_large_as_its_bound():
    assert (within_bound(0.5, 0.0, 0.5), within_bound(-0.5, 0.0, 0.5)) == (1.0, 1.0)


def test_confidence_falls_with_drift():
    noise, along = rng(1).normal(size=2000), np.linspace(-0.5, 0.5, 2000)
    still, creeping, moving = (confidence_of(noise + k * along, 0.0) for k in (0.0, 0.5, 2.0))
    assert still > 0.99 > creeping > 0.01 > moving
    assert confidence_of(noise + 2 * along, 3.0) > 0.99


def test_plateaus_say_how_well_they_are_known():
    xs = 3 * np.exp(-np.arange(3000) / 100) + 0.1 * white(0, 3000)
    (plateau,) = find_plateaus(xs)
    assert abs(plateau.level) < 4 * plateau.level_error < 0.03
    assert 300 < plateau.effective < 2700
    assert plateau.confidence > 0.99
    assert plateau.gain.low < 0.0 < plateau.gain.high < 0.1
    (first, *_) = find_plateaus(xs, ThresholdDetector(Haar(100), 1e-3, 200))
    assert first.confidence > 0.99
    assert first.gain.share < 0.05
    assert find_plateaus(xs, Detector("both"))[-1].gain is None


# ---- while a stream goes on ----------------------------------------------------------------------


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_the_level_of_a_stream_lies_within_its_error(phi):
    off, effective = [], []
    for seed in range(60):
        detector = fed(autoregressive(seed, 4000, phi))
        off.append(detector.level / detector.level_error)
        if detector.in_plateau:
            effective.append(detector.effective / (detector.count - detector.onset))
    assert 0.75 < np.mean(np.abs(off) < 2) <= 1.0
    assert 0.4 < np.median(effective) * (1 + phi) / (1 - phi) < 1.3


def test_nothing_is_known_of_a_stream_that_warms_up_nor_of_a_plateau_outside_one():
    fresh = Detector()
    assert math.isnan(fresh.level_error)
    assert math.isnan(fresh.effective)
    moving = fed(-np.arange(500.0) + white(0, 500))
    assert moving.level_error > 0.0
    assert math.isnan(moving.effective)


def test_a_bank_knows_what_its_streams_know():
    rows = [white(0, 900), white(1, 900).cumsum(), np.full(900, 2.0), 1 / (1 + np.arange(900))]
    xs = np.column_stack(rows)
    bank = DetectorBank(Detector(), streams=4)
    bank.update_many(xs)
    gain = bank.gain
    for i in range(4):
        single = bank[i]
        for name in ("level_error", "effective", "confidence"):
            assert getattr(bank, name)[i] == pytest.approx(getattr(single, name), nan_ok=True)
        want = single.gain or (math.nan,) * 4
        assert [each[i] for each in gain] == pytest.approx(want, nan_ok=True)
    plain = DetectorBank(ThresholdDetector(Haar(4), 0.1, 3), streams=4)
    plain.update_many(xs)
    assert np.isnan(plain.confidence).all()
    assert np.isnan(plain.gain.expected).all()
