"""What the policy does with the learning rate."""

import operator
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateau.policy import Policy, PolicyState


def played(policy, fires, lr=1.0, every=10):
    """Factors for a list of the detector's `fires`, one fire every so many samples."""
    state, factors = PolicyState(), []
    for i, in_a_row in enumerate(fires):
        factor, state = policy.react(state, i * every, lr, in_a_row)
        lr *= factor
        factors.append(factor)
    return factors


def test_it_halves_at_most_eight_times():
    assert played(Policy(), [1] * 10) == [0.5] * 8 + [1.0] * 2


def test_three_halvings_in_a_row_are_followed_by_a_restart():
    policy = Policy(max_reductions=100, restart_after=3)
    fires = [1, 1, 1, 1, 1, 2, 3, 4, 1, 2, 3, 4, 5]
    assert played(policy, fires) == [0.5] * 7 + [4.0] + [0.5] * 3 + [4.0, 0.5]


def test_a_restart_is_no_reduction():
    policy = Policy(max_reductions=4, restart_after=2)
    assert played(policy, range(1, 9)) == [0.5, 0.5, 4.0, 0.5, 0.5, 1.0, 1.0, 1.0]


def test_ignored_fires_leave_the_streak_as_it_is():
    policy = Policy(restart_after=2, cooldown=15)
    assert played(policy, range(1, 6)) == [0.5, 1.0, 0.5, 1.0, 4.0]


def test_progress_before_an_ignored_fire_breaks_the_streak():
    policy = Policy(restart_after=1, cooldown=15)
    assert played(policy, [1, 1, 2, 3, 4]) == [0.5, 1.0, 0.5, 1.0, 4.0]


def test_progress_between_them_breaks_the_row():
    assert played(Policy(restart_after=2), [1, 2, 1, 2, 3]) == [0.5] * 4 + [4.0]


def test_restarts_can_be_switched_off():
    assert played(Policy(), [1, 2, 3, 4, 5]) == [0.5] * 5


def test_the_rate_is_not_lowered_below_its_minimum():
    assert played(Policy(min_lr=0.2), [1] * 4) == [0.5, 0.5, 0.2 / 0.25, 1.0]
    assert played(Policy(min_lr=2.0), [1]) == [1.0]


def test_what_does_nothing_is_no_reduction():
    assert played(Policy(max_reductions=2, min_lr=0.5), [1] * 5) == [0.5, 1.0, 1.0, 1.0, 1.0]


def rates(policy, fires, lr):
    """Learning rates after each fire."""
    return [lr := lr * factor for factor in played(policy, fires, lr)]


def test_at_the_minimum_a_restart_comes_as_anywhere_else():
    policy = Policy(min_lr=0.3, restart_after=3)
    assert rates(policy, range(1, 10), 0.8) == pytest.approx(
        [0.4, 0.3, 0.3, 0.8, 0.4, 0.3, 0.3, 0.8, 0.4]
    )


def test_a_restart_does_not_go_beyond_the_rate_at_the_beginning():
    policy = Policy(restart_after=1)
    assert rates(policy, range(1, 20), 0.8) == [0.4, 0.8] * 7 + [0.4] * 5


def test_a_rate_that_something_else_has_raised_is_the_new_limit():
    policy, state = Policy(restart_after=1), PolicyState()
    for sample, lr, expected in [(0, 0.1, 0.5), (1, 0.8, 0.5), (2, 0.4, 0.5), (3, 0.1, 4.0)]:
        factor, state = policy.react(state, sample, lr, fires=sample % 2 + 1)
        assert (factor, state.highest) == (expected, max(lr, 0.8 if sample else 0.1))


def test_where_no_restart_can_raise_it_a_reduction_follows():
    policy, state = Policy(restart_after=1), PolicyState(streak=1, highest=0.8)
    assert policy.react(state, 0, 0.8, fires=2).factor == 0.5


def test_a_rate_of_zero_stays():
    assert played(Policy(restart_after=1), range(1, 6), lr=0.0) == [1.0] * 5


def test_numbers_of_other_kinds_become_pythons_own():
    policy = Policy(
        np.float64(0.5), np.int64(3), Fraction(1, 8), np.uint8(2), np.int32(2), np.float32(4)
    )
    assert policy == Policy(0.5, 3, 0.125, 2, 2, 4.0)
    assert {type(value) for value in asdict(policy).values()} == {int, float}


def test_fires_during_the_cooldown_are_ignored():
    assert played(Policy(cooldown=20), [1] * 7) == [0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5]


