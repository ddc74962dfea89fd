"""The rates of PlateauLR are those of its detector and its policy."""

import io
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, threshold_detectors, with_gaps
from twins import policies, scheduled

from plateau import Detector, Haar, ThresholdDetector, find_plateaus
from plateau.logs import read_log
from plateau.offline import HeldRows
from plateau.policy import Policy, PolicyState
from plateau.replay import replay_run
from plateau.rule import Rule
from plateau_torch import PlateauLR

FLAT = ThresholdDetector(Haar(window=4), threshold=0.1, patience=3)
FLAT_LOSSES = [9.0, 7.0, 5.0, 3.0] + [2.0] * 20


class Training:
    """A schedule of one learning rate, driven by the loss of each step and saved as torch does."""

    def __init__(self, detector, lr, **policy):
        self.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
        self.scheduler = PlateauLR(self.optimizer, detector, **policy)
        self.detector = self.scheduler.detector

    def step(self, loss):
        self.optimizer.step()
        self.scheduler.step(loss)

    def rate(self):
        (rate,) = self.scheduler.get_last_lr()
        assert rate == self.optimizer.param_groups[0]["lr"]
        return rate

    def saved(self):
        file = io.BytesIO()
        states = {"optimizer": self.optimizer.state_dict(), "lr": self.scheduler.state_dict()}
        torch.save(states, file)
        return file.getvalue()

    def load(self, checkpoint):
        states = torch.load(io.BytesIO(checkpoint), weights_only=True)
        self.optimizer.load_state_dict(states["optimizer"])
        self.scheduler.load_state_dict(states["lr"])


def driven(training, losses):
    """The rate after each step."""
    rates = []
    for loss in losses:
        training.step(loss)
        rates.append(training.rate())
    return rates


@given(with_gaps(streams()), detectors, policies, st.integers(0, 40))
def test_the_rates_are_those_of_the_policy(losses, detector, policy, warmup_steps):
    expected = scheduled(losses, detector, 0.8, warmup_steps, **policy)
    made = Training(detector.clone(), 0.8, warmup_steps=warmup_steps, **policy)
    assert driven(made, losses.tolist()) == expected


@pytest.mark.parametrize("detector", [FLAT, Detector(horizon=24)], ids=["threshold", "calibrated"])
def test_the_rates_are_those_of_the_policy_where_it_does_everything(detector):
    rng = np.random.default_rng(0)
    losses = np.repeat([8.0, 4.0, 1.0, 0.0, 3.0], 500) + 0.01 * rng.normal(size=2500)
    losses[rng.random(2500) < 0.01] = np.nan
    policy = {"min_lr": 0.01, "cooldown": 30, "restart_after": 2, "max_reductions": 30}
    expected = scheduled(losses, detector, 0.8, warmup_steps=50, **policy)
    made = Training(detector.clone(), 0.8, warmup_steps=50, **policy)
    assert driven(made, losses.tolist()) == expected
    changes = [new / old for old, new in pairwise(expected[50:]) if new != old]
    assert changes.count(0.5) > 5  # reductions,
    assert max(changes) > 1  # and restarts
    assert made.detector.skipped > 10


@given(streams(), threshold_detectors, policies)
def test_the_rates_are_those_of_the_policy_over_what_is_found_in_the_whole(
    losses, detector, policy
):
    # To be told of a change at a fire changes none of the fires of a threshold detector.
    fires, alone = {}, detector.clone()
    for offset, loss in enumerate(losses.tolist()):
        if alone.update(loss):
            fires[offset] = alone.fires
    policy = policy | {"wait": 0.0}  # with a wait the plateaus between fires count as well
    rule, state, lr, expected = Policy(**policy), PolicyState(), 0.8, []
    for offset in range(len(losses)):
        if offset in fires:
            factor, state = rule.react(state, offset, lr, fires[offset])
            lr = max(lr * factor, min(lr, rule.min_lr))
        expected.append(lr)
    assert driven(Training(detector.clone(), 0.8, **policy), losses.tolist()) == expected
    assert {plateau.declared for plateau in find_plateaus(losses, detector)} <= set(fires)


