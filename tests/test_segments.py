"""Plateaus of whole series."""

from itertools import pairwise

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, threshold_detectors, with_gaps

from plateau import Detector, Haar, ThresholdDetector, Verdict, find_plateaus, trace
from plateau._estimates import confidence_of
from plateau.base import FLAT, SLOW, Trace
from plateau.segments import FiniteRows, Plateau, _first_known, in_rows, plateaus_of, stretches


@given(detectors, with_gaps(streams()))
def test_plateaus_are_in_order_disjoint_and_in_rows(detector, xs):
    before = detector.to_bytes()
    found = find_plateaus(xs, detector)
    assert detector.to_bytes() == before
    edge = 0
    for plateau in found:
        known = plateau.start if plateau.declared is None else plateau.declared
        assert edge <= plateau.start <= known < plateau.stop <= len(xs)
        edge = plateau.stop
        inside = xs[plateau.start : plateau.stop]
        inside = inside[np.abs(inside) <= 2.0**500]
        scale = np.abs(inside).max()
        assert plateau.level == pytest.approx(inside.mean(), rel=1e-9, abs=1e-9 * scale)
    assert all(plateau.closed for plateau in found[:-1])


@given(threshold_detectors, streams(min_size=1))
def test_plateaus_are_where_the_verdict_says_so(detector, xs):
    verdict = trace(xs, detector).verdict
    inside = np.zeros(len(xs), bool)
    for plateau in find_plateaus(xs, detector):
        inside[plateau.declared : plateau.stop] = True
    np.testing.assert_array_equal(inside, verdict == Verdict.PLATEAU)


@given(st.data(), detectors, streams())
def test_blocks_do_not_matter(data, detector, xs):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(xs)), max_size=5)))
    parts = np.split(xs, cuts)
    twin = detector.clone()
    whole = stretches([detector._record(xs)])
    assert stretches(twin._record(part) for part in parts) == whole


def test_slope_and_noise_are_those_of_the_fitted_line():
    rng = np.random.default_rng(0)
    xs = np.r_[np.linspace(50, 1, 50), 1 + 1e-4 * np.arange(1000) + 0.01 * rng.normal(size=1000)]
    (plateau,) = find_plateaus(xs, ThresholdDetector(Haar(40), 0.01, 100))
    slope, level = np.polyfit(np.arange(plateau.start, plateau.stop), xs[plateau.start :], 1)
    assert plateau.slope == pytest.approx(slope)
    assert plateau.noise == pytest.approx(
        np.std(xs[plateau.start :] - level - slope * np.arange(plateau.start, plateau.stop))
    )
    assert 50 <= plateau.start <= 50 + 40  # the kernel has to leave the descent behind


def test_samples_that_are_not_finite_may_lie_within_a_plateau():
    xs = [3.0, 2.0, np.nan, *[1.0] * 5, np.inf, *[1.0] * 5]
    (plateau,) = find_plateaus(xs, ThresholdDetector(Haar(2), 0.1, 3))
    assert (plateau.start, plateau.declared, plateau.stop, plateau.closed) == (3, 7, 14, False)
    assert (plateau.level, plateau.slope, plateau.noise) == (1.0, 0.0, 0.0)


@st.composite
def stretches_of_rows(draw):
    """Stretches of samples, one behind the other, and how many samples each row stands for."""
    widths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=30))
    samples, found, at = sum(widths), [], 0
    for _ in range(draw(st.integers(1, 5))):
        onset, declared, stop = (at := at + draw(st.integers(0, 9)) for _ in range(3))
        if declared >= samples:
            break
        stop = max(stop, declared + 1)
        found.append((onset, declared, stop if stop < samples else None, 0))
        at = stop
    return found, widths


@given(stretches_of_rows())
def test_rows_that_stand_for_several_samples_are_counted_as_their_twin_counts_them(made):
    found, widths = made
    got = in_rows(found, np.cumsum(widths))
    assert [each[:4] for each in got] == reference.rows_of_stretches(found, widths)


def test_a_plateau_that_ends_and_returns_within_one_row_is_one():
    found = in_rows([(10, 20, 50, 0), (60, 70, None, 0)], np.array([100, 200]))
    assert found == [(0, 0, 2, False, "flat")]
    found = in_rows([(210, 220, 250, 0), (260, 270, 390, 1)], np.array([100, 200, 300, 400]))
    assert found == [(2, 2, 3, True, "slow")]


