"""Where a held-out metric turned while the training went on."""

from dataclasses import replace
from itertools import pairwise
from statistics import fmean, median

import numpy as np
import pytest

from plateau.export import LogScan
from plateau.logs import Log, Run
from plateau.offline import scan_run
from plateau.overfitting import _smoothed, turn_of
from plateau.showing import wording
from plateau.showing.plots import plot_scans
from plateau.showing.report import html


def run_of(values, held_out, mode="min"):
    """A training of 20 rows an epoch, and its held-out metric once an epoch."""

    def made(name, values, x, beside=None):
        lines = np.arange(1, len(x) + 1)
        return Run("1", name, "epoch", mode, values, x, None, None, lines, False, held_out=beside)

    beside = made("val_loss", held_out, np.arange(len(held_out), dtype=float))
    return made("loss", values, np.arange(len(values)) / 20, beside)


def training(seed, rise, after=30, noise=0.02, epochs=60):
    """A loss that falls to the end, and one held out that rises from an epoch on."""
    rng = np.random.default_rng(seed)
    at, epoch = np.arange(20 * epochs) / 20, np.arange(epochs)
    loss = 2 * np.exp(-at / 15) + 0.05 * rng.normal(size=len(at))
    val = 0.4 + 2 * np.exp(-epoch / 10) + rise * np.maximum(epoch - after, 0)
    return run_of(loss, val + noise * rng.normal(size=epochs))


@pytest.mark.parametrize("seed", range(8))
def test_it_is_told_where_the_held_out_loss_rises_while_the_other_falls(seed):
    turn = turn_of(training(seed, rise=0.02))
    assert turn is not None
    assert 24 <= turn.x <= 40  # about where the fall and the rise are equal
    assert turn.last > turn.best + 0.2


def is_sure(change, values, *parts):
    """Whether a change is more than four standard errors; neighbours tell the noise."""
    deviation = median(abs(b - a) for a, b in pairwise(values)) / 0.6745 / 2**0.5
    return change > 4 * deviation * sum(1 / len(part) for part in parts) ** 0.5


