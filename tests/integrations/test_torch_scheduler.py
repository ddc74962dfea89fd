"""PlateauLR as a scheduler of torch: groups, state, composition, callbacks."""

import math
import pickle
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from schedulers import LOSSES, drive, flat_detector, made, saved, sgd, weight
from strategies import detectors, streams, with_gaps
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ExponentialLR,
    LRScheduler,
    ReduceLROnPlateau,
    SequentialLR,
)
from twins import change, level_of, patient, policies, policy_for, scheduled, waited

import plateau
from plateau import DetectorBank, Haar, ThresholdDetector
from plateau.policy import PolicyState
from plateau_torch import PlateauEvent, PlateauLR


def test_it_is_a_metric_scheduler_of_torch():
    scheduler = made()
    assert isinstance(scheduler, LRScheduler)
    assert isinstance(scheduler, ReduceLROnPlateau)


def test_a_wrapper_may_count_in_it_as_in_any_scheduler():
    scheduler = made()
    scheduler._step_count += 1  # accelerate does, at the steps that accumulate gradients
    assert drive(scheduler) == drive(made())


@pytest.fixture
def two_processes(monkeypatch):
    """Accelerate in two processes."""
    state = SimpleNamespace(num_processes=2)
    module = SimpleNamespace(is_initialized=lambda: True, AcceleratorState=lambda: state)
    monkeypatch.setitem(sys.modules, "accelerate.state", module)


@pytest.mark.parametrize("pickled", [False, True])
def test_what_accelerate_gives_once_for_each_process_is_taken_once(two_processes, pickled):
    scheduler, static = made(), torch.zeros(())
    if pickled:
        scheduler = pickle.loads(pickle.dumps(scheduler))

    def driven():
        for loss in LOSSES:
            static.fill_(loss)
            scheduler.optimizer.step()
            for _ in range(2):
                scheduler.step(static)
            yield scheduler.get_last_lr()

    with pytest.warns(UserWarning, match="accelerate steps the scheduler 2 times") as told:
        rates = list(driven())
    assert len(told) == 1
    assert rates == drive(made())


def test_one_loss_after_another_may_be_the_same_tensor(two_processes):
    scheduler, static = made(), torch.ones(())
    for _ in range(6):
        scheduler.optimizer.step()
        scheduler.step(static)
    assert scheduler.last_epoch == 6
    for _ in range(6):  # another tensor is another loss, whoever steps the optimizer
        scheduler.step(static.clone())
        scheduler.step(static)
    assert scheduler.last_epoch == 18


def test_without_accelerate_a_captured_graph_may_step_the_optimizer_unseen():
    scheduler, static = made(), torch.zeros(())
    for loss in LOSSES:
        static.fill_(loss)
        scheduler.step(static)
    assert scheduler.get_last_lr() == drive(made())[-1]


def test_all_groups_are_scaled_and_none_is_taken_below_the_minimum():
    scheduler = made(0.8, 0.4, 0.05, 0.0, min_lr=0.1)
    assert drive(scheduler)[9::4] == [
        [0.8, 0.4, 0.05, 0.0],
        [0.4, 0.2, 0.05, 0.0],
        [0.2, 0.1, 0.05, 0.0],
        [0.1, 0.1, 0.05, 0.0],
    ]
    assert scheduler.state_dict()["schedule"]["policy_state"]["reductions"] == 3


def test_the_largest_rate_is_the_one_to_reduce_wherever_it_stands():
    assert drive(made(0.8, 0.2, min_lr=0.3))[10] == [0.4, 0.2]
    assert drive(made(0.2, 0.8, min_lr=0.3))[10] == [0.2, 0.4]


def test_a_restart_raises_all_groups():
    rates = drive(made(0.8, 0.2, restart_after=2))
    assert rates[13::4] == [[0.4, 0.1], [0.2, 0.05], [0.8, 0.2]]


