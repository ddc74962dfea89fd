"""What happens in a stream, told as it happens."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors, streams, with_gaps

from plateau import Detector, Haar, ThresholdDetector, Verdict, trace
from plateau.base import Trace
from plateau.events import HEAD, MOST, Changes, Listener, _now

RNG = np.random.default_rng(0)
STEPS = np.concatenate([10 * np.exp(-np.arange(1500) / 150), np.full(1500, -4.0)])
LOSSES = STEPS + 0.05 * RNG.normal(size=3000)


def slow(detector):
    """Each event's index and kind, sample by sample."""
    verdicts = trace(LOSSES, detector).verdict
    flat = verdicts == Verdict.PLATEAU
    edges = np.flatnonzero(np.diff(flat, prepend=False)).tolist()
    return [(i, "plateau" if flat[i] else "ended") for i in edges]


def test_plateaus_and_their_ends_are_those_of_the_trace():
    found = list(Detector().events(LOSSES))
    told = [(e.index, e.kind.replace("resumed", "plateau")) for e in found if e.kind != "worsening"]
    assert told == slow(Detector())
    assert [kind for _, kind in told][:3] == ["plateau", "ended", "plateau"]


def test_an_event_has_the_readings_of_its_sample():
    for event in Detector().events(LOSSES):
        alone = Detector()
        alone.update_many(LOSSES[: event.index + 1])
        assert (event.level, event.slope) == (alone.level, pytest.approx(alone.slope, nan_ok=True))
        assert event.gain == alone.gain
        if event.kind == "plateau":
            assert (event.onset, event.declared) == (alone.onset, event.index)


@given(st.data(), with_gaps(streams(min_size=1)), detectors)
def test_events_are_the_same_in_parts_and_one_by_one(data, losses, detector):
    detector.reset()
    whole = repr(list(detector.clone().events(losses)))  # a NaN is not equal to itself
    assert repr(list(detector.clone().events(iter(losses.tolist())))) == whole
    cut = data.draw(st.integers(0, len(losses)))
    listener = Listener(detector.clone())
    assert repr(listener.take(losses[:cut]) + listener.take(losses[cut:])) == whole


def test_a_live_stream_is_told_of_before_the_next_sample():
    taken = []

    def source():
        for loss in itertools.count(0):
            taken.append(loss)
            yield 1.0

    detector = ThresholdDetector(Haar(2), 0.1, 3)
    event = next(detector.events(source()))
    assert event.index == len(taken) - 1 == detector.count - 1


def test_indices_count_all_samples_and_a_plateau_from_before_begins_below_0():
    nan = float("nan")
    detector = ThresholdDetector(Haar(2), 0.1, 3)
    found = list(detector.events([8, nan, 6, nan, nan, 4] + [3] * 7))
    assert [(e.index, e.kind, e.onset) for e in found] == [
        (1, "nonfinite", None),
        (3, "nonfinite", None),
        (10, "plateau", 6),
    ]
    assert (detector.count, detector.skipped) == (10, 3)
    (ended,) = detector.events([3.0, 2.0])
    assert (ended.index, ended.kind, ended.onset, ended.declared) == (1, "ended", -7, -3)
    late = ThresholdDetector(Haar(2), 0.1, 3).events([nan, nan, *[3.0] * 7])
    assert [(e.kind, e.onset) for e in late] == [("nonfinite", None), ("plateau", 2)]


def test_what_happens_between_long_gaps_is_told_in_order():
    gap = [float("nan")] * 9
    found = ThresholdDetector(Haar(2), 0.1, 3).events([3.0, 3.0, *gap, 3.0, *gap, *[3.0] * 4, *gap])
    told = [(event.index, event.kind) for event in found]
    assert told == sorted(told)
    assert [kind for _, kind in told] == ["nonfinite", "nonfinite", "plateau", "nonfinite"]


def test_worsening_is_told_once_until_something_better_comes():
    detector = ThresholdDetector(Haar(2), 0.5, 50)
    losses = [5.0, 5.0, 6.0, 7.0, 7.0, 8.0, 6.0, 4.0, 5.0, 6.0]
    assert [e.index for e in detector.events(losses) if e.kind == "worsening"] == [2, 8]


def test_a_slope_as_large_as_the_threshold_is_worsening():
    for rise, told in ((0.5, [True]), (0.499, [])):
        detector = ThresholdDetector(Haar(2), 0.5, 50)
        events = detector.events(rise * np.arange(6.0))
        assert [event.kind == "worsening" for event in events] == told


