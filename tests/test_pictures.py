"""What a picture shows: level, scales, ticks, names."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import plateau
from plateau.export import LogScan
from plateau.logs.model import Log
from plateau.offline import scan_run
from plateau.series import run_of
from plateau.showing.heights import heights, with_room
from plateau.showing.levels import level_of
from plateau.showing.plots import PANELS, plot_scans
from plateau.showing.scales import is_log, rate_ticks

NOISE = np.random.default_rng(0).normal(size=4000)
DESCENT = 1 + 9 * np.exp(-np.arange(4000) / 200)


def scan_of(path, *runs):
    return LogScan(Log(path, "csv", runs, ()), [scan_run(run) for run in runs])


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_level_does_not_trail_above_a_descent(noise):
    beside = level_of(DESCENT + noise * NOISE) - DESCENT
    steep = slice(60, 600)
    assert abs(beside[steep].mean()) < 0.05
    assert np.abs(beside[60:]).max() < 0.35
    trailing = scan_run(run_of(DESCENT + noise * NOISE)).level - DESCENT
    assert trailing[steep].mean() > 0.25  # what pictures had before


def test_the_level_of_a_flat_stretch_is_a_line():
    level = level_of(np.where(np.arange(4000) < 2000, 5.0, 3.0) + 0.3 * NOISE)
    assert np.abs(level[100:1900] - 5).max() < 0.05
    assert np.abs(level[2100:] - 3).max() < 0.05


def test_the_level_has_gaps_where_the_values_have():
    values = np.where(np.arange(4000) % 10 == 0, np.nan, 3.0)
    np.testing.assert_array_equal(level_of(values), values)
    np.testing.assert_array_equal(level_of(np.array([np.nan, 1.0, 5.0])), [np.nan, 1.0, 5.0])
    assert np.isnan(level_of(np.full(20, np.inf))).all()


@given(st.integers(-400, 400))
def test_the_level_scales_with_the_values(exponent):
    scaled = level_of(np.ldexp(DESCENT, exponent))
    np.testing.assert_array_equal(scaled, np.ldexp(level_of(DESCENT), exponent))


def test_on_a_logarithmic_scale_the_level_is_straight_there():
    decaying = 10.0 ** -(np.arange(4000) / 1000)
    np.testing.assert_allclose(level_of(decaying, log=True)[50:-50], decaying[50:-50], rtol=0.01)


@pytest.mark.parametrize(
    ("values", "mode", "want"),
    [
        (10.0 ** -(np.arange(400) / 100), "min", True),
        (10.0 ** -(np.arange(400) / 100), "both", True),
        (1 - np.exp(-np.arange(400) / 30) + 1e-3, "max", False),  # an accuracy from chance on
        (DESCENT, "min", False),
        (np.where(np.arange(400) == 200, 1e5, 1.0), "min", False),  # a spike alone is no range
        (np.linspace(1.0, -1.0, 400), "min", False),
        (np.array([]), "min", False),
    ],
)
def test_the_scale_is_that_of_the_detector(values, mode, want):
    assert is_log(run_of(values, mode)) is want


def test_a_rate_of_a_few_steps_is_named_as_it_was():
    steps = np.repeat([0.5, 0.3, 0.04], 100)
    assert rate_ticks(steps, 8, log=True) == [0.5, 0.3, 0.04]
    assert rate_ticks(np.array([np.nan, 0.0, 0.0]), 3, log=False) == [0.0]
    assert rate_ticks(np.array([np.nan]), 3, log=False) == []


@pytest.mark.parametrize(
    ("low", "high", "parts", "log", "want"),
    [
        (1e-5, 0.1, 8, True, [0.1, 0.01, 0.001, 0.0001, 1e-05]),
        (1e-5, 0.1, 3, True, [0.1, 0.001, 1e-05]),
        (3e-4, 1e-2, 8, True, [0.01, 0.005, 0.002, 0.001, 0.0005]),
        (0.0, 0.1, 4, False, [0.1, 0.05, 0.0]),
        (0.021, 0.1, 4, False, [0.1, 0.08, 0.06, 0.04]),
    ],
)
def test_a_rate_that_moves_all_the_time_has_round_ticks(low, high, parts, log, want):
    space = np.geomspace if log else np.linspace
    assert rate_ticks(space(low, high, 500), parts, log=log) == want


@given(
    st.lists(st.floats(1e-8, 1.0), min_size=1, max_size=50, unique=True),
    st.integers(2, 8),
    st.booleans(),
)
def test_ticks_are_few_round_and_within(lr, parts, log):
    ticks = rate_ticks(np.array(lr), parts, log=log)
    assert ticks == sorted(set(ticks), reverse=True)
    assert len(ticks) <= parts + 1
    assert all(min(lr) <= tick <= max(lr) for tick in ticks)
    if len(lr) > parts and max(lr) > 1.5 * min(lr):
        assert all(len(re.sub(r"^[0.]+|e.*|\.|0+$", "", repr(tick))) <= 2 for tick in ticks)


def texts_of(scans, path):
    left_out = plot_scans(scans, path)
    return left_out, re.findall(r"<!-- (.*?) -->", path.read_text())


def test_titles_tell_runs_of_one_name_apart(tmp_path):
    logs = [scan_of(f"runs/{name}/log.csv", run_of([1.0, 2.0])) for name in "ab"]
    left_out, texts = texts_of(logs, tmp_path / "a.svg")
    assert left_out == 0
    assert {"a/log.csv", "b/log.csv"} <= set(texts)


def test_a_picture_has_plateaus_fires_and_dates(tmp_path):
    run = run_of(1 + np.exp(-np.arange(2000) / 300) + 0.02 * NOISE[:2000])
    times = run.__class__(**{**vars(run), "x": 1.7e9 + 60 * run.x, "clock": True})
    _, texts = texts_of([scan_of("a.csv", times)], tmp_path / "a.svg")
    assert {"level", "plateau", "slow plateau", "known", "fires"} <= set(texts)
    assert any("2023" in text for text in texts)


def test_what_finds_no_place_is_counted(tmp_path):
    runs = [run_of([1.0, 2.0])] * (PANELS + 3)
    assert plot_scans([scan_of("a.csv", *runs)], tmp_path / "a.svg") == 3


def test_a_scan_knows_where_it_fired():
    values = np.insert(DESCENT + 0.2 * NOISE, [5, 100], np.nan)
    found = scan_run(run_of(values))
    assert found.plateaus[-1].declared in found.fires
    assert found.fires.tolist() == sorted(set(found.fires.tolist()))


def spiked(values, row, spike):
    out = values.copy()
    out[row] = spike
    return out


NOISY = DESCENT + 0.2 * NOISE


@pytest.mark.parametrize("rows", [200, 1000, 4000])
@pytest.mark.parametrize("spike", [60.0, 1e6, -80.0])
def test_spikes_do_not_set_the_height(rows, spike):
    values = NOISY[:rows]
    low, high = heights(spiked(values, [rows // 3, rows // 2, rows // 2 + 1], spike))
    rest = np.delete(values, [rows // 3, rows // 2, rows // 2 + 1])
    assert (low, high) == (rest.min(), rest.max())


@pytest.mark.parametrize(
    "values",
    [
        NOISY,
        np.where(np.arange(4000) < 3000, 100.0, 1.0) + NOISE,  # a step
        np.where(np.arange(4000) < 3, 700.0, 4.0) + NOISE,  # how it begins
        np.where(np.arange(4000) == 2000, 8.0, 5.0) + 0.5 * NOISE,  # one that takes little room
        np.where(np.arange(400) == 200, 1.0, 0.0),  # nothing else to be seen
        np.full(300, np.nan),
        np.arange(10.0) ** 9,
        2.0 ** -np.arange(0, 60, 0.1),
    ],
)
def test_what_is_no_spike_is_seen(values):
    assert heights(values) is None


def test_a_spike_on_a_logarithmic_scale_is_one_of_decades():
    decaying = 10.0 ** (2 - np.arange(4000) / 1000 + 0.02 * NOISE)
    assert heights(spiked(decaying, 3000, 1.0), log=True) is None
    low, high = heights(spiked(decaying, 3000, 1e-20), log=True)
    assert low == np.delete(decaying, 3000).min()
    assert high == decaying.max()
    assert with_room((1.0, 100.0), log=True) == pytest.approx((10**-0.1, 10**2.1))


def test_a_picture_leaves_spikes_at_its_edge():
    axes = plateau.plot(spiked(NOISY, 2000, 1e5))
    assert axes.get_ylim()[1] < 15
    plt.close(axes.figure)
