"""E-values of shifts, and the discoveries among them."""

import math
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateau._pyramid import RANKED, RATE, REFERENCE
from plateau.evidence import e_bh, e_value, independent_blocks

RNG = np.random.default_rng(0)
FLAT = [RNG.standard_t(3, size=60) for _ in range(400)]


def test_an_e_value_is_at_most_one_on_average():
    found = np.array([e_value(values) for values in FLAT])
    error = found.std() / np.sqrt(len(found))
    assert found.mean() - 3 * error <= 1.0
    assert (found >= 20).mean() <= 0.05  # Markov's inequality


def test_it_is_so_exactly_for_few_values():
    """Ranks of exchangeable values are independent and uniform: go through all of three."""
    found = []
    for places in product(*map(range, range(RANKED + 1, RANKED + 4))):
        values = list(range(RANKED))
        for place in places:
            values = [each + (each >= place) for each in values] + [place]
        found.append(e_value(values))
    assert 0.1 < np.mean(found) <= 1.0


def test_it_is_so_exactly_with_ties():
    places = np.arange(RANKED + 3)
    found = [e_value(np.isin(places, ones)) for ones in combinations(places, 5)]
    assert 0.1 < np.mean(found) <= 1.0


@pytest.mark.parametrize("others", [RANKED, 9, 20, 255, 10_000])
def test_each_factor_is_at_most_one_on_average(others):
    ranks = (2.0 * np.arange(others + 1) - others) / np.sqrt(others * (others + 2.0) / 3.0)
    assert np.exp(RATE * (ranks - REFERENCE)).mean() <= 1.0


@given(st.lists(st.integers(0, 9) | st.floats(-1, 1), min_size=RANKED + 1, max_size=60))
def test_it_is_its_definition(values):
    row, logs = np.array(values, dtype=float), []
    for i in range(RANKED, len(row)):
        twice = 2.0 * np.sum(row[:i] < row[i]) + np.sum(row[:i] == row[i]) - i
        logs.append(twice / np.sqrt(i * (i + 2.0) / 3.0))
    stretches = [
        np.exp(RATE * np.sum(sign * np.array(logs[i:j]) - REFERENCE))
        for sign in (-1, 1)
        for i in range(len(logs))
        for j in range(i + 1, len(logs) + 1)
    ]
    assert e_value(row) == pytest.approx(np.mean(stretches), rel=1e-9)


def test_many_values_take_little_time_and_overflow_nothing():
    assert 0.0 <= e_value(RNG.normal(size=200_000)) < 20.0


def followed(count, persistence):
    values = RNG.normal(size=count)
    for i in range(1, count):
        values[i] += persistence * values[i - 1]
    return values


def test_blocks_are_as_long_as_samples_follow_each_other():
    white = [independent_blocks(RNG.normal(size=3000)) for _ in range(30)]
    rows = [followed(3000, 0.9) for _ in range(30)]
    slow = [independent_blocks(row) for row in rows]
    assert np.median([len(each) for each in white]) == 250
    assert np.median([len(each) for each in slow]) <= 125
    assert np.median([e_value(row[::2]) for row in rows]) > 1e6  # what blocks are there for
    assert np.mean([e_value(each) >= 20.0 for each in slow]) <= 0.1


def blocks_slowly(values):
    """Means of ever longer blocks, until neighbours are no more alike than others nearby."""
    size = max(math.ceil(len(values) / 256), 1)
    while True:
        count = len(values) // size
        ends = [len(values) - size * i for i in reversed(range(count))]
        blocks = [np.mean(values[end - size : end]) for end in ends]
        if count <= RANKED:
            return blocks
        most = min(max(count // 8, 2), 8)
        lags = range(max(most // 2, 2), most + 1)
        beside = [abs(b - a) for a, b in pairwise(blocks)]
        farther = [abs(blocks[i] - blocks[i - lag]) for lag in lags for i in range(lag, count)]
        if np.median(farther) ** 2 <= np.median(beside) ** 2 * (1.2 + count**-0.5):
            return blocks
        size *= 2


@pytest.mark.parametrize("persistence", [0.0, 0.4, 0.7])
def test_blocks_are_those_of_the_slow_and_obvious_way(persistence):
    found = []
    for count in [*range(9, 150, 3), 200, 300, 600]:
        row = followed(count, persistence)
        blocks = independent_blocks(row)
        assert blocks == pytest.approx(blocks_slowly(row))
        found.append(len(blocks) > 150 or len(blocks) == count)
    assert 0.03 < np.mean(found) < 0.97


def test_blocks_are_not_longer_because_of_a_shift():
    white = RNG.normal(size=3000)
    shifted = white + 5.0 * (np.arange(3000) >= 2000)
    blocks = independent_blocks(shifted)
    assert len(blocks) == len(independent_blocks(white))
    assert e_value(blocks) > 1e6


def test_blocks_are_means_up_to_the_end():
    assert independent_blocks([2.0**500, 0.0]).tolist() == [2.0**500, 0.0]
    row = np.r_[np.nan, np.inf, 1e200, np.arange(8.0)]
    assert independent_blocks(row).tolist() == list(range(8))
    assert len(independent_blocks([])) == 0
    blocks = independent_blocks(np.r_[7.0, np.zeros(600)])
    assert blocks.tolist() == [0.0] * 200  # of three samples each, the first of 601 is left out


def test_a_stream_that_drifts_all_along_is_no_evidence():
    assert e_value(independent_blocks(np.arange(1000.0))) == 1.0


def test_shifts_up_and_down_are_seen():
    for shift in (-3.0, 3.0):
        assert e_value(np.r_[FLAT[0], FLAT[1] + shift]) > 100.0


def test_what_does_not_matter():
    values = FLAT[2]
    assert e_value(values) == pytest.approx(e_value(3.0 * values + 7.0))
    assert e_value(np.insert(values, [3, 40], [np.nan, np.inf])) == e_value(values)
    assert e_value(values[:8]) == e_value([]) == 1.0
    assert e_value(np.zeros(300)) < 1.0
    assert e_value(np.arange(2000.0)) == np.inf


@given(st.lists(st.floats(0, 1e6), max_size=30), st.floats(0.001, 0.999))
def test_e_bh_is_its_definition(values, rate):
    count = len(values)
    ordered = sorted(values, reverse=True)
    k = max((k for k in range(1, count + 1) if k * rate * ordered[k - 1] >= count), default=0)
    chosen = e_bh(values, rate)
    assert chosen.sum() == k
    assert sorted(np.array(values)[chosen], reverse=True) == ordered[:k]


def test_few_of_the_discoveries_are_false():
    shifted = [np.r_[values[:30], values[30:] + 4.0] for values in FLAT[:50]]
    values = [e_value(each) for each in [*shifted, *FLAT[50:]]]
    chosen = e_bh(values, 0.1)
    assert chosen[:50].mean() > 0.5
    assert chosen[50:].sum() <= 0.1 * chosen.sum()


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="rate must be above 0 and below 1, not 1"):
        e_bh([1.0], 1)
    for values in ([[1.0]], [-1.0], [np.nan]):
        with pytest.raises(ValueError, match="e-values must be"):
            e_bh(values)
