"""`PlateauLR` saved, loaded and copied."""

import copy
import gc
import json
import pickle
import weakref
from fractions import Fraction

import numpy as np
import pytest
import torch
from schedulers import LOSSES, drive, made, saved, sgd

from plateau_torch import PlateauLR


@pytest.mark.parametrize("split", range(len(LOSSES) + 1))
@pytest.mark.parametrize("order", [["lr"], ["lr", "optimizer"], ["optimizer", "lr"]])
def test_a_checkpoint_may_be_loaded_in_any_order(split, order):
    whole = made(0.8, 0.3, warmup_steps=5)
    expected = drive(whole)
    first = made(0.8, 0.3, warmup_steps=5)
    drive(first, LOSSES[:split])
    file = saved({"optimizer": first.optimizer.state_dict(), "lr": first.state_dict()})
    states = torch.load(file, weights_only=True)
    second = made(7.0, 7.0, warmup_steps=5)
    for name in order:
        {"lr": second, "optimizer": second.optimizer}[name].load_state_dict(states[name])
    assert drive(second, LOSSES[split:]) == expected[split:]
    assert second.state_dict() == whole.state_dict()


@pytest.mark.parametrize("cut", [0, 3, 8, 12, 20])
def test_a_scheduler_may_go_back_to_an_earlier_state(cut):
    scheduler = made(0.8, 0.3, warmup_steps=8)
    drive(scheduler, LOSSES[:cut])
    state = copy.deepcopy(scheduler.state_dict())
    expected = drive(scheduler, LOSSES[cut:])
    scheduler.load_state_dict(state)
    assert drive(scheduler, LOSSES[cut:]) == expected


def test_the_state_is_plain_data():
    scheduler = made(warmup_steps=3, lag=3)
    drive(scheduler, [*LOSSES, 1.0, float("nan"), -float("inf")])
    state = scheduler.state_dict()
    assert json.loads(json.dumps(state, allow_nan=False)) == state
    assert state["waiting"] == [1.0, None, None]
    scheduler.load_state_dict(state)
    drive(scheduler, [1.0] * 3)
    assert scheduler.detector.skipped == 2


def test_the_state_of_numbers_of_other_kinds_is_plain_data_too():
    scheduler = made(
        factor=np.float64(0.5),
        max_reductions=np.int64(3),
        min_lr=Fraction(1, 100),
        cooldown=np.int32(1),
        warmup_steps=np.uint8(2),
        restart_after=np.int64(2),
        restart_factor=np.float32(4),
    )
    drive(scheduler)
    state = torch.load(saved(scheduler.state_dict()), weights_only=True)
    twin = made(factor=0.5, max_reductions=3, min_lr=0.01, cooldown=1, warmup_steps=2,
                restart_after=2, restart_factor=4.0)  # fmt: skip  # the same in plain numbers
    twin.load_state_dict(state)
    assert twin.state_dict() == state


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_goes_on_alike_and_alone(copied):
    scheduler = made()
    drive(scheduler, LOSSES[:9])
    twin = copied(scheduler)
    assert drive(twin, LOSSES[9:]) == drive(scheduler, LOSSES[9:])
    assert twin.optimizer is not scheduler.optimizer


def drive_epochs(scheduler, losses, steps=5):
    """Several steps of the optimizer for each loss; return the rate after each loss."""
    rates = []
    for loss in losses:
        for _ in range(steps):
            scheduler.optimizer.step()
        scheduler.step(loss)
        rates.append(scheduler.get_last_lr()[0])
    return rates


EPOCHS = [5.0, 4.0, 3.0, 3.1, 3.2, 3.0, 2.0, 2.5, 2.5, 2.5]


