"""What stretches of block means look like, against slow twins."""

import math

import numpy as np
import pytest
import reference
from calibrated import autoregressive, level_off, line, noisy, rng
from scipy import stats

from plateau import _stretches as stretches
from plateau._pieces import Pieces

kinds = pytest.mark.parametrize("kind", noisy(0))


@pytest.mark.parametrize(("z", "missing"), [(1.645, 0.003), (2.5, 0.016), (4.0, 0.13)])
def test_quantiles_for_few_degrees_of_freedom(z, missing):
    for freedom in (6.0, 8.0, 13.5, 40.0, 1e3):
        exact = stats.t.isf(stats.norm.sf(z), freedom)
        share = stretches.wider(z, freedom) / exact
        assert 1 - missing * (6 / freedom) ** 2 < share < 1 + 1e-9
    assert stretches.wider(z, 1e9) == pytest.approx(z)
    assert stretches.wider(z, -5.0) == stretches.wider(z, 2.0) > stretches.wider(z, 3.0)


@kinds
@pytest.mark.parametrize("seed", range(12))
def test_onset_is_the_first_good_start_at_the_level(kind, seed):
    values = noisy(seed, 24 + 19 * seed)[kind]
    best, onset, g = stretches.stationary(values)
    assert (best, onset) == reference.stationary(values)[:2]
    assert g == pytest.approx(reference.stationary(values)[2])


def test_onsets_of_short_rows():
    found = []
    for seed in range(400):
        values = rng(seed).normal(size=12 + seed % 30) + 3.0 * np.exp(
            -np.arange(12 + seed % 30) / 5
        )
        best, onset, _ = reference.stationary(values)
        assert stretches.stationary(values)[:2] == (best, onset)
        found.append((onset < best, onset == best, onset > best))
    assert np.all(np.sum(found, axis=0) > 20)


def test_the_last_number_is_no_outlier_yet():
    values = rng(1).normal(size=40)
    for far, replaced in ((39, False), (38, True)):
        spiked = values + 100.0 * (np.arange(40) == far)
        found = stretches.without_outlier(spiked)
        assert bool(found[far] != spiked[far]) is replaced
        if replaced:
            assert found[far] == pytest.approx(np.delete(spiked, far).mean())
        np.testing.assert_array_equal(np.delete(found, far), np.delete(spiked, far))


def test_how_far_a_part_is_from_the_rest():
    values = autoregressive(3, 60, 0.5)
    rest = values[5:40]
    white = rest.std() * math.sqrt(1 / 15 + 1 / 35)
    error = white * math.sqrt(reference.inefficiency(rest))
    assert error > 1.1 * white  # what is surely apart in white noise need not be so here
    for distance, told in ((-4.1, -4.1), (4.1, 4.1), (3.9, 0), (3.9 * white / error, 0), (-3.9, 0)):
        values[45:] += distance * error - values[45:].mean() + rest.mean()
        assert stretches.apart(values[5:40], values[45:]) == pytest.approx(told)
    assert stretches.apart(np.zeros(5), np.zeros(5)) == 0
    assert stretches.apart(np.full(5, 0.1), np.full(5, 0.1 + 2e-17)) == 0
    assert stretches.apart(np.zeros(5), -np.ones(5)) == -math.inf


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_what_runs_off_ever_faster_has_a_direction(sign):
    growth = sign * np.exp(np.arange(128) / 5.0)
    assert sign * stretches.runs_off(growth) > 4
    assert stretches.runs_off(growth[:23]) == 0  # too few: what follows is for them
    assert stretches.speeds_up(growth[:23]) == 4 * sign
    assert stretches.speeds_up(np.r_[growth[:15:-1], growth[:8]]) == 4 * sign
    assert stretches.speeds_up(growth[:23][::-1]) == 0  # slows down
    assert stretches.speeds_up(sign * np.arange(23.0)) == 0
    assert stretches.speeds_up(np.r_[growth[:7], growth[5]]) == 0
    assert stretches.speeds_up(sign * np.array([0, 10, 11, 12, 13, 14, 15, 17.0])) == 0
    noise = rng(2).normal(size=128)
    assert stretches.runs_off(noise) == 0
    assert sign * stretches.runs_off(np.r_[noise[:21], [100 * sign] * 3]) > 4
    assert stretches.runs_off(np.r_[noise[:21], [100 * sign] * 2]) == 0  # of two dozen
    for spike in (115, 125):  # in one half of the last eighth only
        values = noise + 100 * sign * (np.arange(128) == spike)
        assert stretches.runs_off(values) == 0
    for far in ((10.0, 30.0), (30.0, 10.0)):  # the half that is nearer to what was before tells
        values = np.r_[noise[:112], noise[112:] + sign * np.repeat(far, 8)]
        both = [stretches.apart(noise[:112], half) for half in (values[112:120], values[120:])]
        assert abs(both[0] - both[1]) > 4
        assert stretches.runs_off(values) == min(both, key=abs)


def test_the_late_change_is_that_from_the_first_quarter_to_the_last():
    values = level_off(rng(3).normal(size=80))
    error = reference.drift(values[60:])[1] / math.sqrt(6)
    late = np.arange(80) >= 60
    base = values[60:].mean() - values[:20].mean()
    for size in (3.9, -4.1):
        found = stretches.late_change(values + (size * error - base) * late)
        assert found == pytest.approx((size * error / 0.75, error / 0.75))


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_bound_of_the_progress_along_a_stretch(sign):
    for seed in range(20):
        values = rng(seed).normal(size=16) - 3 * sign * (seed % 3) * line(16)
        found, slow = (way.progress_bound(values, sign) for way in (stretches, reference))
        assert found == pytest.approx(slow, rel=0.01)
    # However much worse it gets by chance, what is not known stays unknown.
    worse = level_off(rng(0).normal(size=16)) - 1e3 * sign * line(16)
    error = reference.drift(worse)[1]
    assert stretches.progress_bound(worse, sign) > 0.8 * error


def test_where_rest_begins_against_each_piece():
    """From the last piece backwards, up to one that makes progress or lies where some was made."""

    def resting(*pieces, sign=-1.0):
        values = np.concatenate(pieces)
        cuts = np.cumsum([0, *map(len, pieces)])
        return stretches.resting(Pieces(values, values, cuts, 100.0, 0.1), sign, 3.0)

    flat, fall = np.zeros(10), np.linspace(50, 0, 10)
    assert resting(fall, flat) == 10
    assert resting(fall, flat, flat) == 10
    assert resting(fall, flat + 2.9, flat) == 10
    assert resting(fall, flat + 3.1, flat) == 20  # it came down from there
    assert resting(fall, flat - 9.0, flat) == 10  # worse since then: no progress
    assert resting(flat, fall) == 20  # it still falls
    assert resting(flat, -fall, sign=1.0) == 20
    assert resting(flat, fall[::-1], sign=-1.0) == 0  # worse: no progress
    assert resting(fall, np.linspace(3.1, 0, 10)) == 20
    assert resting(fall, np.linspace(2.9, 0, 10)) == 10