def test_a_plateau_shows_what_is_known_of_it():
    plateau = Plateau(3, 9, None, 2.0, 1e-9, 0.125, True, effective=6.0)
    known = "level=2, slope=1e-09, noise=0.125, closed=True, kind='flat', effective=6"
    assert repr(plateau) == f"Plateau(start=3, stop=9, {known})"


def test_what_counts_of_a_drift_is_what_the_detector_was_told():
    noise = 0.05 * np.random.default_rng(7).normal(size=400)
    xs = np.r_[np.linspace(9, 1, 100), np.linspace(1, 0.7, 300)] + noise
    first, second = find_plateaus(xs, ThresholdDetector(Haar(60, 60), 0.0011, 40))
    for plateau in (first, second):
        inside = xs[plateau.start : plateau.stop]
        counts = 0.0011 * (len(inside) - 1)
        assert plateau.confidence == confidence_of(inside, counts)
        assert 0.3 < plateau.confidence < 0.6
    plateau = find_plateaus(xs, min_change=0.008)[-1]
    inside, counts = xs[plateau.start :], 2 * 0.008 * np.ptp(xs)
    assert plateau.confidence == pytest.approx(confidence_of(inside, counts))
    assert 0.9 < plateau.confidence < 0.999


@pytest.mark.parametrize(
    ("declared", "end", "first"),
    [
        (7, 30, 7),
        (7, None, 7),
        (2, None, 4),  # it had known of it before
        (20, None, None),  # too late
        (2, 6, None),  # that was the one before, which it took for present a little longer
        (2, 7, 4),
        (0, 4, None),
    ],
)
def test_hindsight_asks_when_a_stream_was_in_the_plateau(declared, end, first):
    """Of the rows [4, 20), by what the stream said of its samples: two of each row."""
    ends = 2 * np.arange(1, 31)
    heard = [(0, 2 * declared, None if end is None else 2 * end, FLAT)]
    assert _first_known(heard, ends, 4, 20) == first
    assert _first_known([(0, 0, 2, FLAT), *heard], ends, 4, 20) == first


@pytest.mark.parametrize("xs", [[], [1.0], [np.nan], [np.nan, np.inf]])
def test_next_to_nothing_has_next_to_no_plateaus(xs):
    assert find_plateaus(xs) == []


def test_without_a_detector_a_staircase_is_found():
    rng = np.random.default_rng(1)
    levels = [np.linspace(9, 3, 200), np.full(400, 3), np.linspace(3, 1, 50), np.full(350, 1)]
    xs = np.concatenate(levels) + 0.05 * rng.normal(size=1000)
    for scale in (1e-9, 1.0, 1e12):
        found = find_plateaus(xs * scale)
        assert [p.level / scale for p in found] == pytest.approx([3, 1], abs=0.1)
        assert [p.start for p in found] == pytest.approx([200, 650], abs=30)


@given(st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-140))
def test_a_constant_is_one_plateau(value):
    (plateau,) = find_plateaus(np.full(500, value))
    assert (plateau.start, plateau.stop, plateau.closed) == (0, 500, False)


def test_a_plateau_is_over_where_the_series_goes_on_or_breaks_off():
    for xs, closed in (
        (np.zeros(40), [False]),
        (np.r_[np.zeros(40), np.nan], [True]),
        (np.repeat([4.0, 2.0], 20), [True, False]),
    ):
        assert [plateau.closed for plateau in find_plateaus(xs)] == closed


@pytest.mark.parametrize("function", [find_plateaus, trace])
def test_a_detector_must_be_one(function):
    with pytest.raises(TypeError, match=r"detector must be a detector, say Detector\(\), not 5"):
        function([1.0, 2.0], 5)


@pytest.mark.parametrize("function", [find_plateaus, trace])
def test_what_is_not_finite_may_be_an_error_here_too(function):
    detector = ThresholdDetector(Haar(2), 0.1, 3, on_nonfinite="raise")
    with pytest.raises(ValueError, match="at offset 1 is not finite"):
        function([1.0, np.nan, 2.0], detector)


def told(*raw, length=9000):
    """A trace that says PLATEAU from `declared` up to `stop`, with this onset."""
    verdict, onset = np.full(length, Verdict.UNDECIDED, np.int8), np.full(length, -1)
    for begin, declared, stop in raw:
        verdict[declared:stop], onset[declared:stop] = Verdict.PLATEAU, begin
    nothing = np.zeros(length)
    kind = np.where(onset < 0, -1, FLAT).astype(np.int8)
    return Trace(nothing, nothing, verdict, nothing > 0, onset, kind)