def test_losses_that_sum_up_steps_are_judged_with_patience():
    falls = [0.1] * 5 + [0.05] * 4 + [0.025]
    assert drive_epochs(PlateauLR(sgd(0.1)), EPOCHS) == falls
    assert drive_epochs(PlateauLR(sgd(0.1), lag=0), EPOCHS) == falls
    # One step or none for a loss: nothing is summed up.
    for steps in (0, 1):
        assert drive_epochs(PlateauLR(sgd(0.1)), EPOCHS, steps) == [0.1] * 10


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda s: pickle.loads(pickle.dumps(s)),
        lambda s: loaded(PlateauLR(sgd(0.1)), s),
    ],
)
@pytest.mark.parametrize("epochs", range(1, 9))
def test_a_run_that_is_told_of_epochs_goes_on_alike(copied, epochs):
    scheduler = PlateauLR(sgd(0.1))
    before = drive_epochs(scheduler, EPOCHS[:epochs], steps=2)
    scheduler.optimizer.step()  # in the middle of an epoch
    twin = copied(scheduler)
    twin.optimizer.step()
    twin.step(EPOCHS[epochs])
    after = [twin.get_last_lr()[0], *drive_epochs(twin, EPOCHS[epochs + 1 :], steps=2)]
    assert before + after == drive_epochs(PlateauLR(sgd(0.1)), EPOCHS, steps=2)


def loaded(fresh, scheduler):
    fresh.load_state_dict(json.loads(json.dumps(scheduler.state_dict())))
    return fresh


def test_a_scheduler_that_is_dropped_is_not_held_by_its_optimizer():
    optimizer = sgd(0.1)
    dropped = weakref.ref(PlateauLR(optimizer))
    gc.collect()
    assert dropped() is None
    optimizer.step()


def broken(**changes):
    return made(0.8).state_dict() | changes


def broken_schedule(**changes):
    return broken(schedule=made(0.8).state_dict()["schedule"] | changes)


def broken_policy_state(**changes):
    state = made().state_dict()["schedule"]["policy_state"]
    return broken_schedule(policy_state=state | changes)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (None, "a state of PlateauLR must be a dict that state_dict.. made, not None"),
        ({"version": 1}, "a state of PlateauLR has version, schedule, .*, not version"),
        (made(lag=3, factor=0.1).state_dict(), "saved with factor=0.1, here it is 0.5$"),
        (
            made(max_reductions=2, cooldown=4).state_dict(),
            "saved with max_reductions=2, here it is 8; cooldown=4, here it is 0$",
        ),
        (broken_schedule(policy=None), "its parameters must be factor, .*, restart_factor"),
        (broken_schedule(policy={}), "its parameters must be factor, .*, restart_factor"),
        (broken(warmup_steps="a"), "saved with warmup_steps='a', here it is 0"),
        (broken_schedule(policy_state={}), "policy_state must be a dict of reductions, .* not {}"),
        (broken_schedule(policy_state=3), "policy_state must be a dict of reductions, .* not 3"),
        (broken_policy_state(streak=-1), "damaged: streak must be at least 0, not -1"),
        (broken_policy_state(highest="a"), "damaged: highest must be a number, not 'a'"),
        (broken_schedule(detector=None), "detector: a state must be a dict of version"),
        (broken(schedule=None), "a state of Schedule must be a dict"),
        (broken_schedule(version=9), "state has version 9, this library reads version 2"),
        (broken_schedule(taken="x"), "damaged: taken must be a whole number, not 'x'"),
        (broken_schedule(taken=-1), "damaged: taken must be at least 0, not -1"),
        (broken_schedule(taken=7), "damaged: 7 losses taken, 0 seen"),
        (broken(waiting=3), "damaged: waiting must be a list, not 3"),
        (broken(waiting=["a"]), "damaged: waiting must be a number, not 'a'"),
        (broken(lr=None), "damaged: lr must be a list, not None"),
        (broken(lr=["a"]), "damaged: lr must be a number, not 'a'"),
        (broken(lr=[-1.0]), "damaged: lr must be at least 0, not -1.0"),
        (broken(lr=[float("nan")]), "damaged: lr must be finite, not nan"),
        (broken(full_lr=None), "damaged: full_lr must be a list, not None"),
        (broken(full_lr=[0.8, 0.8]), "damaged: full_lr has 2 rates for 1 groups"),
        (broken(version=1), "state has version 1, this library reads version 3"),
        (broken(more=1), "a state of PlateauLR has"),
        (
            broken(lr=[0.1, 0.2]),
            "saved with 2 param groups, the optimizer has 1: it must have as many",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, message):
    scheduler = made()
    drive(scheduler)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == before