@given(
    st.lists(st.integers(1, 5), max_size=40),
    st.integers(0, 10),
    st.none() | st.integers(1, 4),
    st.sampled_from([0.0, 0.1, 0.3, 2.0]),
)
def test_reductions_and_rates_have_their_limits(fires, most, restart_after, min_lr):
    policy = Policy(max_reductions=most, restart_after=restart_after, min_lr=min_lr)
    factors = played(policy, fires, lr=0.8)
    reductions, restarts = (sum(f < 1 for f in factors), sum(f > 1 for f in factors))
    assert reductions <= most
    assert restarts <= (reductions if restart_after else 0)
    if restart_after and not min_lr:
        assert restarts * restart_after <= reductions
    after = rates(policy, fires, 0.8)
    assert all(min(min_lr, 0.8) * (1 - 1e-12) <= rate <= 0.8 * (1 + 1e-12) for rate in after)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1}, "factor must lie between 0 and 1, not 1"),
        ({"factor": 0.0}, "factor must lie between 0 and 1, not 0.0"),
        ({"max_reductions": -1}, "max_reductions must be at least 0, not -1"),
        ({"min_lr": -1.0}, "min_lr must be at least 0, not -1.0"),
        ({"cooldown": -1}, "cooldown must be at least 0, not -1"),
        ({"restart_after": 0}, "restart_after must be at least 1, not 0"),
        ({"restart_factor": 1.0}, "restart_factor must be above 1, not 1.0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Policy(**arguments)


def lowered(policy, asked, level):
    """Samples taken at each reduction of a run that is asked about after so many samples."""
    state, acted = PolicyState(), []
    for taken in asked:
        factor, state = policy.react(state, taken - 1, 1.0, 1, level(taken), 0.1)
        acted += [taken] if factor < 1 else []
    return acted


def test_the_next_change_waits_until_the_run_has_grown_by_a_share():
    asked = range(100, 2000, 100)
    assert lowered(Policy(wait=1.0), asked, operator.neg) == [100, 200, 400, 800, 1600]
    assert lowered(Policy(wait=0.5), asked, operator.neg) == [100, 200, 300, 500, 800, 1200, 1800]
    assert lowered(Policy(wait=0.25), [300, 374, 375, 400, 469], operator.neg) == [300, 375, 469]


def test_after_those_that_brought_nothing_it_waits_ever_longer():
    policy = Policy(wait=0.25, max_reductions=100)
    asked = range(4, 20_000, 4)
    # It grows by 1/2, 1, 2, 4, 8 times; after one that brought something by 1/4 again.
    assert lowered(policy, asked, lambda taken: 0.5) == [4, 8, 16, 48, 240, 2160]
    assert lowered(policy, asked[:30], lambda taken: -float(taken > 50)) == [4, 8, 16, 48, 60, 92]
    for fall, factor in ((2.9, 0.5), (2.7, 1.0), (0.0, 1.0)):  # two errors of it: 2.83
        state = policy.react(PolicyState(), 99, 1.0, 1, 10.0, 1.0).state
        assert policy.react(state, 130, 1.0, 1, 10.0 - fall, 1.0).factor == factor


def test_a_run_without_an_end_does_not_overflow_its_waits():
    state = PolicyState(reductions=1, changed=2**52, vain=2**40, level=0.0)
    assert Policy(wait=0.125).react(state, 2**53, 1.0, 1, 1.0).factor == 1.0


def test_a_level_that_is_not_known_is_no_reason_to_wait_longer():
    policy = Policy(wait=1.0)
    state = policy.react(PolicyState(), 99, 1.0, 1).state
    assert policy.react(state, 199, 1.0, 1).factor == 0.5
    with pytest.raises(ValueError, match="wait must be at least 0, not -1"):
        Policy(wait=-1)


def test_a_level_is_taken_as_exact_where_no_error_is_given():
    policy = Policy(wait=1.0)
    _, state = policy.react(PolicyState(), 9, 0.8, fires=1, level=5.0)
    for level, error, factor in ((4.9, {}, 0.5), (5.0, {}, 1.0), (4.9, {"error": 1.0}, 1.0)):
        assert policy.react(state, 20, 0.4, fires=1, level=level, **error).factor == factor


def test_the_usual_factor_is_not_rounded():
    assert 0.1 * 0.7 / 0.1 != 0.7
    assert played(Policy(factor=0.7), [1], lr=0.1) == [0.7]