def test_a_restart_leads_no_group_beyond_its_highest_rate():
    scheduler = made(0.8, 0.01, min_lr=0.05, restart_after=3)
    large, small = zip(*drive(scheduler, LOSSES + [2.0] * 60), strict=True)
    assert any(later > earlier for earlier, later in pairwise(large))
    assert set(small) == {0.01}


def rates_of_groups(losses, detector, later, warmup_steps, **policy):
    """The rates after each step, where before step `at` a group of rate `lr` is added."""
    detector, policy = detector.clone(), policy_for(detector, policy)
    state, samples, full, rates, known = PolicyState(), 0, [], [0.8], []
    at_fires = []
    for step in range(-1, len(losses)):
        if step >= 0:
            rates = rates + [lr for at, lr in later if at == step]
            fires = detector.update(losses[step])
            samples += abs(losses[step]) <= 2.0**500
            if step + 1 == warmup_steps:
                detector.changed()
            elif step >= warmup_steps and (fires or waited(policy, state, samples - 1, detector)):
                factor, state = policy.react(
                    patient(state, policy, detector),
                    samples - 1,
                    max(rates),
                    detector.fires,
                    *level_of(detector),
                )
                at_fires.append(rates)
                if factor < 1.0:
                    rates = [max(rate * factor, min(rate, policy.min_lr)) for rate in rates]
                elif factor > 1.0:
                    most = [max(r[i] for r in at_fires if len(r) > i) for i in range(len(rates))]
                    rates = [min(rate * factor, top) for rate, top in zip(rates, most, strict=True)]
                if factor != 1.0:
                    change(detector)
        if step + 2 <= warmup_steps:
            full += rates[len(full) :]
            rates = [rate * ((step + 2) / warmup_steps) for rate in full]
        known.append(rates)
    return known[1:]


@given(
    with_gaps(streams()),
    detectors,
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from([0.0, 0.1, 1.5])), max_size=3),
    st.integers(0, 40),
    policies,
)
def test_groups_may_be_added_at_any_time(losses, detector, later, warmup_steps, policy):
    expected = rates_of_groups(losses.tolist(), detector, later, warmup_steps, **policy)
    scheduler = PlateauLR(sgd(0.8), detector.clone(), warmup_steps=warmup_steps, **policy)
    for step, loss in enumerate(losses.tolist()):
        for at, lr in later:
            if at == step:
                scheduler.optimizer.add_param_group({"params": [weight()], "lr": lr})
        scheduler.step(loss)
        assert scheduler.get_last_lr() == expected[step]


def test_a_group_added_later_is_scaled_from_then_on():
    scheduler = made(0.8)
    drive(scheduler, LOSSES[:11])
    scheduler.optimizer.add_param_group({"params": [weight()], "lr": 0.1})
    assert scheduler.get_last_lr() == [0.4, 0.1]
    assert drive(scheduler, LOSSES[11:15])[-1] == [0.2, 0.05]


def test_a_group_added_during_the_warm_up_may_share_a_tensor():
    optimizer = torch.optim.Adam([weight()], lr=torch.tensor(0.8), foreach=False)
    scheduler = PlateauLR(optimizer, flat_detector(), warmup_steps=4)
    drive(scheduler, LOSSES[:1])
    optimizer.add_param_group({"params": [weight()]})
    rates = drive(scheduler, LOSSES[1:4])
    assert [[float(rate) for rate in each] for each in rates[-2:]] == [[pytest.approx(0.8)] * 2] * 2


def test_a_group_added_during_the_warm_up_takes_part_in_it():
    scheduler = made(0.8, warmup_steps=4)
    assert scheduler.get_last_lr() == [0.2]
    drive(scheduler, LOSSES[:1])
    scheduler.optimizer.add_param_group({"params": [weight()], "lr": 0.1})
    rates = drive(scheduler, LOSSES[1:5])
    assert rates[0] == [pytest.approx(0.6), pytest.approx(0.075)]
    assert rates[1:] == [[0.8, 0.1]] * 3


