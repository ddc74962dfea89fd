"""What the policy does with the learning rate."""

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


def test_fires_during_the_cooldown_are_ignored():
    assert played(Policy(cooldown=20), [1] * 7) == [0.5, 1.0, 1.0, 0.5, 1.0, 1.0, 0.5]


@given(
    st.lists(st.integers(1, 5), max_size=40),
    st.integers(0, 10),
    st.one_of(st.none(), st.integers(1, 4)),
)
def test_there_are_never_more_reductions_than_allowed(fires, most, restart_after):
    factors = played(Policy(max_reductions=most, restart_after=restart_after), fires)
    assert factors.count(0.5) <= most
    if restart_after is None:
        assert 4.0 not in factors
    else:
        assert factors.count(4.0) * restart_after <= factors.count(0.5)


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
