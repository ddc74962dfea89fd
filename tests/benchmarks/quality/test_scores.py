"""The scores themselves, on cases that can be counted by hand."""

import numpy as np
import pytest

from tests.benchmarks.quality.bootstrap import interval
from tests.benchmarks.quality.changepoints import covering, f1
from tests.benchmarks.quality.hindsight import gentle_lines
from tests.benchmarks.quality.marks import counts, covered, stretches, truth_of
from tests.benchmarks.quality.marks import figures as figures_of_marks
from tests.benchmarks.quality.onset import NEVER, figures, readings
from tests.benchmarks.quality.rows import row_of_function
from tests.benchmarks.quality.rules import EarlyStopping, Patience
from tests.benchmarks.quality.runs import Run, edges, piecewise, stream
from tests.benchmarks.quality.stopping import PATIENCE, frontier, outcome, patient_stops


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


def test_marks():
    marks = [
        {"flat": [[20, 60]], "slow": [[60, 80]]},
        {"flat": [[40, 60]], "slow": []},
    ]
    flat, moving, slow = truth_of(marks)
    assert [kind.mean() for kind in (flat, moving, slow)] == pytest.approx(
        [0.2, 0.4, 0.4], abs=0.01
    )
    found = figures_of_marks([counts(covered([(500, 1000)], 1000), (flat, moving, slow))])
    assert found["recall"] == pytest.approx(0.5, abs=0.02)
    assert found["precision"] == pytest.approx(0.2, abs=0.02)
    assert found["F1"] == pytest.approx(2 * 0.5 * 0.2 / 0.7, abs=0.02)
    assert found["moving"] == found["slow"] == pytest.approx(0.5, abs=0.02)


def test_stretches_count_rows_that_are_not_finite():
    row = row_of_function("row", lambda x: [(1, 2, 3), (3, 4, None)])
    x = np.array([np.nan, 4.0, 3.0, np.nan, 2.0, 1.0, 1.0])
    assert stretches(row, x, "min") == [(2, 5), (5, 7)]


def test_outcome_of_a_stop():
    x = np.array([5.0, 3.0, 3.0, 1.0])
    assert outcome(x, "min", 1) == (0.5, 0.5)
    assert outcome(-x, "max", 3) == (0.0, 0.0)
    assert outcome(np.array([1.0, 2.0]), "min", 0) == (0.5, 0.0)


def test_frontier_tosses_a_coin_between_two_rules():
    rules = [(0.2, 0.01), (0.6, 0.03)]
    assert frontier(rules, 0.005) == pytest.approx(0.1)
    assert frontier(rules, 0.02) == pytest.approx(0.4)
    assert frontier(rules, 0.5) == 0.6


def alarms(rule, values):
    said = []
    for value in values:
        rule.update(value)
        said.append(rule.onset if rule.in_plateau else None)
    return said


def test_patience():
    assert alarms(Patience("min", 2), [5, 4, 4, 4, 3]) == [None, None, None, 1, None]
    assert alarms(Patience("max", 2, share=0.5), [0, 4, 5, 5, 7]) == [None, None, None, 1, None]
    assert alarms(EarlyStopping("min"), [5, 4, 4, 3, 2]) == [None, None, 1, 1, 1]


def test_straight_pieces_that_do_not_move():
    pytest.importorskip("ruptures")
    t = np.arange(200.0)
    x = np.maximum(100 - t, 0) / 100 + 0.01 * np.random.default_rng(0).normal(size=200)
    (only,) = gentle_lines(x)
    assert only[0] == pytest.approx(100, abs=6)
    assert only[2] is None


def test_patience_stops_where_the_rule_is_first_flat():
    x = np.array([9.0, 8, 8, 8, 8.5, 8, 7.9, 7, *[7.5] * 70])
    for share in (0.0, 0.3):
        for patience, stop in zip(PATIENCE, patient_stops(x, "min", share), strict=True):
            said = alarms(Patience("min", patience, share), x.tolist())
            assert stop == next(i for i, onset in enumerate(said) if onset is not None)
    assert patient_stops(x[:8], "min", 0.0)[-1] == 7
