"""Detectors by key: what an engine may do to messages and processes changes no event."""

import math
import random
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own import NoBest
from strategies import detectors, streams, with_gaps

from plateau import Detector, Haar, KeyedDetectors, ThresholdDetector
from plateau.keyed import POSITIONS

RULE = ThresholdDetector(Haar(2), threshold=0.1, patience=3)
STEPS = [8.0, 6.0, 4.0] + [3.0] * 7 + [2.0] + [1.0] * 7


def told(events):
    return list(map(repr, events))  # a NaN is not equal to itself


def alone(detector, messages):
    """What one process says of each key's samples."""
    samples = {}
    for key, x in messages:
        samples.setdefault(key, []).append(x)
    fresh = detector.clone()
    fresh.reset()
    return {key: told(fresh.clone().events(iter(xs))) for key, xs in samples.items()}


@st.composite
def mixed(draw):
    """Messages of some keys, in any order: key and sample."""
    keys = {key: draw(with_gaps(streams(max_size=40))).tolist() for key in range(3)}
    order = [key for key, xs in keys.items() for _ in xs]
    np.random.default_rng(draw(st.integers(0, 2**32))).shuffle(order)
    return [(key, keys[key].pop(0)) for key in order]


class Engine:
    """Keeps events, states and how far it is in one transaction; may die at any time."""

    def __init__(self, detector, messages):
        self.detector, self.messages = detector, messages
        self.states, self.events, self.next = {}, {}, 0

    def work(self, keyed, begin, end, commits):
        """Take messages from one on; commit behind them or not."""
        fresh = {}
        for position in range(begin, end):
            key, x = self.messages[position]
            fresh.setdefault(key, []).extend(told(keyed.take(key, position, x)))
        if commits:
            self.states |= keyed.collect()
            for key, events in fresh.items():
                self.events.setdefault(key, []).extend(events)
            self.next = max(self.next, end)


@settings(max_examples=40)
@given(st.data(), mixed(), detectors)
def test_no_death_and_no_replay_changes_an_event(data, messages, detector):
    engine, stops = Engine(detector, messages), data.draw(st.lists(st.integers(0, len(messages))))
    for stop in [*stops, len(messages)]:  # each by a process of its own, from any message before
        live = data.draw(st.integers(1, 3))
        keyed = KeyedDetectors(detector, live=live, load=engine.states.get)
        begin = data.draw(st.integers(0, engine.next))
        middle = data.draw(st.integers(begin, max(begin, stop)))
        engine.work(keyed, begin, middle, commits=True)
        engine.work(keyed, middle, stop, commits=stop == len(messages))
    assert engine.events == alone(detector, messages)


@settings(max_examples=40)
@given(st.data(), mixed(), detectors)
def test_putting_away_and_batches_change_nothing(data, messages, detector):
    keyed = KeyedDetectors(detector, live=data.draw(st.integers(1, 3)))
    found, done = {}, 0
    while done < len(messages):
        end = data.draw(st.integers(done + 1, len(messages)))
        batch = {}
        for position in range(max(done - 3, 0), end):  # some come again
            key, x = messages[position]
            batch.setdefault(key, []).append((position, x))
        for key, pairs in batch.items():
            events = keyed.take_many(key, *zip(*pairs, strict=True))
            found.setdefault(key, []).extend(told(events))
        done = end
    assert found == alone(detector, messages)


@settings(max_examples=40)
@given(st.data(), mixed(), detectors)
def test_restoring_each_message_is_going_on(data, messages, detector):
    """As where an engine brings the state of a key with its message."""
    keyed, states, found = KeyedDetectors(detector, live=2, load=lambda _: None), {}, {}
    for position, (key, x) in enumerate(messages):
        if data.draw(st.booleans()):
            keyed.forget()  # another worker
        keyed.restore(key, states.get(key))
        found.setdefault(key, []).extend(told(keyed.take(key, position, x)))
        states |= keyed.collect()
        assert len(keyed) <= 2
    assert found == alone(detector, messages)


