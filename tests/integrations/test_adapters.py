"""What every adapter that schedules a learning rate must do."""

from itertools import pairwise

import numpy as np
import pytest
from adapters import ADAPTERS
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps
from twins import policies, scheduled

from plateau import Haar, ThresholdDetector, find_plateaus
from plateau.logs import read_log
from plateau.offline import Rows
from plateau.policy import Policy
from plateau.replay import replay_run
from plateau.rule import Rule

adapters = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS.keys())
FLAT = ThresholdDetector(Haar(window=4), threshold=0.1, patience=3)
FLAT_LOSSES = [9.0, 7.0, 5.0, 3.0] + [2.0] * 20
MANY = {"max_reductions": 1000}


def driven(adapter, losses):
    """The rate after each step."""
    rates = []
    for loss in losses:
        adapter.step(loss)
        rates.append(adapter.rate())
    return rates


def told(detector, losses):
    """Where a detector fires that is told of each reaction."""
    for i, loss in enumerate(losses):
        if detector.update(loss):
            detector.changed()
            yield i


@adapters
@given(with_gaps(streams()), detectors, policies, st.integers(0, 40))
def test_the_rates_are_those_of_the_policy(adapter, losses, detector, policy, warmup_steps):
    expected = scheduled(losses, detector, 0.8, warmup_steps, **policy)
    made = adapter(detector.clone(), 0.8, warmup_steps=warmup_steps, **policy)
    assert driven(made, losses.tolist()) == expected


@adapters
@given(streams(), detectors)
def test_the_rate_falls_where_a_plateau_is_declared(adapter, losses, detector):
    rates = [1.0, *driven(adapter(detector.clone(), 1.0, **MANY), losses.tolist())]
    falls = {i for i, (old, new) in enumerate(pairwise(rates)) if new < old}
    assert falls == set(told(detector.clone(), losses))
    if isinstance(detector, ThresholdDetector):  # being told at a fire changes nothing for it
        assert {plateau.declared for plateau in find_plateaus(losses, detector)} <= falls


@adapters
@given(st.data(), with_gaps(streams(min_size=1)), detectors, policies, st.integers(0, 40))
def test_a_run_that_is_cut_ends_like_the_whole(
    adapter, data, losses, detector, policy, warmup_steps
):
    def fresh(lr=0.8):
        return adapter(detector.clone(), lr, warmup_steps=warmup_steps, **policy)

    cut = data.draw(st.integers(0, len(losses)))
    first, second = fresh(), fresh(lr=0.1)
    before = driven(first, losses[:cut].tolist())
    second.load(first.saved())
    after = driven(second, losses[cut:].tolist())
    whole = fresh()
    assert before + after == driven(whole, losses.tolist())
    assert second.detector.to_bytes() == whole.detector.to_bytes()


@adapters
def test_the_detector_is_told_of_a_change_and_only_of_a_change(adapter):
    made = adapter(FLAT.clone(), 0.8, max_reductions=1)
    seen = []
    for loss in FLAT_LOSSES:
        made.step(loss)
        seen.append((made.rate(), made.detector.in_plateau))
    assert seen[9:12] == [(0.8, False), (0.4, False), (0.4, False)]  # reduced at 10: changed
    assert seen[14] == (0.4, True)  # the next fire, nothing done: the plateau lasts


@adapters
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_skipped_and_counted(adapter, bad):
    made, clean = adapter(FLAT.clone(), 0.8), adapter(FLAT.clone(), 0.8)
    gaps = [loss for pair in zip(FLAT_LOSSES, [bad] * 24, strict=True) for loss in pair]
    assert driven(made, gaps)[::2] == driven(clean, FLAT_LOSSES)
    assert (made.detector.skipped, made.detector.count) == (24, 24)


@adapters
@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"factor": 0.1}, "state was saved with policy="),
        ({"warmup_steps": 7}, "state was saved with warmup_steps=0, here it is 7"),
        ({"detector": ThresholdDetector(Haar(4), 0.1, 4)}, "state was saved with patience=3"),
    ],
)
def test_a_state_of_other_parameters_is_refused_and_changes_nothing(adapter, other, message):
    checkpoint = adapter(FLAT.clone(), 0.8).saved()
    made = adapter(**({"detector": FLAT.clone(), "lr": 0.8} | other))
    driven(made, FLAT_LOSSES)
    before = made.detector.to_bytes()
    with pytest.raises(ValueError, match=message):
        made.load(checkpoint)
    assert made.detector.to_bytes() == before


@adapters
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"factor": 1}, ValueError, "factor must lie between 0 and 1, not 1"),
        ({"warmup_steps": -1}, ValueError, "warmup_steps must be at least 0, not -1"),
        ({"detector": "min"}, TypeError, "detector must be a detector .* not 'min'"),
        ({"detector": ThresholdDetector}, TypeError, "detector must be a detector"),
    ],
)
def test_wrong_arguments_are_named(adapter, arguments, error, message):
    with pytest.raises(error, match=message):
        adapter(**({"detector": FLAT.clone(), "lr": 0.8} | arguments))


@adapters
@pytest.mark.parametrize("loss", ["low", None, 1j])
def test_a_loss_that_is_no_number_is_refused_and_leaves_the_state(adapter, loss):
    made = adapter(FLAT.clone(), 0.8)
    driven(made, FLAT_LOSSES[:5])
    before = made.detector.to_bytes()
    with pytest.raises(TypeError, match="a sample must be one real number"):
        made.step(loss)
    assert made.detector.to_bytes() == before


@adapters
def test_the_published_losses_make_the_twelve_published_changes(adapter, published_log):
    (run,) = read_log(published_log).runs
    rows = Rows(run)
    made = adapter(
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
