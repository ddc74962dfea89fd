"""`PlateauLR` asked what programs ask a `ReduceLROnPlateau`."""

import pytest
from schedulers import LOSSES, drive, flat_detector, made, sgd, weight

from plateau_torch import PlateauLR


@pytest.mark.parametrize("name", ["_reduce_lr", "_reset", "_is_better", "_init_is_better"])
def test_what_torchs_own_does_with_the_best_loss_is_refused(name):
    with pytest.raises(AttributeError, match="lowers the rates in step"):
        getattr(made(), name)


def test_it_answers_what_a_reduce_lr_on_plateau_is_asked():
    scheduler = made(0.8, 0.2, factor=0.1, min_lr=[0.1, 0.0], cooldown=7)
    assert (scheduler.factor, scheduler.cooldown, scheduler.eps) == (0.1, 7, 0.0)
    assert (scheduler.mode, scheduler.patience, scheduler.threshold) == ("min", 3, 0.1)
    assert (scheduler.min_lrs, scheduler.cooldown_counter) == ([0.1, 0.0], 0)
    drive(scheduler, LOSSES[:11])
    assert scheduler.cooldown_counter > 0
    scheduler.optimizer.add_param_group({"params": [weight()], "lr": 0.3})
    assert scheduler.min_lrs == [0.1, 0.0, 0.0]


@pytest.mark.parametrize("name", ["best", "num_bad_epochs", "patience", "threshold_mode"])
def test_what_it_does_not_have_is_said_in_one_line(name):
    with pytest.raises(AttributeError, match=f"PlateauLR has no attribute '{name}'") as told:
        getattr(PlateauLR(sgd()), name)
    assert "Move from ReduceLROnPlateau" in str(told.value)


@pytest.mark.parametrize("name", ["factor", "cooldown", "min_lrs", "eps", "last_epoch", "patience"])
def test_what_it_answers_cannot_be_set(name):
    with pytest.raises(AttributeError, match=f"{name} of PlateauLR is read-only: make a new one"):
        setattr(PlateauLR(sgd()), name, 1)


def test_a_program_may_give_it_the_last_epoch_as_any_scheduler():
    assert drive(made(last_epoch=-1)) == drive(made())
    with pytest.warns(UserWarning, match="PlateauLR begins anew whatever its last_epoch") as told:
        PlateauLR(sgd(), flat_detector(), last_epoch=3)
    assert told[0].filename == __file__


def test_each_group_has_a_least_rate_of_its_own():
    rates = drive(made(0.8, 0.8, min_lr=[0.3, 0.0]))
    assert rates[-1][0] == 0.3
    assert rates[-1][1] < 0.3
    with pytest.raises(ValueError, match="min_lr has 2 rates for 1 param groups"):
        made(0.8, min_lr=[0.1, 0.1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PlateauLR(sgd(), "min", patience=5), r"such as plateau.Detector\('min'\), .*Move"),
        (lambda: PlateauLR(sgd(), patience=5, eps=0), "a detector in place of patience, eps; see"),
        (lambda: PlateauLR(sgd(), nope=5), "got an unexpected keyword argument 'nope'"),
    ],
)
def test_arguments_of_reduce_lr_on_plateau_are_pointed_to_the_page(call, message):
    with pytest.raises(TypeError, match=message):
        call()