def test_what_was_taken_but_not_kept_is_taken_again():
    states = {}
    keyed = KeyedDetectors(RULE, load=states.get)
    for position, x in enumerate(STEPS[:7]):
        keyed.take("a", position, x)
    states |= keyed.collect()
    assert [event.kind for event in keyed.take("a", 7, STEPS[7])] == ["plateau"]
    assert keyed.take("a", 7, STEPS[7]) == []
    keyed.forget()  # keeping the state and the event failed
    assert (len(keyed), keyed.position("a")) == (0, 6)
    assert [event.kind for event in keyed.take("a", 7, STEPS[7])] == ["plateau"]


def test_collect_returns_what_changed_since():
    keyed = KeyedDetectors(RULE, live=1)
    for key in "abc":
        keyed.take(key, 5, 1.0)
    assert keyed.collect().keys() == {"a", "b", "c"}
    assert keyed.collect() == {}
    keyed.take("b", 5, 1.0)
    assert keyed.collect() == {}
    keyed.take("b", 6, 1.0)
    (state,) = keyed.collect().values()
    keyed.restore("b", state)
    assert keyed.collect() == {}
    assert (sorted(keyed), len(keyed), "b" in keyed, "d" in keyed) == (
        ["a", "b", "c"],
        3,
        True,
        False,
    )


def test_those_used_the_longest_time_ago_are_put_away():
    keyed = KeyedDetectors(RULE, live=2)
    for key in "abca":
        keyed.take(key, keyed.position(key) is not None, 1.0)
    assert repr(keyed) == f"<KeyedDetectors of {RULE!r}: 3 keys, 2 ready>"
    assert [*keyed] == ["c", "a", "b"]  # those that are ready first
    assert KeyedDetectors(RULE).live == 1024


def test_a_key_is_looked_at_by_a_copy():
    keyed = KeyedDetectors(Detector("max"))
    for position in range(10):
        keyed.take(("host", 1), position, 1.0)
    twin = keyed["host", 1]
    twin.update(2.0)
    assert (keyed["host", 1].count, twin.count, twin.mode) == (10, 11, "max")
    assert (keyed.position(("host", 1)), keyed.position("other")) == (9, None)
    assert repr(keyed) == f"<KeyedDetectors of {Detector('max')!r}: 1 key, 1 ready>"
    with pytest.raises(KeyError, match="other"):
        keyed["other"]


def test_a_detector_of_your_own_has_keys_too():
    keyed, one = KeyedDetectors(NoBest(0.1, 3), live=1), NoBest(0.1, 3)
    xs = [9.0, 5.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 0.0]
    events = []
    for position, x in enumerate(xs):
        events += keyed.take("a", position, x)
        keyed.take("b", position, -x)
    assert told(events) == told(one.events(iter(xs)))
    assert events


def test_a_fresh_key_takes_few_bytes():
    keyed = KeyedDetectors(Detector())
    keyed.take("a", 0, 1.0)
    assert len(keyed.collect()["a"]) <= 420


def test_an_identifier_of_redis_is_a_position():
    keyed = KeyedDetectors(RULE)
    keyed.take("a", (1700000000000 << 64) + 3, 1.0)
    other = KeyedDetectors(RULE)
    other.restore("a", keyed.collect()["a"])
    assert other.position("a") == (1700000000000 << 64) + 3


def test_a_sample_that_a_detector_refuses_leaves_its_key_as_it_was():
    keyed = KeyedDetectors(ThresholdDetector(Haar(2), 0.1, 3, on_nonfinite="raise"))
    for take in (lambda: keyed.take("a", 0, np.nan), lambda: keyed.take_many("a", [0], [np.inf])):
        with pytest.raises(ValueError, match="is not finite"):
            take()
    assert "a" not in keyed
    with pytest.raises(TypeError, match="a sample must be one real number"):
        keyed.take("a", 0, "warm")


