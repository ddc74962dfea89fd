"""Runs from logs: rows that stand for samples, scans and replays."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams

import plateau.follower
from plateau import Detector, Haar, ThresholdDetector, Verdict, find_plateaus
from plateau.follower import STANDING, Follower, pieces
from plateau.logs import LogError, Run, read_log
from plateau.offline import HeldRows, rows_for, scan_run
from plateau.policy import Policy
from plateau.replay import LrChange, fires, recorded_changes, replay_run
from plateau.rule import Rule

FASTFACE = Rule("haar", window=4000, smooth=4000, threshold=6e-5, patience=8000)
FASTFACE_POLICY = Policy(max_reductions=1000, restart_after=3)


def run_of(values, x=None, lr=None, counts_steps=True, mode="min"):
    values = np.asarray(values, float)
    n = len(values)
    x = np.arange(1, n + 1, dtype=float) if x is None else np.asarray(x, float)
    lr = None if lr is None else np.asarray(lr, float)
    name = None if lr is None else "lr"
    return Run("1", "loss", "step", mode, values, x, lr, name, np.arange(1, n + 1), counts_steps)


def test_a_row_stands_for_the_steps_that_x_moved_on_by():
    rows = HeldRows(run_of([5, 4, 3], x=[10, 20, 25]))
    assert (rows.unit, rows.hold.tolist(), rows.samples) == ("step", [7, 10, 5], 22)
    assert np.concatenate(list(rows.blocks())).tolist() == [5.0] * 7 + [4.0] * 10 + [3.0] * 5
    assert [rows.row(i) for i in (0, 6, 7, 16, 17, 21)] == [0, 0, 1, 1, 2, 2]
    assert [rows.x(i) for i in (0, 6, 7, 16, 17, 21)] == [4, 10, 11, 20, 21, 25]


def test_without_steps_a_row_is_a_sample():
    rows = HeldRows(run_of([5, 4, 3], x=[0.5, 1.0, 1.5]))
    assert (rows.unit, rows.samples) == ("row", 3)
    assert [rows.x(i) for i in range(3)] == [0.5, 1.0, 1.5]
    assert HeldRows(run_of([5, 4], x=[10, 20], counts_steps=False)).unit == "row"
    assert HeldRows(run_of([5, 4, 3], x=[10, 20, 20])).unit == "row"


def test_of_one_row_nobody_knows_how_many_steps_are_usual():
    assert HeldRows(run_of([5, 4], x=[10, 20])).hold.tolist() == [10, 10]
    assert HeldRows(run_of([5], x=[10])).hold.tolist() == [1]


def test_rows_that_are_not_finite_stand_for_nothing():
    rows = HeldRows(run_of([5, np.nan, 3], x=[10, 20, 30]))
    assert np.concatenate(list(rows.blocks())).tolist() == [5.0] * 10 + [3.0] * 10
    assert rows.x(10) == 21


@pytest.mark.parametrize("x", [[0.5, 1.0], [2, 2], [2, 1]])
def test_steps_that_do_not_grow_are_refused(x):
    with pytest.raises(LogError, match="'step' is no growing count of steps: use --unit row"):
        HeldRows(run_of([5, 4], x=x), "step")


def test_a_clock_is_no_count_of_steps():
    run = run_of([5, 4, 3], x=[0, 1, 1e12])
    assert HeldRows(run).unit == "row"
    with pytest.raises(LogError, match=r"would stand for 1,5.* samples: use --unit row"):
        HeldRows(run, "step")


def test_a_log_does_not_stand_for_more_samples_than_a_run(run, tmp_path):
    """Each of its runs is short enough; together they would take hours."""
    path = tmp_path / "a.csv"
    rows = "".join(f"{i},{i % 7}.5\n" for i in range(20))
    path.write_text("step,loss\n" + f"{rows}400000000,1.5\n" * 3)
    code, _, err = run("scan", path, "--unit", "step")
    told = "its runs would stand for 1,200,000,003 samples: use --unit row"
    assert (code, err.splitlines()[-1]) == (2, f"plateau: {path}: {told}")


@given(st.data(), streams(min_size=1, max_size=30), st.integers(1, 50))
def test_blocks_are_the_held_rows(data, xs, block):
    hold = data.draw(st.lists(st.integers(1, 40), min_size=len(xs), max_size=len(xs)))
    rows = HeldRows(run_of(xs, x=np.cumsum(hold)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plateau.follower, "BLOCK", block)
        parts = list(rows.blocks())
    assert all(0 < len(part) <= block for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), np.repeat(xs, rows.hold))


def test_what_lies_just_within_the_limits_counts():
    values = [5.0, 2.0**500, -(2.0**500), 3.0]
    assert HeldRows(run_of(values)).values.tolist() == values
    assert HeldRows(run_of([5, 4], x=[5e8, 1e9])).unit == "step"  # a thousand million samples
    assert HeldRows(run_of([5, 4], x=[5e8, 1e9 + 1])).unit == "row"


@pytest.mark.parametrize("block", [1 << 18, 50])
@pytest.mark.parametrize("unit", ["row", "step"])
def test_a_scan_has_the_level_and_the_fires_of_each_row(unit, block, monkeypatch):
    """As one that feeds a detector by hand has them."""
    monkeypatch.setattr(plateau.follower, "BLOCK", block)
    values = np.r_[np.linspace(9, 1, 40), np.ones(60), 0.5, np.nan, np.full(60, 0.5)]
    rule = Rule(window=4, threshold=0.01, patience=20)
    scan = scan_run(run_of(values, x=3 * np.arange(1, 163)), rule, unit)
    detector, level, fires = ThresholdDetector(Haar(4, 4), 0.01, 20), [], []
    for row, x in enumerate(values):
        fired = [detector.update(x) for _ in range(3 if unit == "step" else 1)]
        fires += [row] * any(fired)
        level.append(math.nan if math.isnan(x) else detector.level)
    np.testing.assert_array_equal(scan.level, level)
    assert scan.fires.tolist() == fires
    assert len(fires) >= 4


def test_what_a_scan_says_of_the_end():
    """With a rule that takes what gets worse for flat, and in hindsight."""
    rule = Rule(window=4, threshold=0.1, patience=10)
    for values, ends, verdict in (
        (np.r_[9.0:1:20j, [1.0] * 30], ("plateau",), Verdict.PLATEAU),
        (np.r_[1.0:9:30j], ("plateau", "worsening"), Verdict.WORSENING),
        (np.r_[1.0:9:30j, 9.0:1:20j], (), Verdict.IMPROVING),
        (np.r_[1.0:9:9j], ("worsening",), Verdict.WORSENING),
    ):
        scan = scan_run(run_of(values), rule)
        assert (scan.ends, scan.verdict, scan.failings) == (ends, verdict, ends)
    broken = scan_run(run_of([*values, np.nan, np.inf]), rule)
    assert (broken.nonfinite, broken.failings) == (2, ("worsening", "nan"))
    noise = 0.05 * np.random.default_rng(0).normal(size=820)
    over = scan_run(run_of(np.r_[9.0:1:100j, np.ones(700), 1.0:-2:20j] + noise))
    assert over.detector.verdict is Verdict.PLATEAU  # a stream has not seen the end yet
    assert (over.ends, over.verdict) == ((), Verdict.UNDECIDED)


def test_the_share_of_a_run_that_is_flat():
    noise = 0.02 * np.random.default_rng(1).normal(size=2000)
    scan = scan_run(run_of(1.0 + np.exp(-np.arange(2000) / 300) + noise))
    slow, flat = scan.plateaus
    assert (slow.kind, flat.kind) == ("slow", "flat")
    assert (scan.flat, scan.flat_share) == ([flat], (2000 - flat.start) / 2000)
    assert scan_run(run_of([])).flat_share == 0.0


@given(streams(min_size=30), st.sampled_from(["min", "max", "both"]))
def test_a_scan_of_rows_is_find_plateaus(xs, mode):
    rule = Rule(window=4, threshold=0.1, patience=5)
    found = scan_run(run_of(xs, mode=mode), rule)
    detector = ThresholdDetector(Haar(4, 4), 0.1, 5, mode=mode)
    assert found.plateaus == find_plateaus(xs, detector)


def test_a_scan_of_steps_is_find_plateaus_of_the_held_stream():
    rng = np.random.default_rng(0)
    values = np.r_[np.linspace(9, 1, 100), np.ones(100)] + 0.01 * rng.normal(size=200)
    rule = Rule(window=40, threshold=0.002, patience=100)
    (found,) = scan_run(run_of(values, x=10 * np.arange(1, 201)), rule).plateaus
    held = find_plateaus(np.repeat(values, 10), ThresholdDetector(Haar(40, 40), 0.002, 100))
    assert [found.start, found.declared] == [held[0].start // 10, held[0].declared // 10]
    assert (found.stop, found.closed) == (200, False)
    assert found.level == pytest.approx(held[0].level, abs=1e-3)
    assert found.slope == pytest.approx(held[0].slope, abs=1e-5)


def regimes(run, unit=None, cuts=()):
    """The samples at which a detector is told that a new regime begins; rows come in parts."""
    told = []

    class Listening(Detector):
        def changed(self):
            told.append(follower.samples)
            super().changed()

    follower = Follower(Listening(), HeldRows(run, unit).usual)
    lr = np.full(len(run.x), np.nan) if run.lr is None else run.lr
    for part in np.split(np.arange(len(run.x)), cuts):
        for _ in follower.feed(run.values[part], run.x[part], lr[part]).traces:
            pass
    return told


def test_a_regime_begins_where_a_standing_rate_changes():
    lr = [0.1] * 130 + [0.01] * STANDING + [0.001] * (STANDING - 1) + [0.1] * 30
    run = run_of(np.arange(len(lr)), lr=lr)
    assert regimes(run, "row") == [130, 130 + STANDING]
    tens = replace(run, x=10.0 * np.arange(1, len(lr) + 1))
    assert regimes(tens, "row") == [130, 130 + STANDING]
    assert regimes(tens, "step") == [1300, 1300 + 10 * STANDING]
    small = replace(run, lr=np.where(run.lr == 0.1, 0.1, 0.07))  # too small a step
    assert regimes(small, "row") == []
    for rates in ([1.0, 1.5], [-1.5, -1.0]):  # just large enough
        assert regimes(run_of(np.ones(200), lr=np.repeat(rates, 100))) == [100]


@pytest.mark.parametrize(
    "lr",
    [
        None,
        np.full(200, 0.1),
        0.1 * np.cos(np.arange(200) / 130),
        np.r_[0.001 * np.arange(100), np.full(100, 0.1)],
        np.r_[np.full(100, np.nan), np.full(100, 0.1)],
    ],
)
def test_a_rate_that_stands_or_moves_all_the_time_begins_no_regime(lr):
    assert regimes(run_of(np.ones(200), lr=lr)) == []


def test_regimes_begin_at_rows_with_a_value():
    lr = np.repeat([0.1, 0.01, 0.001, 1e-4], 100)
    values = np.arange(400.0)
    values[:5] = values[98:103] = values[300:] = np.nan
    rows = HeldRows(run_of(values, lr=lr), "row")
    assert regimes(rows.run, "row") == [93, 190]
    assert rows.values[[93, 190]].tolist() == [103, 200]
    values[:101] = np.nan  # before the first value nothing begins anew
    assert regimes(run_of(values, lr=lr), "row") == [97]


@given(st.data())
def test_regimes_do_not_depend_on_how_many_rows_come_at_a_time(data):
    lr = np.repeat([0.1, 0.01, 0.02, 0.001], [130, 101, 99, 120])
    gaps = np.random.default_rng(data.draw(st.integers(0, 99))).random(450) < 0.3
    values = np.where(gaps, np.nan, 1.0)
    values[125:135] = values[0] = np.nan
    run = run_of(values, x=3 * np.arange(1, 451), lr=lr)
    places = st.sampled_from([0, 1, 129, 130, 131, 134, 140, 231, 330, 450])
    cuts = sorted(data.draw(st.lists(places)))
    for unit in ("row", "step"):
        assert len(regimes(run, unit)) == 2
        assert regimes(run, unit, cuts) == regimes(run, unit)


def test_a_regime_that_no_value_followed_begins_with_the_next_value():
    lr = np.repeat([0.1, 0.01], 100)
    values = np.where(np.arange(200) // 50 == 2, np.nan, 1.0)
    run = run_of(values, lr=lr)
    for cuts in ([], [100], [100, 120], [101, 150]):
        assert regimes(run, cuts=cuts) == [100]
    assert regimes(run_of(np.where(np.arange(200) < 150, np.nan, 1.0), lr=lr), cuts=[120]) == []


def test_blocks_are_cut_where_regimes_begin():
    blocks = np.split(np.arange(100), [40, 80])
    found = [piece.tolist() for piece in pieces(blocks, [10, 40, 41, 95])]
    edges = [0, 10, 40, 41, 80, 95, 100]
    assert found == [list(range(a, b)) for a, b in pairwise(edges)]
    assert list(pieces([], [3])) == []


def test_the_calibrated_detector_takes_rows_as_samples():
    run = run_of(np.arange(50.0), x=10 * np.arange(1, 51))
    assert rows_for(run, Rule(), None).unit == "row"
    assert rows_for(run, Rule(window=4), None).unit == "step"
    assert rows_for(run, Rule(), "step").samples == 500
    values = np.random.default_rng(0).normal(size=1200)
    scan = scan_run(run_of(values, x=10 * np.arange(1, 1201)))
    assert (scan.unit, scan.detector.count) == ("row", 1200)
    assert scan.plateaus == find_plateaus(values)
    assert scan.ends == ("plateau",)


@pytest.mark.parametrize("block", [1 << 18, 700])
def test_a_scan_tells_the_detector_of_each_step_of_the_rate(block, monkeypatch):
    monkeypatch.setattr(plateau.follower, "BLOCK", block)
    rng = np.random.default_rng(5)
    values = np.repeat([3.0, 2.9, 2.85], 1400) + 0.3 * rng.normal(size=4200)
    values[100:110] = np.nan
    run = run_of(values, lr=np.repeat([0.1, 0.01, 0.001], 1400))
    scan = scan_run(run, past=True)
    starts = [p.start for p in scan.plateaus]
    assert starts == pytest.approx([0, 1400, 2800], abs=150)
    assert all(start >= step for start, step in zip(starts, (0, 1400, 2800), strict=True))
    assert [(p.stop, p.closed) for p in scan.plateaus] == [
        (1400, True),
        (2800, True),
        (4200, False),
    ]
    detector = Detector()
    for part in np.split(values, [1400, 2800]):
        detector.update_many(part)
        if detector.count < 4190:
            detector.changed()
    assert scan.detector.state_dict()["state"] | {"skipped": 10} == detector.state_dict()["state"]
    assert scan_run(run_of(values), past=True).plateaus[0].stop != 1400
    hindsight = scan_run(run)  # its detector is told the same, so it is known no later
    assert hindsight.detector.state_dict() == scan.detector.state_dict()
    (found,) = (p for p in hindsight.plateaus if p.start < 1400 < p.stop)
    assert found.declared == scan.plateaus[1].declared  # the first one ends where it begins


def test_a_replay_with_the_calibrated_detector_begins_anew_after_each_change():
    values = 2 + 0.1 * np.random.default_rng(0).normal(size=6000)
    events = replay_run(run_of(values), Rule(), Policy(max_reductions=100)).events
    at = [int(event.x) for event in events]
    assert len(at) >= 5
    assert all(600 <= later - sooner <= 1100 for sooner, later in pairwise([0, *at]))


@given(detectors, streams(), st.integers(1, 20))
def test_fires_stops_at_each_fire(detector, xs, size):
    twin = detector.clone()
    blocks = [xs[i : i + size] for i in range(0, len(xs), size)]
    seen = []
    for sample in fires(detector, blocks):
        assert detector.count == sample + 1
        seen.append(sample)
    assert seen == twin.update_many(xs).tolist()
    assert detector.to_bytes() == twin.to_bytes()


def test_factors_are_freed_of_the_rounding_of_the_log():
    run = run_of([1] * 5, lr=[0.000625, 0.000313, 0.000156, 0.000625, 0.000625])
    assert [change.factor for change in recorded_changes(run)] == [0.5, 0.5, 4.0]
    exact = run_of([1] * 3, lr=[0.3, 0.2999970588675644, 0.1])
    assert [change.factor for change in recorded_changes(exact)] == pytest.approx(
        [0.2999970588675644 / 0.3, 0.1 / 0.2999970588675644], rel=1e-12
    )
    assert recorded_changes(run_of([1, 1])) == []
    assert [c.factor for c in recorded_changes(run_of([1] * 4, lr=[np.nan, 0.0, 0.1, 0.0]))] == [
        0.0
    ]


@given(st.integers(1000, 10**6), st.sampled_from([0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.9, 2.0, 4.0]))
def test_a_plain_factor_survives_six_decimals(millionths, factor):
    run = run_of([1, 1], lr=[millionths / 1e6, round(millionths / 1e6 * factor, 6)])
    (change,) = recorded_changes(run)
    assert change.factor == pytest.approx(factor, rel=1e-3)
    assert Fraction(change.factor).limit_denominator(1000).denominator <= 100


@pytest.mark.parametrize(("before", "after", "factor"), [(1.0, 0.1, 0.1), (0.1, 0.02, 0.2)])
def test_a_plain_ratio_is_taken_as_meant(before, after, factor):
    assert [c.factor for c in recorded_changes(run_of([1, 1], lr=[before, after]))] == [factor]


def test_the_replay_of_nothing_is_nothing():
    replay = replay_run(run_of([]))
    assert (replay.events, replay.recorded, replay.initial_lr) == ([], [], 1.0)


def test_a_replay_begins_at_the_rate_that_led_to_the_first_fire():
    lr = [0.1] * 20 + [0.4] * 20
    rule = Rule(window=2, smooth=1, threshold=0.1, patience=30)
    replay = replay_run(run_of([1.0] * 40, lr=lr), rule)
    assert replay.initial_lr == 0.4
    assert replay.events == [LrChange(x=32.0, factor=0.5, lr=0.2)]
    assert replay_run(run_of([1.0] * 40, lr=lr), rule, initial_lr=3.0).events[0].lr == 1.5
    assert replay_run(run_of([1.0] * 40), rule).events[0].lr == 0.5


@given(st.integers(0, 99), st.sampled_from([1, 10]))
def test_the_chosen_window_is_as_long_as_the_noise_asks_for(seed, hold):
    noise = np.random.default_rng(seed).normal(size=4000)
    values = np.linspace(50.0, 0.0, 4000) + noise
    detector = Rule("haar").detector(values, hold * len(values))
    assert 0.02 < detector.slope_filter.window / (hold * len(values)) < 0.2
    slopes = detector.slope_filter.response(np.repeat(noise, hold))
    assert np.nanstd(slopes) == pytest.approx(detector.threshold / 3, rel=0.5)


def test_the_chosen_window_is_at_most_a_fifth_of_the_series():
    values = np.random.default_rng(0).normal(size=1000)
    assert Rule("haar").detector(values, 1000).slope_filter.window == 200


def test_blocks_can_be_tracked():
    seen = []

    def track(blocks, count):
        for i, block in enumerate(blocks, 1):
            seen.append((i, count, len(block)))
            yield block

    run = run_of(np.linspace(9, 1, 600), x=1000 * np.arange(1, 601))
    rule = Rule("haar")
    tracked = scan_run(run, rule, track=track)
    assert seen == [(1, 3, 1 << 18), (2, 3, 1 << 18), (3, 3, 600_000 - (1 << 19))]
    assert tracked.plateaus == scan_run(run, rule).plateaus
    assert replay_run(run, rule, track=track).events == replay_run(run, rule).events
    assert len(seen) == 6


@pytest.mark.parametrize("least", [0.007, 0.03, 0.1])
def test_a_replay_ends_at_the_least_rate_exactly(least):
    rule = Rule(window=2, smooth=1, threshold=0.1, patience=3)
    done = replay_run(run_of([1.0] * 99), rule, Policy(0.3, min_lr=least), initial_lr=0.7)
    assert done.events[-1].lr == least


def test_a_replay_tells_the_detector_what_it_did():
    rule = Rule(window=2, smooth=1, threshold=0.1, patience=30)
    assert replay_run(run_of([1.0] * 40), rule).detector.verdict is Verdict.UNDECIDED
    assert scan_run(run_of([1.0] * 40), rule).ends == ("plateau",)


@pytest.fixture(scope="module")
def published(published_log):
    (run,) = read_log(published_log).runs
    return run


def test_the_published_run_is_read(published):
    assert (published.metric, published.x_name) == ("Loss", "Global Step")
    assert len(published.values) == 20_231
    assert (published.x[0], published.x[-1]) == (20, 202_320)


def test_a_replay_makes_the_twelve_published_changes(published):
    replay = replay_run(published, FASTFACE, FASTFACE_POLICY)
    assert [e.factor for e in replay.events] == [0.5] * 7 + [4.0] + [0.5] * 3 + [4.0]
    assert [r.factor for r in replay.recorded] == [e.factor for e in replay.events]
    assert [r.x for r in replay.recorded] == [
        *(54280, 72870, 94820, 113110, 135870, 143870),
        *(151870, 159870, 175830, 183830, 191830, 199830),
    ]
    lag = [r.x - e.x for e, r in zip(replay.events, replay.recorded, strict=True)]
    assert all(0 <= steps <= 12 for steps in lag)


def test_update_by_update_makes_the_same_changes(published):
    detector = ThresholdDetector(Haar(window=4000, smooth=4000), threshold=6e-5, patience=8000)
    rows = HeldRows(published)
    changes, step = [], published.x[0] - rows.hold[0]
    for value, hold in zip(rows.values.tolist(), rows.hold.tolist(), strict=True):
        for _ in range(hold):
            step += 1
            if detector.update(value):
                changes.append(step)
    replay = replay_run(published, FASTFACE, FASTFACE_POLICY)
    assert changes == [event.x for event in replay.events]


def test_the_plateaus_of_the_published_run_lie_before_its_reductions(published):
    found = scan_run(published, FASTFACE)
    known = [published.x[plateau.declared] for plateau in found.plateaus]
    assert known == pytest.approx([54280, 72870, 94820, 113110, 135870, 175830], abs=20)
    assert found.ends == ("plateau",)
    assert np.isfinite(found.level).all()


def test_higher_may_be_better(published):
    mirrored = replace(published, values=-published.values, mode="max")
    assert (
        replay_run(mirrored, FASTFACE, FASTFACE_POLICY).events
        == replay_run(published, FASTFACE, FASTFACE_POLICY).events
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "ema", "window": 4}, "window belongs to the detector haar"),
        ({"kind": "haar", "alpha": 0.1, "beta": 0.1}, "alpha and beta belong to the detector ema"),
        ({"window": 4, "alpha": 0.1}, "alpha belongs to the detector ema"),
        ({"horizon": 100, "window": 4}, "horizon belongs to the detector auto"),
        ({"horizon": 100, "kind": "ema"}, "horizon belongs to the detector auto"),
        ({"scale": "log", "horizon": 100, "window": 4}, "horizon and scale belong to the detector"),
        ({"scale": "ln"}, "scale must be one of auto, linear, log, not 'ln'"),
        ({"horizon": 5}, "horizon must be at least 8, not 5"),
    ],
)
def test_settings_of_the_other_filter_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Rule(**settings)


def test_open_settings_are_chosen_from_the_series():
    values = np.linspace(11.0, 1.0, 1001)  # 0.01 a sample, over 8 between the deciles
    assert repr(Rule().detector(values, 1000, "max")) == repr(Detector("max"))
    assert repr(Rule(horizon=100).detector(values, 1000)) == repr(Detector(horizon=100))
    assert repr(Rule(scale="log").detector(values, 1000)) == repr(Detector(scale="log"))
    detector = Rule("haar").detector(values, 1000)
    assert repr(detector.slope_filter) == "Haar(window=20, smooth=20)"  # no noise: 2 %
    assert (detector.threshold, detector.patience) == (pytest.approx(0.004), 20)
    assert repr(Rule("ema").detector(values, 1000).slope_filter) == "EmaHaar(alpha=0.1, beta=0.1)"
    assert (
        repr(Rule(beta=0.5).detector(values, 1000).slope_filter) == "EmaHaar(alpha=0.1, beta=0.5)"
    )
