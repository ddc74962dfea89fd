"""What every filter, detector and bank promises about its state and its samples."""

import copy
import json
import pickle
import struct
import zlib
from itertools import pairwise
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from own import NoBest
from strategies import chunks, filters, modes, streams, thresholds, with_gaps
from strategies import detectors as compiled_detectors

import plateau
from plateau import (
    Detector,
    DetectorBank,
    Ema,
    EmaHaar,
    Haar,
    ThresholdDetector,
    _compile,
    fast,
    trace,
)
from plateau.protocol import DetectorProtocol


@pytest.fixture(scope="module", autouse=True, params=["fast", "plain", "interpreted"])
def lane(request):
    """Everything holds with `plateau.fast` and without it, and where nothing is compiled."""
    off = _compile.OFF or request.param == "interpreted"
    with (
        mock.patch.object(fast, "ON", request.param == "fast" and fast.ON),
        mock.patch.object(_compile, "OFF", off),
    ):
        yield


own_detectors = st.builds(NoBest, thresholds, st.integers(1, 20), mode=modes)
detectors = st.one_of(compiled_detectors, own_detectors)

SAVES = {
    "clone": lambda one: one.clone(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "bytes": lambda one: type(one).from_bytes(one.to_bytes()),
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "json": lambda one: loaded(one, json.loads(json.dumps(one.state_dict(), allow_nan=False))),
}
saves = st.sampled_from(sorted(SAVES))


def loaded(one, state):
    fresh = one.clone()
    fresh.reset()
    fresh.load_state_dict(state)
    return fresh


def like(detector, mode=None, factor=1.0):
    """A detector of the same description for a metric in other units or of another direction."""
    description = detector._describe() | {"mode": mode or detector.mode}
    if "threshold" in description:
        description["threshold"] *= factor
    return type(detector)._from_description(description)


def state(one):
    return one.to_bytes()


@given(detectors, with_gaps(streams()))
def test_one_by_one_and_in_a_row_are_the_same(detector, xs):
    twin = detector.clone()
    fired = [i for i, x in enumerate(xs) if detector.update(x)]
    assert twin.update_many(xs).tolist() == fired
    assert state(detector) == state(twin)


@given(st.data(), detectors, with_gaps(streams()))
def test_any_chunks_are_the_same(data, detector, xs):
    twin = detector.clone()
    whole = detector.update_many(xs).tolist()
    cuts = chunks(data.draw, len(xs))
    parts = [
        offset + begin
        for begin, end in pairwise(cuts)
        for offset in twin.update_many(xs[begin:end])
    ]
    assert parts == whole
    assert state(detector) == state(twin)


@given(detectors, with_gaps(streams(min_size=1)))
def test_a_trace_says_what_the_detector_says(detector, xs):
    found = trace(xs, detector)
    for i, x in enumerate(xs):
        assert detector.update(x) == found.fired[i]
        assert detector.verdict == found.verdict[i]
        assert detector.in_plateau == (detector.onset is not None) == (found.onset[i] >= 0)
        assert detector.onset in (found.onset[i], None)
        if isinstance(detector, Detector):
            assert detector.kind == (None, "flat", "slow")[found.kind[i] + 1]
        np.testing.assert_array_equal(
            (detector.level, detector.slope), (found.level[i], found.slope[i])
        )


@given(st.data(), detectors, with_gaps(streams(min_size=1)))
def test_the_past_does_not_depend_on_the_future(data, detector, xs):
    n = data.draw(st.integers(0, len(xs)))
    for part, whole in zip(trace(xs[:n], detector), trace(xs, detector), strict=True):
        np.testing.assert_array_equal(part, whole[:n])


@given(detectors, with_gaps(streams()))
def test_a_row_may_be_recorded_and_cut_where_it_fires(detector, xs):
    many, recorded = detector.clone(), detector.clone()
    fired, rest = [], xs
    while (offset := detector.until_fire(rest)) is not None:
        fired.append(len(xs) - len(rest) + offset)
        rest = rest[offset + 1 :]
    assert fired == many.update_many(xs).tolist()
    assert fired == np.flatnonzero(recorded.record(xs).fired).tolist()
    assert state(detector) == state(many) == state(recorded)


@given(detectors, streams(min_size=1))
def test_a_detector_that_raises_takes_nothing_of_what_it_records(detector, xs):
    description = detector._describe() | {"on_nonfinite": "raise"}
    strict = type(detector)._from_description(description)
    before = state(strict)
    for take in (strict.record, strict.until_fire):
        with pytest.raises(ValueError, match="is not finite"):
            take([*xs, np.nan])
    assert state(strict) == before


@pytest.mark.parametrize("one", [Detector(), ThresholdDetector(Ema(0.5), 0.1, 3), NoBest(0.1, 3)])
def test_what_a_detector_is_to_others(one):
    assert isinstance(one, DetectorProtocol)
    assert not isinstance(Ema(0.5), DetectorProtocol)


@given(st.data(), filters, streams(min_size=1))
def test_filters_have_no_future_and_no_chunks_either(data, slope_filter, xs):
    n = data.draw(st.integers(0, len(xs)))
    whole = slope_filter.response(xs)
    np.testing.assert_array_equal(slope_filter.response(xs[:n]), whole[:n])
    parts = [slope_filter.update_many(xs[:n]), slope_filter.update_many(xs[n:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(st.data(), saves, st.one_of(detectors, filters), streams())
def test_saved_anywhere_it_goes_on_the_same(data, how, one, xs):
    n = data.draw(st.integers(0, len(xs)))
    one.update_many(xs[:n])
    other = SAVES[how](one)
    assert state(other) == state(one)
    assert repr(other) == repr(one)
    np.testing.assert_array_equal(other.update_many(xs[n:]), one.update_many(xs[n:]))
    assert state(other) == state(one)


@given(detectors, streams(), st.integers(-60, 60))
@example(Detector(), np.repeat([1e-3, 1e5, 1e-3, 1e-9, 1e-2], [11, 3, 3, 3, 3]), 1)
def test_scaling_by_a_power_of_two_changes_no_decision(detector, xs, exponent):
    factor = 2.0**exponent
    scaled = like(detector, factor=factor)
    plain, larger = trace(xs, detector), trace(xs * factor, scaled)
    np.testing.assert_array_equal(larger.level, plain.level * factor)
    np.testing.assert_array_equal(larger.slope, plain.slope * factor)
    for name in ("verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(larger, name), getattr(plain, name))


@given(detectors, streams())
def test_min_and_max_mirror_each_other(detector, xs):
    mirrored = {"min": "max", "max": "min", "both": "both"}[detector.mode]
    other = like(detector, mode=mirrored)
    plain, mirror = trace(xs, detector), trace(-xs, other)
    np.testing.assert_array_equal(mirror.slope, -plain.slope)
    for name in ("verdict", "fired", "onset", "kind"):
        np.testing.assert_array_equal(getattr(mirror, name), getattr(plain, name))


@given(detectors, with_gaps(streams()))
def test_what_is_not_finite_leaves_no_trace(detector, xs):
    finite = xs[np.abs(xs) <= 2.0**500]
    twin = detector.clone()
    detector.update_many(xs)
    twin.update_many(finite)
    assert detector.skipped == len(xs) - len(finite)
    assert detector.count == len(finite)
    cells = detector.state_dict()["state"] | {"skipped": 0}
    assert cells == twin.state_dict()["state"]


@given(st.one_of(detectors, filters), streams())
def test_reset_forgets_everything(one, xs):
    fresh = state(one)
    one.update_many(xs)
    one.reset()
    assert state(one) == fresh


ONES = [
    Ema(0.5),
    EmaHaar(0.1, 0.2),
    Haar(6, 5),
    ThresholdDetector(Haar(6, 5), 0.1, 3),
    ThresholdDetector(EmaHaar(0.1, 0.2), 0.1, 3, mode="max", on_nonfinite="raise"),
    Detector(),
    NoBest(0.1, 3),
    NoBest(0.1, 3, mode="max", on_nonfinite="raise"),
    Detector("max", horizon=100, min_change=0.1, run_length=1e4, on_nonfinite="raise"),
    DetectorBank(Detector(), 2),
    DetectorBank(ThresholdDetector(Haar(6), 0.1, 3), 3),
    DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 3), 100),
]
each = pytest.mark.parametrize("one", ONES, ids=repr)


@each
def test_repr_is_the_call_that_makes_it(one):
    assert repr(eval(repr(one), vars(plateau) | {"NoBest": NoBest})) == repr(one)


@each
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda s: s.update(version=1),
            "version 1, that of an older release; this one reads version 3",
        ),
        (lambda s: s.update(type="Other"), "type='Other'"),
        (lambda s: s["params"].update(extra=1), "extra=1"),
        (lambda s: s["state"].pop("level"), "missing or unknown level"),
        (lambda s: s["state"].update(another=1), "missing or unknown another"),
        (lambda s: s["state"].update(ring="x"), "damaged"),
        (lambda s: s["state"].update(level=None), "damaged"),
        (lambda s: s.pop("params"), "must be a dict of version"),
        (lambda s: s.update(params=5), "must be dicts"),
        (lambda s: s.update(state=5), "must be dicts"),
        (lambda s: s.update(version=True), "version True"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(one, damage, message):
    before = state(one)
    saved = json.loads(json.dumps(one.state_dict()))
    damage(saved)
    with pytest.raises(ValueError, match=message):
        one.load_state_dict(saved)
    assert state(one) == before


def test_a_state_of_other_parameters_is_refused_by_name():
    saved = ThresholdDetector(Haar(4), 0.1, 3).state_dict()
    with pytest.raises(ValueError, match="saved with patience=3, here it is 4"):
        ThresholdDetector(Haar(4), 0.1, 4).load_state_dict(saved)
    with pytest.raises(
        ValueError, match=r"slope_filter=Haar\(window=4, smooth=1\), here it is Ema"
    ):
        ThresholdDetector(Ema(0.5), 0.1, 3).load_state_dict(saved)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("accepted", -1),
        ("accepted", 0.5),
        ("run", -1),
        ("level", float("nan")),
        ("level", 1e300),
        ("level", "5"),
        ("variance", -1.0),
        ("past", 3),
        ("samples.filled", 3),
        ("samples.side", 1),
        ("levels.filled", -1),
    ],
)
def test_an_impossible_state_never_reaches_the_kernels(cell, value):
    haar = Haar(6, 5)
    saved = haar.state_dict()
    saved["state"][cell] = value
    with pytest.raises(ValueError, match="damaged"):
        haar.load_state_dict(saved)


@each
def test_damaged_bytes_are_refused(one):
    good = one.to_bytes()
    kind = type(one)
    for bad, message in [
        (b"", "not a saved state"),
        (b"x" * 100, "not a saved state"),
        (good[:-1], "damaged"),
        (good[:-9] + bytes([good[-9] ^ 1]) + good[-8:], "damaged"),
        (good[:8] + b"\x01" + good[9:], "version 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            kind.from_bytes(bad)


class Own(Haar):
    """A subclass with behaviour of its own."""

    __slots__ = ()


def test_a_subclass_is_saved_as_one():
    one = Own(6, 5)
    one.update_many([1.0, 2.0])
    for other in (copy.copy(one), pickle.loads(pickle.dumps(one)), one.clone()):
        assert type(other) is Own
        assert state(other) == state(one)


class Counting(Detector):
    """A subclass that does something of its own where it is made."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.told = []


@pytest.mark.parametrize("kind", [Detector, Counting])
def test_those_of_one_description_share_nothing(kind):
    made = kind("max", horizon=50, run_length=1e5, on_nonfinite="raise")
    made.update_many([1.0, 2.0])
    data = made.to_bytes()
    for twin in (made.clone(), kind.from_bytes(data), kind.from_bytes(data)):
        assert type(twin) is kind
        assert state(twin) == state(made)
        twin.update_many(np.arange(600.0))
        if kind is Counting:
            twin.told.append(twin.count)
            assert twin.told == [602]  # and of no other
        with pytest.raises(ValueError, match="finite"):
            twin.update(float("nan"))
    assert made.count == 2
    assert made.to_bytes() == data


@pytest.mark.parametrize("name", ["window", "smooth", "_state"])
def test_nothing_is_changed_behind_the_kernels_back(name):
    with pytest.raises(AttributeError, match="read-only: make a new one"):
        setattr(Haar(6, 5), name, 10**9)
    detector = ThresholdDetector(Haar(6, 5), 0.1, 3)
    for name in ("patience", "threshold", "mode"):
        with pytest.raises(AttributeError, match="read-only"):
            setattr(detector, name, 10**9)


def packed(runs, numbers):
    """Bytes of an `Ema` whose numbers are packed so."""
    description = b'{"alpha": 0.5, "type": "Ema"}'
    body = b"plateau\0" + struct.pack("<II", 3, len(description)) + description
    body += struct.pack(f"<{1 + len(runs)}I", len(runs) // 2, *runs)
    body += struct.pack(f"<{len(numbers)}d", *numbers)
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("runs", "numbers"),
    [
        ((0, 12), [1.0] * 12),
        ((2**32 - 1, 1), [1.0]),
        ((0, 0), []),
        ((3, 2, 4, 1), [1.0] * 3),
        ((3, 1, 0, 1), [1.0] * 2),
        ((0, 2), [1.0]),
        ((0, 1), [1.0] * 2),
        ((), [1.0]),
    ],
    ids=["too long", "far off", "empty", "twice", "unordered", "few", "many", "without a place"],
)
def test_numbers_that_are_packed_wrong_are_refused(runs, numbers):
    assert state(Ema.from_bytes(packed((), []))) == state(Ema(0.5))
    with pytest.raises(ValueError, match="damaged"):
        Ema.from_bytes(packed(runs, numbers))


@each
def test_what_has_just_begun_takes_little_room(one):
    fresh = one.clone()
    fresh.reset()
    assert len(fresh.to_bytes()) < 300 + 10 * (len(fresh._table()) - 1)
    taken = len(one.to_bytes()) - len(fresh.to_bytes())
    assert taken <= 16 * np.count_nonzero(one._table())


def test_the_state_of_a_stream_is_no_larger_than_its_blocks():
    detector = Detector()
    for n in (10, 100, 1000, 100_000):
        detector.update_many(np.random.default_rng(n).normal(size=n - detector.count))
        blocks = np.count_nonzero(detector._table()[0, -768:]) / 3
        assert len(detector.to_bytes()) < 24 * blocks + 600
    detector.changed()
    assert len(detector.to_bytes()) < 500


def test_bytes_of_another_class_are_refused():
    with pytest.raises(ValueError, match="hold a Haar, not a Ema"):
        Ema.from_bytes(Haar(4).to_bytes())


@pytest.mark.parametrize("data", ["x", 3, None])
def test_what_is_no_bytes_is_named(data):
    with pytest.raises(TypeError, match="data must be bytes, not "):
        Ema.from_bytes(data)


def test_bytes_are_the_same_on_every_machine():
    ema = Ema(0.5)
    ema.update_many([1.0, 2.0, 4.0])
    data = ema.to_bytes()
    description = b'{"alpha": 0.5, "type": "Ema"}'
    head = b"plateau\0" + struct.pack("<II", 3, len(description)) + description
    assert data.startswith(head)
    runs, numbers = data[len(head) : -52], data[-52:-4]
    assert runs == struct.pack("<5I", 2, 0, 5, 10, 1)
    count, previous, _, level, slope, step = struct.unpack("<6d", numbers)
    assert (count, previous, level, slope, step) == (3.0, 4.0, 2.75, 1.25, 1.25)
    assert data[-4:] == struct.pack("<I", zlib.crc32(data[:-4]))
