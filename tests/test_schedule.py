"""A schedule and a stopper without any framework."""

import copy
import functools
import json
import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps
from twins import policies, policy_for, scheduled

from plateau import Detector, Haar, Schedule, Stopper, ThresholdDetector, Verdict
from plateau.policy import Policy

FLAT = [9.0, 7.0, 5.0, 3.0] + [2.0] * 20


def flat_detector():
    return ThresholdDetector(Haar(window=4), threshold=0.1, patience=3)


def driven(schedule, losses, lr=0.8):
    rates = []
    for loss in losses:
        event = schedule.step(loss, lr)
        lr = event.lr if event else lr
        rates.append(lr)
    return rates


@given(st.data(), with_gaps(streams(min_size=1)), detectors, policies)
def test_the_rates_are_those_of_the_policy_also_where_a_run_is_cut(data, losses, detector, policy):
    def fresh():
        return Schedule(detector.clone(), policy_for(detector, policy))

    expected = scheduled(losses, detector, 0.8, **policy)
    cut = data.draw(st.integers(0, len(losses)))
    first, second = fresh(), fresh()
    before = driven(first, losses[:cut].tolist())
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    after = driven(second, losses[cut:].tolist(), before[-1] if before else 0.8)
    assert before + after == expected
    assert second.taken == len(losses)


def test_an_event_tells_what_is_known_before_the_reaction():
    schedule = Schedule()
    noise = np.random.default_rng(1).normal(size=3000)
    losses = 3 + 10 * np.exp(-np.arange(3000) / 300) + 0.1 * noise
    alone = Detector()
    for loss in losses:
        alone.update(loss)
        if event := schedule.step(loss, 1.0):
            break
    assert (event.index, event.kind) == (alone.count - 1, "plateau")
    assert (event.onset, event.declared) == (alone.onset, alone.declared)
    assert (event.level, event.slope, event.gain) == (alone.level, alone.slope, alone.gain)
    assert (event.factor, event.lr) == (0.5, 0.5)
    assert schedule.detector.verdict is Verdict.WARMING_UP
    assert schedule.in_cooldown
    assert repr(schedule).startswith("<Schedule: 1 reduction in 1,208 losses, warming up")


@pytest.mark.parametrize(
    ("floor", "summed", "lasted"), [(0, False, 624), (3, False, 0), (0, True, 0)]
)
def test_in_noise_a_plateau_is_believed_when_it_has_lasted(floor, summed, lasted):
    """Noise of 0.1 is more than a twentieth of a level of 0.2, and less of one of 3.2."""
    noise = np.random.default_rng(1).normal(size=3000)
    losses = floor + 0.2 + 10 * np.exp(-np.arange(3000) / 100) + 0.1 * noise
    schedule, fired = Schedule(summed=summed), False
    for loss in losses:
        declared, onset = schedule.detector.in_plateau, schedule.detector.onset
        if (event := schedule.step(loss, 1.0)) and event.factor < 1.0:
            break
        fired = fired or event is not None
    assert fired is (lasted > 0)
    if lasted:
        assert declared
        assert event.index + 1 - onset == lasted + 1


def test_how_it_stands_is_said_in_words():
    assert repr(Schedule(flat_detector())) == "<Schedule: 0 reductions in 0 losses, warming up>"
    schedule = Schedule(flat_detector(), Policy(cooldown=30))
    driven(schedule, FLAT[:11])
    said = "1 reduction in 11 losses, undecided, waits 30 more"
    assert (schedule.standing, repr(schedule)) == (said, f"<Schedule: {said}>")
    driven(schedule, [1.0] * 30)
    assert schedule.standing == "1 reduction in 41 losses, plateau"


@pytest.mark.parametrize(("mode", "sign"), [("min", 1.0), ("max", -1.0)])
def test_a_policy_is_told_the_level_and_what_is_known_of_its_error(mode, sign):
    schedule = Schedule(ThresholdDetector(Haar(window=4), 0.1, 3, mode=mode))
    driven(schedule, sign * np.array(FLAT[:11]))
    assert (schedule.state.reductions, schedule.state.level, schedule.state.error) == (1, 2.0, 0.0)
    schedule, alone = Schedule(Detector(mode), Policy()), Detector(mode)
    for loss in 5 + np.random.default_rng(0).normal(size=999):
        alone.update(sign * loss)
        if schedule.step(sign * loss, 1.0):
            break
    assert schedule.state.level == sign * alone.level
    assert schedule.state.error == alone.level_error > 0.0


