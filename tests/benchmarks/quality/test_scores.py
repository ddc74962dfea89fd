"""The scores themselves, on cases that can be counted by hand."""

import numpy as np
import pytest

from tests.benchmarks.quality.bootstrap import interval
from tests.benchmarks.quality.changepoints import covering, f1
from tests.benchmarks.quality.onset import NEVER, figures, readings
from tests.benchmarks.quality.runs import Run, edges, piecewise, stream


class Above:
    """In a plateau while the samples are above 0; told of a change, only after the next one."""

    def __init__(self):
        self.in_plateau, self.onset, self.count, self.told = False, None, 0, False

    def changed(self):
        self.told = True

    def update(self, x):
        flat = x > 0 and not self.told
        if flat and not self.in_plateau:
            self.onset = self.count - 1
        self.in_plateau, self.told = flat, False
        self.count += 1


def test_stream():
    x = [0, 0, 1, 1, 0, 0, 1]
    assert stream(Above(), x) == [Run(1, 2, 4), Run(5, 6, None)]
    assert stream(Above(), [0, 1, 1, 1, 1], [2]) == [Run(0, 1, 2), Run(2, 3, None)]


def test_piecewise():
    def find(x):
        return [Run(0, 1, None)]

    assert piecewise(find, np.zeros(9), [4]) == [Run(0, 1, 4), Run(4, 5, None)]


def test_edges_are_back_dated():
    runs = [Run(0, 20, 60), Run(50, 80, 90), Run(92, 95, None)]
    assert edges(runs, 100) == [50, 90, 92]
    assert edges([], 100) == []


def test_onset_figures():
    runs = [[Run(100, 200, None)], [Run(10, 20, 50), Run(60, 70, None)], []]
    first, last = zip(*map(readings, runs), strict=True)
    truth = [150, 300, 10]
    found = figures(last, truth, ["a", "b", "c"])
    assert found["hit@50"] == found["missed"] == pytest.approx(1 / 3)
    assert found["median error"] == 240
    assert found["early"] == pytest.approx(1 / 3)
    assert figures(first, truth, ["a", "b", "c"])["median error"] == 290
    assert figures([None], [5], ["a"])["median error"] == NEVER


def test_change_points():
    assert f1([[10]], [12], 5) == 1
    assert f1([[10], []], [], 5) == pytest.approx(2 * 1 * 0.75 / 1.75)
    assert f1([[10]], [8, 12], 5) == pytest.approx(2 * (2 / 3) / (5 / 3))  # matched only once
    assert covering([[50]], [50], 100) == 1
    assert covering([[50]], [], 100) == pytest.approx(0.5)


def test_interval_resamples_groups():
    values = np.repeat([0.0, 1.0], 50)
    assert interval(values, np.repeat(["a", "b"], 50)) == [0.0, 1.0]
    low, high = interval(values, np.arange(100))
    assert 0.35 < low < 0.5 < high < 0.65
