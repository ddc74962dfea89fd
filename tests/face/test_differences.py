"""Intervals of differences between runs."""

import numpy as np
import pytest
from face_twins import linear_fit_spread
from scipy import stats

from plateau_face.comparison.measures import Losses, smoothed, steps_to
from plateau_face.comparison.results import Difference
from plateau_face.comparison.statistics import (
    Estimate,
    estimate,
    half_of_difference,
    residual_spread,
    t_quantile,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 18, 40, 101])
def test_t(freedom):
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-9)


def test_one_value_has_no_interval():
    assert estimate([0.5]) == Estimate(0.5, None)
    assert residual_spread(np.ones((1, 3))) is None
    assert residual_spread(np.ones((4, 1))) is None
    assert residual_spread(np.ones((4, 0))) is None


@pytest.mark.parametrize("shape", [(2, 2), (10, 3), (4, 5)])
def test_the_common_spread(shape):
    table = np.random.default_rng(1).normal(size=shape)
    found = residual_spread(table)
    assert found == pytest.approx(linear_fit_spread(table.tolist()))


def test_the_common_spread_has_the_level_it_promises():
    """Intervals of differences hold the truth in 95 % of experiments with equal spread."""
    random = np.random.default_rng(2)
    inside = 0
    for _ in range(2000):
        cells, seeds = random.normal(size=(10, 1)), 3 * random.normal(size=3)
        table = cells + seeds + random.normal(size=(10, 3))
        half = half_of_difference(residual_spread(table), 3)
        gap = table[0].mean() - table[1].mean()
        inside += abs(gap - (cells[0, 0] - cells[1, 0])) < half
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)  # three deviations


@pytest.mark.parametrize(
    ("mean", "half", "word"),
    [(-0.004, 0.005, "yes"), (-0.004, 0.008, "open"), (-0.02, 0.009, "no"), (0.0, None, "open")],
)
def test_what_a_difference_says(mean, half, word):
    assert Difference((), Estimate(mean, None), Estimate(mean, half)).within == word


@pytest.mark.parametrize("over", [1, 3, 7, 40, 41])
def test_the_smoothed_loss(over):
    random = np.random.default_rng(3)
    widths = random.integers(1, 4, 20)
    widths[-1] += 40 - widths.sum() if widths.sum() < 40 else 0
    ends, values = np.cumsum(widths), random.uniform(1, 9, 20)
    losses = Losses(ends, np.ones(20, np.int64), values, np.ones(20))
    steps = np.repeat(values, widths)  # the loss of each step, as well as the rows tell it
    starts = np.append(0, ends)
    expected = []
    for end in ends:
        first = max((start for start in starts if start <= end - over), default=None)
        expected.append(np.nan if first is None else steps[first:end].mean())
    np.testing.assert_allclose(smoothed(losses, over), expected)
    if over <= 40:
        least = int(np.nanargmin(expected))
        assert steps_to(losses, expected[least] + 1e-9, over) == ends[least]
    assert steps_to(losses, 0.5, over) is None