def test_an_event_behind_a_wait_says_since_when_it_is_flat():
    schedule = Schedule(flat_detector(), Policy(wait=1.5))
    events = [event for _ in range(40) if (event := schedule.step(1.0, 0.5))]
    first, second = (event for event in events if event.factor < 1.0)
    assert (first.index, first.onset) == (6, 0)
    assert (second.index, second.onset) == (6 + 3 * 7, 7)  # twice the wait: it brought nothing


def test_only_losses_that_sum_up_steps_have_a_best_one():
    for summed, best in ((True, (7.0, 0)), (False, (None, None))):
        schedule = Schedule(flat_detector(), summed=summed)
        schedule.step(math.nan, 1.0)
        assert schedule.state_dict()["best_step"] is None
        driven(schedule, [7.0, 8.0])
        state = schedule.state_dict()
        assert (state["best"], state["best_step"]) == best


def test_the_usual_policy_waits_beside_a_detector_without_a_horizon():
    assert Schedule().policy == Policy(wait=0.125)
    assert Schedule(Detector(horizon=24)).policy == Schedule(flat_detector()).policy == Policy()


def patience(losses, share=0.125, least=3, wait=0.125):
    """After which losses the rate falls because none was better than the best: slow and obvious."""
    fallen, reached, vain, quiet = [], [], 0, 0
    for n in range(1, len(losses) + 1):
        since = max(int(np.argmin(losses[:n])) + 1, *fallen[-1:], 0)
        if n - since < max(share * n, least) or n < quiet:
            continue
        if fallen:
            now = vain + 1 if min(losses[:n]) >= reached[-1] else 0
            quiet = fallen[-1] + round(wait * 2**now * fallen[-1])
            if n < quiet:
                continue
            vain = now
        fallen.append(n)
        reached.append(min(losses[:n]))
    return fallen[:8]


@pytest.mark.parametrize("seed", range(20))
def test_losses_that_sum_up_steps_are_waited_for_with_patience(seed):
    chance = np.random.default_rng(seed)
    losses = 1 / np.arange(1, 121) ** 0.5 + 0.03 * chance.normal(size=120)
    silent = ThresholdDetector(Haar(window=4), threshold=0.1, patience=1000)
    schedule = Schedule(silent, Policy(wait=0.125), summed=True)
    rates = driven(schedule, losses.tolist(), lr=1.0)
    fallen = [n + 1 for n in range(120) if rates[n] < ([1.0, *rates])[n]]
    expected = patience(losses.tolist())
    assert len(fallen) >= 3
    assert fallen == expected
    assert driven(Schedule(), losses.tolist(), lr=1.0)[-1] == 1.0  # no evidence


def test_what_a_detector_has_taken_before_is_no_impatience():
    detector = Detector()
    detector.update_many(np.linspace(9.0, 8.0, 100))
    schedule = Schedule(detector, summed=True)
    assert schedule.step(math.nan, 0.5) is None
    assert all(schedule.step(8.0 - i, 0.5) is None for i in range(8))


