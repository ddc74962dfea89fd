"""Where a held-out metric turned while the training went on."""

from dataclasses import replace

import numpy as np
import pytest

from plateau.logs import Run
from plateau.offline import scan_run
from plateau.overfitting import turn_of
from plateau.showing import wording


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
