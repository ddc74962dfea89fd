"""Straight pieces of a series, against the best of all ways to cut it."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from calibrated import noisy, rng
from plain import statistics

from plateau._pieces import SIDE, line, noise_of, straight, unspiked
from plateau._statistics import SHORTEST_PIECE, pieces_of

kinds = pytest.mark.parametrize("kind", noisy(0))


def around(values):
    """Sum of squares around the fitted line."""
    t = np.arange(len(values))
    return np.sum((values - np.polyval(np.polyfit(t, values, 1), t)) ** 2)


def price(values, cuts, penalty):
    return sum(around(values[a:b]) + penalty for a, b in pairwise(cuts))


def all_cuts(n):
    """Every way to cut n values into pieces of four at least."""
    for count in range(n // SHORTEST_PIECE):
        for inner in combinations(range(1, n), count):
            cuts = (0, *inner, n)
            if min(np.diff(cuts)) >= SHORTEST_PIECE:
                yield cuts


@kinds
@pytest.mark.parametrize("n", [4, 9, 14, 18])
def test_pieces_are_the_cheapest_of_all(kind, n):
    for seed in range(3):
        values = noisy(seed, 30)[kind][:n] + 6.0 * (np.arange(n) > n // 2)
        for penalty in (0.1, 2.0, 30.0, 1e6):
            ways = {cuts: price(values, cuts, penalty) for cuts in all_cuts(n)}
            found = tuple(pieces_of(values, penalty).tolist())
            assert found in ways
            assert ways[found] == pytest.approx(min(ways.values()))
            assert statistics.pieces_of(values, penalty).tolist() == list(found)


def test_pieces_end_where_a_series_bends():
    t = np.arange(60.0)
    values = np.where(t < 20, 20 - t, 0) + np.where(t >= 45, 3.0, 0) + 1e-3 * rng(0).normal(size=60)
    assert pieces_of(values, 1e-2).tolist() == pytest.approx([0, 20, 45, 60], abs=1)
    assert pieces_of(values, 1e9).tolist() == [0, 60]
    assert pieces_of(values + 1e6, 1e-2).tolist() == pieces_of(values, 1e-2).tolist()
    assert pieces_of(np.zeros(7), 0.0)[[0, -1]].tolist() == [0, 7]
    assert pieces_of(np.zeros(60), 1e-300).tolist() == [0, 60]


def test_a_line_goes_through_the_values():
    for n in (2, 3, 40):
        values, t = rng(n).normal(size=n), np.arange(n)
        np.testing.assert_allclose(line(values), np.polyval(np.polyfit(t, values, 1), t))


def unspiked_slowly(values, height):
    """What is farther from the medians on both sides than it may be lies between them."""
    clean = values.copy()
    for i in range(1, len(values) - 1):
        left = np.median(values[max(0, i - SIDE) : i])
        right = np.median(values[i + 1 : i + 1 + SIDE])
        if values[i] > max(left, right) + height or values[i] < min(left, right) - height:
            clean[i] = (left + right) / 2
    return clean


@kinds
def test_spikes_are_what_stands_out_from_both_sides(kind):
    replaced = 0
    for seed in range(10):
        values = noisy(seed, 80)[kind] + 40.0 * (rng(seed).random(80) < 0.05)
        for height in (3.0, 8.0, 20.0):
            found = unspiked(values, height)
            np.testing.assert_array_equal(found, unspiked_slowly(values, height))
            replaced += np.count_nonzero(found != values)
    assert replaced > 20


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("at", [1, 6, 10])
def test_a_spike_is_higher_than_the_height(sign, at):
    values = np.zeros(12)
    values[at] = 5.0 * sign
    np.testing.assert_array_equal(unspiked(values, 5.0), values)
    np.testing.assert_array_equal(unspiked(values, 4.9), np.zeros(12))


def test_steps_ends_and_descents_are_no_spikes():
    step = np.repeat([0.0, 50.0], 20)
    np.testing.assert_array_equal(unspiked(step, 5.0), step)
    descent = 100 * np.exp(-np.arange(40) / 2.0)
    np.testing.assert_array_equal(unspiked(descent, 1.0), descent)
    ends = np.zeros(20)
    ends[[0, -1]] = 99.0
    np.testing.assert_array_equal(unspiked(ends, 5.0), ends)
    wide = np.zeros(40)
    wide[10:12] = wide[30] = -99.0  # two in a row are still fewer than their neighbours
    np.testing.assert_array_equal(unspiked(wide, 5.0), np.zeros(40))


def test_what_climbs_and_falls_little_by_little_is_no_spike_but_near_a_step():
    peak = 4.0 * np.maximum(5.0 - np.abs(np.arange(31) - 15), 0.0)
    np.testing.assert_array_equal(unspiked(peak, 8.0), peak)  # steps of just half the height
    for steps, replaced in ((9, False), (10, True)):  # five numbers lie between it and the peak
        values = peak + 100.0 * (np.arange(31) < steps)
        for way in (slice(None), slice(None, None, -1)):
            assert unspiked(values[way], 8.0)[15] == (8.0 if replaced else 20.0)


def test_noise_is_told_from_a_trend_and_from_outliers():
    noise = 0.3 * rng(1).normal(size=4000)
    for trend in (0.0, 0.02 * np.arange(4000), 5.0 * (np.arange(4000) > 1000)):
        assert noise_of(noise + trend) == pytest.approx(0.3, rel=0.05)
    assert noise_of(noise + 100.0 * (rng(2).random(4000) < 0.01)) == pytest.approx(0.3, rel=0.08)


def test_a_spike_is_told_from_noise_and_range():
    values = 0.5 * rng(4).normal(size=80)
    top = max(np.median(values[35:40]), np.median(values[41:46]))
    for covered in (10.0, 1000.0):
        for share, replaced in ((0.97, False), (1.03, True)):
            values[40] = top + 10.0  # of outliers the noise knows only that they are some
            noise = max(noise_of(values), 0.004 * covered)
            values[40] = top + share * (6 * noise + 0.02 * covered)
            found = straight(values, covered, within=0.0).values
            assert bool(found[40] != values[40]) is replaced


def test_a_piece_is_worth_three_variances_times_the_logarithm():
    values = rng(5).normal(size=40) + 6.0 * (np.arange(40) >= 20)
    parts = [around(values[:cut]) + around(values[cut:]) for cut in range(4, 37)]
    gain = around(values) - min(parts)
    for share, count in ((0.97, 2), (1.03, 1)):
        seen = np.sqrt(share * gain / (3 * np.log(40)))
        assert seen > 1.5 * noise_of(values)  # so it is that within the blocks, 0.4 of which count
        found = straight(values, 10.0, within=seen / 0.4)
        assert len(found.cuts) == count + 1


def test_a_series_in_pieces():
    t = np.arange(80)
    values = np.where(t < 30, 30.0 - t, 0.0) + 0.1 * rng(3).normal(size=80)
    values[50] = 25.0
    found = straight(values, 30.0, within=0.0)
    assert found.cuts.tolist() == pytest.approx([0, 30, 80], abs=2)
    assert found.range == 30.0
    assert found.noise == pytest.approx(max(noise_of(values), 0.004 * 30))
    assert abs(found.values[50]) < 0.3
    clean = np.delete(t, 50)
    np.testing.assert_array_equal(found.values[clean], values[clean])
    for a, b in pairwise(found.cuts):
        np.testing.assert_array_equal(found.fitted[a:b], line(found.values[a:b]))
    # What moves less than the samples within the blocks scatter is one piece.
    assert straight(values, 30.0, within=1e3).cuts.tolist() == [0, 80]
    assert straight(values, 1e6, within=0.0).cuts.tolist() == [0, 80]