@pytest.mark.parametrize(
    ("raw", "expected"),
    {
        "apart": ([(0, 5, 10), (12, 15, 20)], [(0, 5, 10), (12, 15, 20)]),
        "interrupted": ([(0, 5, 10), (0, 20, None)], [(0, 5, None)]),
        "interrupted twice": ([(0, 5, 10), (0, 20, 30), (0, 40, 50)], [(0, 5, 50)]),
        "a later onset": ([(0, 5, 10), (3, 11, None)], [(3, 5, None)]),
        "a later onset, later": ([(0, 5, 10), (3, 12, None)], [(3, 12, None)]),
        "a later onset, a block later": (
            [(5472, 7327, 8255), (6080, 8319, None)],
            [(6080, 7327, None)],
        ),
        "an earlier onset": ([(3, 5, 10), (2, 12, 20)], [(2, 5, 20)]),
        "onset at the declaration": ([(0, 5, 10), (5, 12, 20)], [(5, 12, 20)]),
        "onset right behind it": ([(0, 5, 10), (6, 12, 20)], [(0, 5, 6), (6, 12, 20)]),
        "onset at the end": ([(0, 5, 10), (10, 12, 20)], [(0, 5, 10), (10, 12, 20)]),
        "back to the first": ([(0, 5, 10), (12, 15, 20), (2, 30, None)], [(2, 15, None)]),
        "back to the second": (
            [(0, 5, 10), (12, 15, 20), (13, 30, 40)],
            [(0, 5, 10), (13, 30, 40)],
        ),
        "back within the first": (
            [(0, 5, 10), (12, 15, 20), (7, 30, 40)],
            [(0, 5, 7), (7, 15, 40)],
        ),
    }.values(),
)
def test_a_revised_plateau_replaces_or_ends_the_one_before(raw, expected):
    assert stretches([told(*raw)], revises=True) == [(*span, FLAT) for span in expected]
    assert stretches([told(*raw)]) == [(*span, FLAT) for span in raw]


@given(st.data(), streams(min_size=100))
def test_revised_plateaus_do_not_depend_on_blocks(data, xs):
    detector = Detector(horizon=24, run_length=30.0)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(xs)), max_size=5)))
    twin = detector.clone()
    whole = stretches([detector._record(xs)], revises=True)
    assert stretches((twin._record(part) for part in np.split(xs, cuts)), revises=True) == whole
    for onset, declared, stop, kind in whole:
        assert 0 <= onset <= declared < (len(xs) if stop is None else stop)
        assert kind in (FLAT, SLOW)
    for (_, _, stop, _), (onset, *_) in pairwise(whole):
        assert stop is not None
        assert stop <= onset


def as_it_goes_on(xs):
    """The plateaus that are told while a series goes on, and what its detector says."""
    told = Detector()._record(xs)
    rows = FiniteRows(xs, np.arange(1, len(xs) + 1), np.arange(len(xs) + 1))
    return plateaus_of(Detector(), [told], rows, broken=False, past=True), told


def test_a_better_onset_cuts_nothing_off():
    rng = np.random.default_rng(7)
    xs = np.r_[1.5 * np.exp(-np.arange(1500) / 375), np.zeros(6000)] + rng.normal(size=7500)
    found, told = as_it_goes_on(xs)
    assert found[-1].stop == 7500
    assert not found[-1].closed
    assert found[-1].start == told.onset[-1] > told.onset[found[-1].declared]
    assert found[-1].declared < 3500  # first known long before its onset was


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_plateau_that_is_found_anew_leaves_no_hole(seed):
    xs = -np.arange(5000) / 5000 + np.random.default_rng(seed).normal(size=5000)
    found, told = as_it_goes_on(xs)
    flat = told.verdict == Verdict.PLATEAU
    covered = np.zeros(len(xs), dtype=bool)
    for plateau in found:
        covered[plateau.start : plateau.stop] = True
    assert flat.any()
    assert covered[flat].all()


def test_a_horizon_of_your_own_asks_for_what_a_stream_says():
    rng = np.random.default_rng(0)
    xs = np.r_[np.linspace(9, 3, 200), np.full(600, 3), np.linspace(3, 1, 50), np.full(650, 1)]
    xs += 0.05 * rng.normal(size=1500)
    detector = Detector(horizon=100)
    told = trace(xs, detector).verdict == Verdict.PLATEAU
    inside = np.zeros(len(xs), dtype=bool)
    for plateau in find_plateaus(xs, detector):
        inside[plateau.declared : plateau.stop] = True
    assert told.any()
    np.testing.assert_array_equal(inside, told)