def test_a_rate_that_is_a_tensor_is_changed_in_place():
    rate = torch.tensor(0.8, dtype=torch.float64)
    optimizer = torch.optim.Adam([weight()], lr=rate, capturable=False, foreach=False)
    scheduler = PlateauLR(optimizer, flat_detector(), warmup_steps=2)
    assert rate.item() == 0.4
    drive(scheduler)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.8 / 2**4)
    (last,) = scheduler.get_last_lr()
    assert last.equal(rate)
    assert last is not rate
    state = torch.load(saved(scheduler.state_dict()), weights_only=True)
    rate.fill_(7.0)
    scheduler.load_state_dict(state)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.equal(last)


@pytest.mark.parametrize(
    "as_loss", [float, int, torch.tensor, lambda x: torch.tensor([[x]], dtype=torch.float16)]
)
def test_a_loss_may_be_any_number(as_loss):
    assert drive(made(), [as_loss(loss) for loss in LOSSES]) == drive(made())


def test_a_lag_holds_for_every_loss():
    losses = [loss if i % 2 else torch.tensor(loss) for i, loss in enumerate(LOSSES)]
    assert drive(made(lag=2), losses) == [[0.8]] * 2 + drive(made())[:-2]


@pytest.mark.parametrize("arguments", [{}, {"lag": 0}, {"warmup_steps": 5}])
def test_a_loss_with_a_gradient_is_taken_without_a_warning(arguments):
    scheduler, parameter = made(**arguments), weight()
    scheduler.step((parameter * 2 + 1).sum())
    assert scheduler.detector.level == 1.0


@pytest.mark.parametrize("arguments", [{}, {"lag": 1}, {"warmup_steps": 5}])
@pytest.mark.parametrize("loss", [torch.zeros(2), torch.zeros(0), torch.zeros(1, 3)])
def test_a_tensor_of_another_size_is_refused(arguments, loss):
    scheduler = made(**arguments)
    with pytest.raises(TypeError, match=r"a loss must be one real number, not a tensor of shape"):
        scheduler.step(loss)
    assert scheduler.last_epoch == 0


def test_the_detector_stays():
    scheduler = made()
    with pytest.raises(AttributeError, match="no setter"):
        scheduler.detector = flat_detector()


def test_programs_may_look_at_the_last_rates_where_torch_has_them():
    scheduler = made(0.8, 0.2)
    drive(scheduler)
    assert scheduler._last_lr == scheduler.get_last_lr() == [0.05, 0.0125]


def test_last_epoch_counts_all_steps():
    detector = flat_detector()
    detector.update_many([1.0, 2.0, float("nan")])
    scheduler = PlateauLR(sgd(), detector, warmup_steps=3)
    assert scheduler.last_epoch == 0
    drive(scheduler, [1.0, float("nan"), torch.tensor(2.0), torch.tensor(float("inf")), 3.0])
    assert scheduler.last_epoch == 5
    twin = made(warmup_steps=3)
    twin.load_state_dict(scheduler.state_dict())
    assert twin.last_epoch == 5


def test_cooldown_can_be_asked_for():
    scheduler = made(cooldown=3)
    drive(scheduler, LOSSES[:10])
    asked = []
    for loss in LOSSES[10:16]:
        asked.append(scheduler.in_cooldown)
        drive(scheduler, [loss])
    assert asked == [False, True, True, True, False, True]  # it fires again at 14


def test_the_warm_up_ignores_fires_and_patience_starts_after_it():
    scheduler = made(warmup_steps=12)
    rates = [rate for (rate,) in drive(scheduler)]
    assert rates == scheduled(LOSSES, flat_detector(), 0.8, warmup_steps=12)
    assert rates[10:15] == [0.8] * 5  # it fired at 10, and would at 14
    assert rates[15] == 0.4  # four flat steps after the warm-up