def test_what_moves_the_wrong_way_from_the_first_sample_is_told_of():
    nothing, slope = np.zeros(3), np.full(3, 0.5)
    verdict = np.full(3, Verdict.WARMING_UP, np.int8)
    rising = Trace(nothing, slope, verdict, nothing > 0, np.full(3, -1), verdict)
    changes = Changes(ThresholdDetector(Haar(2), 0.5, 3), lambda sample: sample)
    assert [(each.sample, each.kind) for each in changes.look(rising, 0)] == [(0, "worsening")]


def flat_in(*spans):
    """A trace of 60 samples with these plateaus: onset, declared, behind the last one."""
    verdict, onset = np.full(60, Verdict.UNDECIDED, np.int8), np.full(60, -1)
    for begin, declared, stop in spans:
        verdict[declared:stop], onset[declared:stop] = Verdict.PLATEAU, begin
    nothing = np.zeros(60)
    return Trace(nothing, nothing, verdict, nothing > 0, onset, np.zeros(60, np.int8))


@pytest.mark.parametrize(
    ("declared", "kind", "start"),
    [
        (28, "resumed", 2),  # in the row in which the one before was known, and ended
        (31, "plateau", 3),
    ],
)
def test_of_rows_of_ten_samples_a_plateau_has_the_one_in_which_it_was_known(declared, kind, start):
    changes = Changes(ThresholdDetector(Haar(2), 0.1, 3), lambda sample: sample // 10)
    found = list(changes.look(flat_in((21, 25, 27), (28, declared, 40), (35, 45, 50)), 0))
    begun = [change.kind for change in found[::2]]
    assert begun == ["plateau", kind, "plateau"]
    assert all(change.kind == "ended" for change in found[1::2])
    assert [change.span.start for change in found] == [2, 2, start, start, 4, 4]
    assert [change.span.ended for change in found] == [-1, 3, -1, 4, -1, 5]


@pytest.mark.parametrize("count", [4, 60])
def test_what_is_known_now_is_the_end_of_a_trace(count):
    detector = ThresholdDetector(Haar(2), 0.1, 3)
    told = detector.record([float(max(9 - i, 0)) for i in range(count)])
    now = _now(detector)
    assert [each.shape for each in now] == [(1,)] * len(now)
    for name in ("level", "slope", "verdict", "onset"):
        assert getattr(now, name) == getattr(told, name)[-1]
    assert (now.onset.tolist() == [-1]) is (count == 4)


@given(st.data(), with_gaps(streams(min_size=1)), detectors)
def test_a_listener_goes_on_from_bytes(data, losses, detector):
    listener = Listener(detector)
    cut = data.draw(st.integers(0, len(losses)))
    listener.take(losses[:cut])
    saved = listener.to_bytes()
    twin = Listener.from_bytes(saved, detector.clone())
    assert twin.to_bytes() == saved
    assert repr(twin.take(losses[cut:])) == repr(listener.take(losses[cut:]))


def test_a_saved_listener_may_have_taken_what_can_be_counted_exactly():
    listener = Listener(ThresholdDetector(Haar(2), 0.1, 3))
    listener.take(np.arange(5.0))
    before, _, *rest = HEAD.unpack_from(listener.to_bytes())

    def again(taken):
        saved = HEAD.pack(before, taken, *rest) + listener.to_bytes()[HEAD.size :]
        return Listener.from_bytes(saved, listener.detector.clone())

    assert MOST == 2**52
    assert again(MOST).take(np.array([np.nan]))[0].index == MOST
    with pytest.raises(ValueError, match="state is damaged"):
        again(MOST + 1)


def test_a_listener_of_a_detector_that_had_begun_goes_on_from_bytes():
    detector = ThresholdDetector(Haar(2), 0.1, 3)
    detector.update_many(np.arange(20.0))
    listener = Listener(detector)
    listener.take(np.full(7, 19.0))
    twin = Listener.from_bytes(listener.to_bytes(), detector.clone())
    assert twin.take(np.array([9.0])) == listener.take(np.array([9.0])) != []


def test_what_is_no_stream_of_numbers_is_refused_at_once():
    with pytest.raises(TypeError, match="samples must be real numbers"):
        Detector().events(["a"])
    with pytest.raises(ValueError, match="one-dimensional"):
        Detector().events(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="a sample must be one real number"):
        list(Detector().events(iter(["a"])))


def test_a_detector_that_raises_tells_what_came_before():
    detector = ThresholdDetector(Haar(2), 0.1, 3, on_nonfinite="raise")
    events = detector.events([3.0] * 7 + [float("nan")])
    assert next(events).kind == "plateau"
    with pytest.raises(ValueError, match="is not finite"):
        next(events)
    assert detector.count == 7
