"""Parts of a watch alone: places, rates, epochs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau import places
from plateau.follower import RateSteps
from plateau.watching import run_starts


@given(st.data())
@settings(max_examples=40)
def test_places_know_where_every_row_lies(data):
    steps = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=60))
    at = np.cumsum(data.draw(st.lists(st.integers(1, 3), min_size=60, max_size=60)))[: len(steps)]
    values = np.cumsum(steps).astype(float)
    found = places.Places()
    for part in np.split(np.arange(len(steps)), [len(steps) // 3, len(steps) // 2]):
        found.add(at[part], values[part])
    held = np.repeat(values, np.diff(at, append=at[-1] + 1))  # up to the next one
    assert [found(i) for i in range(at[0], at[-1] + 1)] == held.tolist()


def test_places_do_not_grow():
    found = places.Places()
    x = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, size=5000))
    for begin_ in range(0, 5000, 50):
        found.thin(100)
        found.add(np.arange(begin_, begin_ + 50), x[begin_ : begin_ + 50])
    assert len(found.starts) <= 150
    assert max(abs(found(i) - x[i]) for i in range(5000)) < 100


@given(st.lists(st.sampled_from([0.1, 0.01, float("nan")]), max_size=40), st.integers(0, 40))
def test_rate_steps_are_the_same_in_parts(lr, cut):
    rates = np.repeat(np.array(lr), 60)
    cut = min(cut * 60 + 7, len(rates))
    whole, parts = RateSteps().take(rates), RateSteps()
    assert [*parts.take(rates[:cut]), *parts.take(rates[cut:])] == whole.tolist()


def test_an_epoch_shows_when_the_first_is_over():
    epoch = np.repeat([1.0, 2.0, 3.0], 4)
    inner = np.tile([5.0, 10.0, 15.0, 20.0], 3)
    follow = run_starts.RunStarts(1)
    x, starts = zip(
        *(follow.take([inner[i : i + 1], epoch[i : i + 1]], 1) for i in range(12)), strict=True
    )
    assert np.concatenate(x).tolist() == [5.0 * i for i in range(1, 13)]
    assert not any(starts)
