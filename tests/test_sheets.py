"""The contact sheets of the benchmarks: what is drawn, on which axis, and where it is left out."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from plateau import Plateau
from tests.benchmarks import sheets
from tests.benchmarks.sheets import Panel, draw, limits, logged, outline

MARKS = [{"flat": [[50, 100]], "slow": [[25, 50]]}, {"flat": [[60, 100]], "slow": []}]


def panel(values):
    n = len(values)
    found = [
        Plateau(n // 4, n // 2, None, 1.0, 0.0, 0.0, True, "slow"),
        Plateau(n // 2, n, n - 1, 1.0, 0.0, 0.0, False, "flat"),
    ]
    return Panel("a log: loss", "min", values, found, MARKS)


def test_kinds_and_marks_have_two_colours():
    axes = Figure().subplots()
    draw(axes, panel(np.linspace(2.0, 1.0, 100)), 7)
    shaded = [to_hex(patch.get_facecolor()) for patch in axes.patches]
    assert shaded == [sheets.SLOW, sheets.FLAT]
    bars = [len(bar.get_paths()) for bar in axes.collections]
    assert bars == [1, 1, 1, 0]  # flat and slow of the first annotator, then of the second
    assert "7 a log: loss\n100, min" in axes.get_title(loc="left")


@pytest.mark.parametrize(("last", "log"), [(1e-4, True), (0.5, False), (-1.0, False)])
def test_axis_is_that_of_the_judgement(last, log):
    values = np.geomspace(1.0, last, 200) if last > 0 else np.linspace(1.0, last, 200)
    axes = Figure().subplots()
    draw(axes, panel(values), 1)
    assert logged(values) is log
    assert axes.get_yscale() == ("log" if log else "linear")


def test_outline_keeps_extremes_and_gaps():
    values = np.sin(np.arange(100_000) / 5000)
    values[70_000], values[40_000:40_500] = 9.0, np.nan
    places, drawn = outline(values)
    assert len(places) <= sheets.POINTS
    assert drawn.max() == 9.0
    assert np.nanmin(values) == drawn.min()
    assert np.all(np.diff(places) >= 0)


def test_limits_leave_out_spikes():
    values = np.append(np.linspace(0, 1, 1000), 1e6)
    low, high = limits(values, log=False)
    assert -0.2 < low < 0 < 1 < high < 1.1


def test_pages(tmp_path, capsys):
    nothing = Panel("nan", "min", np.full(5, np.nan), [])
    sheets.sheets("x", iter([panel(np.arange(60.0)), *[nothing] * 24]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x-01.png", "x-02.png"]
    assert capsys.readouterr().out.count("\n") == 2
