"""Lengths of time as people write them, and in samples."""

import numpy as np
import pytest

from plateau.durations import in_samples, seconds_of, shown, step_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90s", 90), ("30m", 1800), ("1h30m", 5400), ("1h 30 min", 5400), ("2d", 172_800)),
        *(("0.5s", 0.5), ("250ms", 0.25), ("2w", 1_209_600)),
    ],
)
def test_a_duration_is_read(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "30", "30x", "1h and more", "0s", "-5m", "5 m 3"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is no duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.25s"),
        (10, "10s"),
        (59, "59s"),
        (60, "1m"),
        (5430, "1h 30m"),
        (86_400 * 9 + 7200, "9d 2h"),
    ],
)
def test_a_length_is_shown(seconds, text):
    assert shown(seconds) == text


@pytest.mark.parametrize(
    ("x", "step"),
    [([0, 0.5, 1], 0.5), ([1, 1, 1, 3], 2), ([5, 5], np.nan), ([5, 4], np.nan), ([], np.nan)],
)
def test_the_usual_step_is_between_times_that_differ(x, step):
    np.testing.assert_equal(step_of(np.array(x, dtype=float)), step)


def test_a_duration_is_so_many_samples():
    assert step_of(np.array([1.9e9, 1.9e9 + 60, 1.9e9 + 600, 1.9e9 + 660])) == 60
    assert step_of(1000 * np.array([1.9e9, 1.9e9 + 60])) == 60  # milliseconds
    assert in_samples("horizon", "30m", 60.0, "ts") == 30
    assert in_samples("window", "5m", 60.0, "ts") == 6  # even
    assert in_samples("patience", "1s", 60.0, "ts") == 1
    for step in (0.0, step_of(np.array([1.9e9]))):
        with pytest.raises(ValueError, match="too few times"):
            in_samples("horizon", "30m", step, "ts")