@given(st.data(), with_gaps(streams(min_size=1)), detectors, policies, st.integers(0, 40))
def test_a_run_that_is_cut_ends_like_the_whole(data, losses, detector, policy, warmup_steps):
    def fresh(lr=0.8):
        return Training(detector.clone(), lr, warmup_steps=warmup_steps, **policy)

    cut = data.draw(st.integers(0, len(losses)))
    first, second = fresh(), fresh(lr=0.1)
    before = driven(first, losses[:cut].tolist())
    second.load(first.saved())
    after = driven(second, losses[cut:].tolist())
    whole = fresh()
    assert before + after == driven(whole, losses.tolist())
    assert second.detector.to_bytes() == whole.detector.to_bytes()


def test_the_detector_is_told_of_a_change_and_only_of_a_change():
    made = Training(FLAT.clone(), 0.8, max_reductions=1)
    seen = []
    for loss in FLAT_LOSSES:
        made.step(loss)
        seen.append((made.rate(), made.detector.in_plateau))
    assert seen[9:12] == [(0.8, False), (0.4, False), (0.4, False)]  # reduced at 10: changed
    assert seen[14] == (0.4, True)  # the next fire, nothing done: the plateau lasts


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_skipped_and_counted(bad):
    made, clean = Training(FLAT.clone(), 0.8), Training(FLAT.clone(), 0.8)
    gaps = [loss for pair in zip(FLAT_LOSSES, [bad] * 24, strict=True) for loss in pair]
    assert driven(made, gaps)[::2] == driven(clean, FLAT_LOSSES)
    assert (made.detector.skipped, made.detector.count) == (24, 24)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"factor": 0.1}, "state was saved with factor=0.5, here it is 0.1"),
        ({"warmup_steps": 7}, "state was saved with warmup_steps=0, here it is 7"),
        ({"detector": ThresholdDetector(Haar(4), 0.1, 4)}, "state was saved with patience=3"),
    ],
)
def test_a_state_of_other_parameters_is_refused_and_changes_nothing(other, message):
    checkpoint = Training(FLAT.clone(), 0.8).saved()
    made = Training(**({"detector": FLAT.clone(), "lr": 0.8} | other))
    driven(made, FLAT_LOSSES)
    before = made.detector.to_bytes()
    with pytest.raises(ValueError, match=message):
        made.load(checkpoint)
    assert made.detector.to_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"factor": 1}, ValueError, "factor must lie between 0 and 1, not 1"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps must be at least 0, not -1"),
        ({"detector": "min"}, TypeError, "detector must be a detector .* not 'min'"),
        ({"detector": ThresholdDetector}, TypeError, "detector must be a detector"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Training(**({"detector": FLAT.clone(), "lr": 0.8} | arguments))


@pytest.mark.parametrize("loss", ["low", None, 1j])
def test_a_loss_that_is_no_number_is_refused_and_leaves_the_state(loss):
    made = Training(FLAT.clone(), 0.8)
    driven(made, FLAT_LOSSES[:5])
    before = made.detector.to_bytes()
    with pytest.raises(TypeError, match="a sample must be one real number"):
        made.step(loss)
    assert made.detector.to_bytes() == before


def test_the_published_losses_make_the_twelve_published_changes(published_log):
    (run,) = read_log(published_log).runs
    rows = HeldRows(run)
    made = Training(
        ThresholdDetector(Haar(window=4000, smooth=4000), threshold=6e-5, patience=8000),
        lr=0.02,
        max_reductions=11,
        restart_after=3,
    )
    changes, before = [], 0.02
    for sample, loss in enumerate(np.repeat(rows.values, rows.hold).tolist()):
        made.step(loss)
        after = made.rate()
        if after != before:
            changes.append((rows.x(sample), after / before, after))
            before = after
    rule = Rule("haar", window=4000, smooth=4000, threshold=6e-5, patience=8000)
    replay = replay_run(run, rule, Policy(max_reductions=11, restart_after=3))
    assert changes == [tuple(event) for event in replay.events]
    assert [(factor, x) for x, factor, _ in changes] == [
        (recorded.factor, pytest.approx(recorded.x, abs=12)) for recorded in replay.recorded
    ]
    assert len(changes) == 12