def test_a_fire_of_patience_says_since_when_and_is_resumed():
    losses = [5.0, 4.0, 3.0, math.nan, 3.1, 3.2, 3.0, 2.0, 2.5, 2.5, 2.5]
    schedule, events = Schedule(summed=True), []
    for i, loss in enumerate(losses):
        saved = json.loads(json.dumps(schedule.state_dict()))
        schedule = Schedule(summed=bool(i % 2))  # the state knows
        schedule.load_state_dict(saved)
        events += [event] if (event := schedule.step(loss, 0.5)) else []
    assert [(event.index, event.onset, event.lr) for event in events] == [
        (6, 3, 0.25),
        (10, 7, 0.25),
    ]
    state = schedule.state_dict()
    for change in ({"summed": 1}, {"best": None}, {"best_step": -1}):
        with pytest.raises(ValueError, match="damaged"):
            schedule.load_state_dict(state | change)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"detector": 3}, "detector must be a detector such as plateau.Detector.., not 3"),
        ({"policy": 0.5}, "policy must be a plateau.policy.Policy, not 0.5"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(TypeError, match=message):
        Schedule(**arguments)


def test_a_state_that_does_not_fit_changes_nothing():
    schedule = Schedule(flat_detector())
    driven(schedule, FLAT)
    before = schedule.state_dict()
    for change, message in [
        ({"version": 9}, "state has version 9, this library reads version 2"),
        ({"taken": 99}, "damaged: 99 losses taken, 24 seen"),
        ({"detector": None}, "detector: a state must be a dict"),
        ({"more": 1}, "a state of Schedule has version, policy"),
    ]:
        with pytest.raises(ValueError, match=message):
            schedule.load_state_dict(before | change)
        assert schedule.state_dict() == before


def places(state, path=()):
    """Yield where something stands in a state, with the keys that lead there."""
    for key in state if isinstance(state, dict) else range(min(len(state), 2)):
        yield (*path, key)
        if isinstance(state[key], dict | list) and key != "detector":  # they have their own tests
            yield from places(state[key], (*path, key))


ANYTHING = [None, True, -1, 0.5, 1e308, -1e308, 1e-320, math.nan, math.inf, 10**400, "x", [], {}]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numbers may be beyond all bounds
@pytest.mark.parametrize("make", [Schedule, Stopper, lambda: Schedule(flat_detector())])
def test_a_state_with_anything_anywhere_is_refused_or_goes_on(make):
    one = make()
    step = (lambda one, x: one.step(x, 0.1)) if isinstance(one, Schedule) else type(one).step
    for i in range(60):
        step(one, 1 / (i + 1))
    state, refused = one.state_dict(), 0
    for path in places(state):
        for value in ANYTHING:
            broken = copy.deepcopy(state)
            holder = functools.reduce(operator.getitem, path[:-1], broken)
            holder[path[-1]] = value
            other = make()
            before = other.state_dict()
            try:
                other.load_state_dict(broken)
            except ValueError:
                refused += 1
                assert other.state_dict() == before
                continue
            for loss in (0.5, math.nan, 0.01):
                step(other, loss)
            make().load_state_dict(other.state_dict())
    assert refused > 50


def test_a_stopper_goes_on_from_a_state_and_stays_stopped():
    whole, first, second = (Stopper(flat_detector()) for _ in range(3))
    stops = [whole.step(loss) for loss in [float("nan"), *FLAT]]
    assert stops.index(True) == 11
    assert all(stops[11:])
    for loss in [float("nan"), *FLAT[:6]]:
        first.step(loss)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for loss in FLAT[6:]:
        second.step(loss)
    assert second.state_dict() == whole.state_dict()
    assert (second.best, second.best_step, second.taken) == (2.0, 5, 25)
    assert second.reason == "flat since sample 5"
    assert repr(second) == "<Stopper: stopped, flat since sample 5>"
    assert repr(first) == "<Stopper: improving after 7 values>"


class Creeping(ThresholdDetector):
    """One whose plateaus are slow."""

    kind = "slow"


@pytest.mark.parametrize(("told", "stops"), [({}, False), ({"slow": True}, True)])
def test_a_loss_that_is_slow_is_no_reason_to_stop_unless_it_is_said(told, stops):
    stopper = Stopper(Creeping(Haar(window=4), threshold=0.1, patience=3), **told)
    assert [stopper.step(loss) for loss in FLAT][-1] is stops
    assert stopper.reason == ("slow since sample 5" if stops else "")


def test_a_loss_that_gets_worse_is_a_reason_to_stop():
    stopper = Stopper()
    stops = [stopper.step(loss) for loss in [3.0, 2.0, 1.0, *np.arange(1.1, 9.0, 0.1)]]
    assert stops == sorted(stops)
    assert not all(stops)
    assert stopper.reason == "gets worse; the best, 1, was at step 2"
