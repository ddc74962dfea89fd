"""How verdicts, detectors and plateaus look where Python prints them."""

import json
import pickle

import numpy as np
import pytest

from plateau import Detector, Gain, Haar, Plateau, ThresholdDetector, Verdict, find_plateaus

FALLING = 2 + np.exp(-np.arange(200) / 10)


def test_a_verdict_is_a_word():
    assert [str(one) for one in Verdict] == [
        *("warming up", "improving", "undecided", "plateau", "worsening")
    ]
    assert f"{Verdict.PLATEAU:>9}" == "  plateau"


def test_a_verdict_is_compared_with_words_and_codes():
    one = Verdict.WARMING_UP
    assert one == "warming up" == one
    assert one == "WARMING_UP"
    assert one != "plateau"
    assert not one == "no verdict"  # noqa: SIM201 - both operators are written by hand
    assert not one != "warming up"  # noqa: SIM202
    assert one == 0
    assert one != 1
    codes = np.array([0, 3], dtype=np.int8)
    assert (codes == Verdict.PLATEAU).tolist() == [False, True]


def test_a_verdict_is_found_by_its_word():
    assert Verdict("warming up") is Verdict("WARMING_UP") is Verdict.WARMING_UP
    with pytest.raises(ValueError, match="is not a valid Verdict"):
        Verdict("flat")


def test_a_verdict_is_still_a_number_to_json_and_pickle():
    assert json.dumps(Verdict.PLATEAU) == "3"
    assert pickle.loads(pickle.dumps(Verdict.PLATEAU)) is Verdict.PLATEAU
    assert {Verdict.PLATEAU: 1}[3] == 1


@pytest.mark.parametrize(
    ("detector", "xs", "want"),
    [
        (Detector(), [3.0], "<Detector(): warming up, level 3, 1 sample>"),
        (Detector(), FALLING, "<Detector(): slow plateau since 43, level 2, 200 samples>"),
        (
            ThresholdDetector(Haar(4), 0.1, 3, mode="max"),
            [3.0] * 20,
            (
                "<ThresholdDetector(slope_filter=Haar(window=4, smooth=1), threshold=0.1, "
                "patience=3, mode='max'): plateau since 0, level 3, 20 samples>"
            ),
        ),
    ],
)
def test_a_detector_says_in_one_line_where_it_stands(detector, xs, want):
    detector.update_many(xs)
    assert repr(detector) == want


def test_a_plateau_prints_the_digits_that_matter():
    gain = Gain(1 / 3, 0.0, 2 / 3, 0.1)
    plateau = Plateau(1, 200, None, 1 / 3, -1e-5 / 3, 0.1, closed=True, gain=gain)
    assert repr(plateau) == (
        "Plateau(start=1, stop=200, level=0.3333, slope=-3.333e-06, noise=0.1, "  # what is known
        "closed=True, kind='flat', gain=Gain(expected=0.3333, low=0, high=0.6667, share=0.1))"
    )


def test_plateaus_are_a_list_wherever_they_go():
    found = find_plateaus(FALLING)
    assert isinstance(found, list)
    assert found == list(found)
    assert type(pickle.loads(pickle.dumps(found))) is list


@pytest.mark.parametrize(
    ("x", "want"),
    [
        (None, "not None"),
        ("3", "not str '3'"),
        ([1, 2], r"not list \[1, 2\]: update_many takes several"),
        (np.zeros(3), r"not ndarray of shape \(3,\): update_many takes several"),
        ({"loss": 1.0}, "not dict {'loss': 1.0}"),
        (list(range(10**6)), r"not list \[0, 1, 2, 3, 4, 5, \.\.\.\]"),
    ],
)
def test_what_is_no_sample_is_named(x, want):
    with pytest.raises(TypeError, match=f"a sample must be one real number, {want}"):
        Detector().update(x)
