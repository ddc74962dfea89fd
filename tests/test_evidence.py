"""E-values of shifts, and the discoveries among them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateau.evidence import e_bh, e_value

RNG = np.random.default_rng(0)
FLAT = [RNG.standard_t(3, size=60) for _ in range(400)]


def test_an_e_value_is_at_most_one_on_average():
    found = np.array([e_value(values) for values in FLAT])
    error = found.std() / np.sqrt(len(found))
    assert found.mean() - 3 * error <= 1.0
    assert (found >= 20).mean() <= 0.05  # Markov's inequality


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