def test_callbacks_hear_of_each_fire():
    first, second = [], []
    scheduler = made(0.8, 0.2, max_reductions=2, on_plateau=[first.append, second.append])
    drive(scheduler, [7.0, *LOSSES[1:19]])
    assert first == second
    assert first == [
        PlateauEvent(10, 5, 2.0, 0.5, [0.4, 0.1], 1),
        PlateauEvent(14, 11, 2.0, 0.5, [0.2, 0.05], 2),
        PlateauEvent(18, 15, 2.0, 1.0, [0.2, 0.05], 2),
    ]


def test_an_event_names_the_step_and_not_the_sample():
    events = []
    drive(made(on_plateau=events.append), [float("nan")] * 5 + LOSSES[:12])
    assert [(event.step, event.onset) for event in events] == [(15, 5)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: PlateauLR([weight()], flat_detector()), TypeError, r"optimizer must be a torch"),
        (lambda: made(on_plateau=[3]), TypeError, "on_plateau must be callable, or .* not 3"),
        (lambda: made(on_plateau=3), TypeError, "on_plateau must be callable, or .* not 3"),
        (lambda: made(on_plateau=None), TypeError, "on_plateau must be callable, or .* not None"),
        (lambda: made(lag=-1), ValueError, "lag must be at least 0, not -1"),
        (lambda: made(restart_after=0), ValueError, "restart_after must be at least 1"),
        (
            lambda: PlateauLR(sgd(), DetectorBank(flat_detector(), 2)),
            TypeError,
            "detector must be a detector",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_detector_may_refuse_what_is_not_finite():
    scheduler = PlateauLR(sgd(), flat_detector(on_nonfinite="raise"))
    with pytest.raises(ValueError, match="not finite"):
        scheduler.step(torch.tensor(float("nan")))
    assert scheduler.last_epoch == 0


@pytest.mark.parametrize(
    "compose",
    [
        lambda *pair: SequentialLR(pair[0].optimizer, pair, [3]),
        lambda *pair: ChainedScheduler(pair),
    ],
)
def test_schedulers_whose_step_has_no_metric_refuse_it(compose):
    optimizer = sgd()
    pair = ExponentialLR(optimizer, 0.9), PlateauLR(optimizer, flat_detector())
    with pytest.raises(ValueError, match="does not support `ReduceLROnPlateau` scheduler as it"):
        compose(*pair)


@given(st.floats(0.9, 0.999))
def test_beside_another_scheduler_each_multiplies_the_rate(gamma):
    optimizer = sgd(0.8)
    exponential = ExponentialLR(optimizer, gamma)
    scheduler = PlateauLR(optimizer, flat_detector())
    alone = [rate for (rate,) in drive(made(0.8))]
    for step, loss in enumerate(LOSSES):
        optimizer.step()
        exponential.step()
        scheduler.step(loss)
        (rate,) = scheduler.get_last_lr()
        assert rate == pytest.approx(alone[step] * gamma ** (step + 1), rel=1e-12)


def test_by_default_the_detector_is_the_calibrated_one():
    assert repr(PlateauLR(sgd()).detector) == repr(plateau.Detector())


def test_it_does_not_wait_for_the_optimizer_to_step_first():
    made().step(1.0)  # torch's own would warn; warnings are errors


@pytest.mark.parametrize("detector", [flat_detector(), plateau.Detector()])
def test_a_detector_takes_the_value_of_a_tensor_with_a_gradient(detector):
    for loss in (weight().sum() + 2.5, torch.full((1,), 2.5), weight().reshape(1, 1) + 2.5):
        detector.update(loss)  # a warning would be an error
    assert (detector.count, detector.level) == (3, 2.5)
    with pytest.raises(TypeError, match=r"must be one real number, not Tensor of shape \(2,\)"):
        detector.update(torch.ones(2, requires_grad=True))


def test_an_infinite_rate_is_warned_of():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=math.inf)
    with pytest.warns(UserWarning, match="learning rate of param group 0 is inf"):
        PlateauLR(optimizer, ThresholdDetector(Haar(4), 0.1, 3))