def turned(run):
    """Row, best and last value of a turn: slow and obvious, where less is better."""
    held, losses = run.held_out.values.tolist(), run.values.tolist()
    beside = held[:1] + held[:-1], held, held[1:] + held[-1:]
    middle = [median(three) for three in zip(*beside, strict=True)]
    row = middle.index(min(middle))
    after = held[row + 1 :]
    if len(held) < 8 or len(losses) < 8 or len(after) < 3:
        return None
    about, end = held[max(row - 1, 0) : row + 2], held[-max(len(after) // 3, 3) :]
    rise = fmean(end) - fmean(about)
    if rise < 0.05 * (max(middle) - min(middle)) or not is_sure(rise, held, about, end):
        return None
    before = [loss for loss, x in zip(losses, run.x, strict=True) if x < run.held_out.x[row]]
    since = losses[len(before) :]
    part = max(len(since) // 4, 1)
    then, now = [*before[-part:], *since[:1]], losses[-part:]
    if not is_sure(fmean(then) - fmean(now), losses, then, now):
        return None
    return row, fmean(about), fmean(end)


def test_it_is_its_definition():
    """Of short and long trainings, most of which are about as clear as they must be."""
    told = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        epochs, often = rng.integers(6, 40), rng.integers(1, 5)
        best = rng.integers(0, epochs)
        held = np.abs(np.arange(epochs) - best) * rng.choice([0.01, 0.1, 0.3])
        held[:best] *= rng.choice([1.0, 10.0])
        losses = np.linspace(rng.choice([0.3, 1.0, 3.0]), 0.0, often * epochs)
        run = run_of(
            losses + 0.2 * rng.normal(size=len(losses)), held + 0.2 * rng.normal(size=epochs)
        )
        run = replace(run, x=np.arange(len(losses)) / often)
        turn, expected = turn_of(run), turned(run)
        assert (turn is None) is (expected is None), seed
        if turn is not None:
            assert (turn.row, turn.x) == (expected[0], expected[0])
            assert (turn.best, turn.last) == pytest.approx(expected[1:])
        told.append(turn is not None)
    assert 0.2 < fmean(told) < 0.8


def test_eight_values_of_each_are_enough():
    run = run_of(np.repeat([9.0, 0.0], [3, 5]), np.array([1.0, 0, 0, 0, 0, 9, 9, 9]))
    run = replace(run, x=np.arange(8.0))
    assert turn_of(run).row == 1
    assert turn_of(replace(run, values=run.values[1:], x=run.x[1:])) is None
    short = replace(run.held_out, values=run.held_out.values[1:], x=run.held_out.x[1:])
    assert turn_of(replace(run, held_out=short)) is None


def test_what_stands_still_has_not_turned():
    assert turn_of(run_of(np.ones(200), np.ones(10))) is None


def test_one_lucky_value_is_no_best_one():
    lucky = np.array([3.0, 1.0, 2.0, -9.0, 4.0])
    assert _smoothed(lucky).tolist() == [3.0, 2.0, 1.0, 2.0, 4.0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
def test_nothing_is_told_where_it_only_levels_off(seed, noise):
    assert turn_of(training(seed, rise=0.0, noise=noise)) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_training_that_gets_worse_itself_is_no_overfitting(seed):
    run = training(seed, rise=0.02)
    rises = np.where(run.x < 30, run.values, run.values + 0.05 * (run.x - 30))
    assert turn_of(replace(run, values=rises)) is None


def test_an_accuracy_turns_where_it_falls():
    run = training(0, rise=0.02)
    up = run_of(1 - run.values, 1 - run.held_out.values, mode="max")
    turn, mirrored = turn_of(run), turn_of(up)
    assert mirrored.row == turn.row
    assert mirrored.last == pytest.approx(1 - turn.last)


@pytest.mark.parametrize("change", ["none", "no direction", "few", "not finite"])
def test_without_enough_to_go_by_nothing_is_told(change):
    run = training(0, rise=0.02)
    few = replace(run.held_out, values=run.held_out.values[:5], x=run.held_out.x[:5])
    broken = replace(run.held_out, values=np.full(60, np.nan))
    made = {
        "none": replace(run, held_out=None),
        "no direction": replace(run, mode="both"),
        "few": replace(run, held_out=few),
        "not finite": replace(run, held_out=broken),
    }
    assert turn_of(run) is not None
    assert turn_of(made[change]) is None


def test_values_that_are_not_finite_are_left_out():
    run = training(0, rise=0.02)
    values = run.held_out.values.copy()
    values[[3, 33, 58]] = [np.nan, np.inf, np.nan]
    turn = turn_of(replace(run, held_out=replace(run.held_out, values=values)))
    assert turn.x == run.held_out.x[turn.row]
    assert 24 <= turn.x <= 40


def test_it_is_said_in_words():
    said = wording.summary(scan_run(training(0, rise=0.02)))
    assert " Overfitting since epoch " in said
    assert "val_loss went from 0." in said
    assert "Overfitting" not in wording.summary(scan_run(training(0, rise=0.0)))


def test_the_report_and_a_picture_show_both(tmp_path):
    log = Log("run.csv", "csv", (training(0, rise=0.02),), ())
    scans = [LogScan(log, [scan_run(log.runs[0])])]
    page = html(scans)
    assert '<i class="line heldout"></i>val_loss' in page
    assert '"heldOut": {"x": [0, 1,' in page or '"heldOut":{"x":[0,1,' in page
    assert "Overfitting since epoch" in page
    plot_scans(scans, tmp_path / "both.svg")
    alone = replace(log.runs[0], held_out=None)
    assert "val_loss" not in html([LogScan(log, [scan_run(alone)])])