def test_a_sample_that_was_passed_is_not_refused():
    keyed = KeyedDetectors(ThresholdDetector(Haar(2), 0.1, 3, on_nonfinite="raise"))
    keyed.take("a", 1, 2.0)
    assert keyed.take("a", 0, np.nan) == []
    assert keyed.take_many("a", [0, 1, 2], [np.nan, 2.0, 2.0]) == []
    assert (keyed.position("a"), keyed["a"].count) == (2, 2)
    with pytest.raises(ValueError, match="nan at offset 2 is not finite"):
        keyed.take_many("a", [1, 3, 4], [np.nan, 2.0, np.nan])


def test_arguments_are_checked():
    keyed = KeyedDetectors(RULE)
    with pytest.raises(TypeError, match="detector must be one such as"):
        KeyedDetectors(Haar(2))
    with pytest.raises(ValueError, match="live must be at least 1, not 0"):
        KeyedDetectors(RULE, live=0)
    for position in (-1, 2**128):
        with pytest.raises(ValueError, match=r"position must be at least 0 and below 2\*\*128"):
            keyed.take("a", position, 1.0)
    with pytest.raises(TypeError, match="position must be a whole number, not 'first'"):
        keyed.take("a", "first", 1.0)
    with pytest.raises(ValueError, match="there are 1 positions of 2 samples"):
        keyed.take_many("a", [1], [1.0, 2.0])


def test_states_that_are_none_are_refused_and_change_nothing():
    keyed = KeyedDetectors(RULE)
    keyed.take_many("a", range(10), STEPS[:10])
    state = keyed.collect()["a"]
    damaged = bytearray(state)
    damaged[len(state) // 2] ^= 1
    later = bytearray(state)
    later[8] = 9
    for bytes_, problem in [
        (bytes(damaged), "its checksum is wrong"),
        (bytes(later), "state has version 9; this one reads version 1"),
        (state[:40], "its checksum is wrong"),
        (b"", "are not the state of a key"),
        (state[:30], "are not the state of a key"),
        (RULE.to_bytes(), "are not the state of a key"),
    ]:
        with pytest.raises(ValueError, match=f"^key 'a': .*{problem}"):
            keyed.restore("a", bytes_)
    with pytest.raises(TypeError, match="a state must be bytes, not 'text'"):
        keyed.restore("a", "text")
    other = KeyedDetectors(ThresholdDetector(Haar(2), threshold=0.2, patience=3))
    with pytest.raises(ValueError, match=r"saved with threshold=0\.1, here it is 0\.2"):
        other.restore("a", state)
    assert (keyed.position("a"), keyed["a"].count, len(other)) == (9, 10, 0)


def damage(state, rng):
    """Change a state in some places, and let its checksum say that it is whole."""
    body = bytearray(state[:-4])
    for _ in range(rng.choice([1, 1, 3])):
        at = rng.randrange(len(body))
        way = rng.randrange(4)
        if way == 0:
            body[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            numbers = [float("nan"), float("inf"), -1.0, 0.5, 1e300, 2.0**53, 1e-320]
            body[at : at + 8] = struct.pack("<d", rng.choice(numbers))
        elif way == 2:
            del body[at : at + rng.randrange(1, 40)]
        else:
            body[at:at] = rng.randbytes(rng.randrange(1, 40))
    return bytes(body) + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize("detector", [RULE, Detector()], ids=["threshold", "calibrated"])
def test_a_damaged_state_is_refused_or_goes_on(detector):
    rng, keyed = random.Random(0), KeyedDetectors(detector)
    xs = np.repeat([3.0, 2.0, 1.0, math.nan, 0.5], 60) + 0.01 * np.cos(np.arange(300) ** 2)
    keyed.take_many("a", range(300), xs)
    (state,) = keyed.collect().values()
    refused = 0
    for _ in range(1500):
        other = KeyedDetectors(detector)
        try:
            other.restore("a", damage(state, rng))
        except ValueError:
            refused += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numbers may be beyond all bounds
            for i in range(20):
                other.take("a", POSITIONS - 20 + i, 1.0 + i % 7)
            other.restore("b", *other.collect().values())
    assert 1000 < refused < 1500
