"""Statistics of numbers in a row, of the calibrated detector's kernels, against slow twins."""

import numpy as np
import pytest
import reference
from calibrated import noisy
from plain import statistics

kinds = pytest.mark.parametrize("kind", noisy(0))


@kinds
def test_mean_and_variance(kind):
    values = noisy(2, 60)[kind]
    for n in range(1, 10):  # every remainder of four
        row = np.r_[9.0, values[:n], 9.0]
        assert statistics.mean_of(row, 1, n + 1) == pytest.approx(values[:n].mean())
        assert statistics.variance_of(row, 1, n + 1) == pytest.approx(values[:n].var())


@kinds
@pytest.mark.parametrize("n", [12, 40, 255])
def test_inefficiency_of_each_suffix(kind, n):
    values = noisy(1, n)[kind]
    starts = n - max(8, n // 20)
    g = np.empty(starts)
    statistics.inefficiencies(np.r_[7.0, values, 7.0], 1, n + 1, starts, g)
    np.testing.assert_allclose(g, [reference.inefficiency(values[i:]) for i in range(starts)])
    assert statistics.inefficiency(values, 0, n) == pytest.approx(reference.inefficiency(values))


def test_inefficiency_of_a_constant_is_one():
    values = np.r_[5.0, 3.0, np.full(30, 0.1)]
    g = np.empty(20)
    statistics.inefficiencies(values, 0, 32, 20, g)
    assert g[2:].tolist() == [1.0] * 18
    assert statistics.inefficiency(np.full(9, 0.1), 0, 9) == 1.0


@kinds
def test_drift_is_the_least_squares_line(kind):
    values = noisy(2, 60)[kind]
    assert statistics.drift_of(values) == pytest.approx(reference.drift(values))
