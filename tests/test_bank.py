"""A bank is so many single detectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import calibrated_detectors, threshold_detectors

from plateau import Detector, DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector

kinds = st.one_of(
    st.tuples(threshold_detectors, st.sampled_from([1, 2, 63, 64, 65, 130])),  # in groups of 64
    st.tuples(calibrated_detectors, st.sampled_from([1, 2, 9])),  # each stream by itself
)
"""Detectors, with how many streams a bank of them has."""

CHANGED = 20  # the row after which streams that fired in it are told of a change


def samples(data, streams, steps=40):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    xs = rng.normal(size=(steps, streams)) * 10.0 ** rng.integers(-9, 12, size=streams)
    xs[rng.random(xs.shape) < 0.3] = 0.0
    if data.draw(st.booleans()):
        xs[rng.random(xs.shape) < 0.02] = data.draw(st.sampled_from([np.nan, np.inf, -1e200]))
    return xs


@given(st.data(), kinds)
def test_a_bank_is_so_many_detectors_bit_for_bit(data, kind):
    detector, streams = kind
    bank = DetectorBank(detector, streams)
    singles = [bank.detector.clone() for _ in range(streams)]
    xs = samples(data, streams)
    fired = np.empty(xs.shape, bool)
    for i, row in enumerate(xs):
        fired[i] = bank.update(row)
        if i == CHANGED:
            bank.changed(fired[i])
    for one, column, told in zip(singles, xs.T, fired.T, strict=True):
        fires = one.update_many(column[: CHANGED + 1]).tolist()
        if told[CHANGED]:
            one.changed()
        fires += (one.update_many(column[CHANGED + 1 :]) + CHANGED + 1).tolist()
        assert np.flatnonzero(told).tolist() == fires
    for name in ("level", "slope", "verdict", "in_plateau", "count", "skipped", "fires"):
        want = [getattr(one, name) for one in singles]
        np.testing.assert_array_equal(getattr(bank, name), want, name)
    np.testing.assert_allclose(bank.noise, [one.noise for one in singles], rtol=1e-12)
    for name in ("onset", "declared"):
        want = [-1 if getattr(one, name) is None else getattr(one, name) for one in singles]
        assert getattr(bank, name).tolist() == want
    for i in (0, streams - 1):
        assert bank[i].to_bytes() == singles[i].to_bytes()


@given(st.data(), kinds)
def test_streams_may_come_in_any_order(data, kind):
    detector, streams = kind
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(streams)
    bank, shuffled = DetectorBank(detector, streams), DetectorBank(detector, streams)
    for row in samples(data, streams):
        np.testing.assert_array_equal(shuffled.update(row[order]), bank.update(row)[order])
    np.testing.assert_array_equal(shuffled.slope, bank.slope[order])
    np.testing.assert_array_equal(shuffled.onset, bank.onset[order])


@given(st.data(), kinds)
def test_a_bank_goes_on_where_it_was_saved(data, kind):
    detector, streams = kind
    xs = samples(data, streams)
    bank = DetectorBank(detector, streams)
    for row in xs[:25]:
        bank.update(row)
    others = [
        DetectorBank.from_bytes(bank.to_bytes()),
        bank.clone(),
        DetectorBank(detector, streams),
    ]
    others[2].load_state_dict(bank.state_dict())
    for row in xs[25:]:
        fired = bank.update(row)
        for other in others:
            np.testing.assert_array_equal(other.update(row), fired)
    assert {other.to_bytes() for other in others} == {bank.to_bytes()}


def test_changed_concerns_the_chosen_streams_only():
    bank = DetectorBank(ThresholdDetector(Haar(2), 0.1, 2), 3)
    for _ in range(6):
        bank.update([1.0, 2.0, 3.0])
    bank.changed([1])
    assert bank.in_plateau.tolist() == [True, False, True]
    bank.changed([True, False, False])
    assert bank.in_plateau.tolist() == [False, False, True]
    bank.changed()
    assert bank.in_plateau.tolist() == [False, False, False]


def test_a_change_may_concern_one_stream_or_none():
    bank = DetectorBank(ThresholdDetector(Haar(2), 0.1, 2), 3)
    for _ in range(6):
        bank.update([1.0, 2.0, 3.0])
    bank.changed([])
    assert bank.in_plateau.tolist() == [True, True, True]
    bank.changed(1)
    assert bank.in_plateau.tolist() == [True, False, True]
    bank.changed(-1)
    assert bank.in_plateau.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda bank: bank.changed(3), IndexError, "no stream 3 among 3"),
        (lambda bank: bank.changed([0, -4]), IndexError, "no stream -4 among 3"),
        (lambda bank: bank.changed("a"), TypeError, "streams must be a mask or indices .* not 'a'"),
        (lambda bank: bank.changed([1.5]), TypeError, "streams must be a mask or indices"),
        (lambda bank: bank.changed([[0, 1]]), TypeError, "streams must be a mask or indices"),
        (lambda bank: bank.changed([True]), ValueError, r"a mask has shape \(3,\), not \(1,\)"),
        (lambda bank: bank[3], IndexError, "no stream 3 among 3"),
        (lambda bank: bank["a"], TypeError, "a stream is named by its index, not by 'a'"),
        (lambda bank: bank[1:], TypeError, "a stream is named by its index, not by slice"),
    ],
)
def test_streams_that_are_not_there_are_named(call, error, message):
    bank = DetectorBank(ThresholdDetector(Haar(2), 0.1, 2), 3)
    with pytest.raises(error, match=message):
        call(bank)


def test_a_bank_can_be_gone_through():
    detector = ThresholdDetector(Haar(2), 0.1, 2)
    assert [single.count for single in DetectorBank(detector, 3)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1.0], ValueError, "takes 2 samples at a time, not 1"),
        ([[1.0, 2.0]], ValueError, "one-dimensional"),
        (["a", "b"], TypeError, "real numbers"),
    ],
)
def test_wrong_samples_are_refused(x, error, message):
    with pytest.raises(error, match=message):
        DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 2), 2).update(x)


def test_with_raise_no_stream_takes_its_sample():
    bank = DetectorBank(ThresholdDetector(EmaHaar(0.5, 0.5), 0.1, 2, on_nonfinite="raise"), 2)
    with pytest.raises(ValueError, match="at offset 1 is not finite"):
        bank.update([1.0, np.nan])
    assert bank.count.tolist() == [0, 0]


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="detector must be Detector or ThresholdDetector, not 3"):
        DetectorBank(3, 2)
    with pytest.raises(ValueError, match="streams must be at least 1, not 0"):
        DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 2), 0)


def test_the_state_of_a_stream_is_small():
    bank = DetectorBank(ThresholdDetector(EmaHaar(1e-3, 1e-3), 1e-5, 100), 1 << 16)
    assert bank._state.nbytes / len(bank) <= 100


@given(st.data(), kinds)
def test_an_absent_sample_is_none(data, kind):
    detector, streams = kind
    bank, many = DetectorBank(detector, streams), DetectorBank(detector, streams)
    singles = [bank.detector.clone() for _ in range(streams)]
    xs = samples(data, streams)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    present = rng.random(xs.shape) < data.draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    fired = np.array(
        [
            bank.update(np.where(there, row, np.inf), there)
            for row, there in zip(xs, present, strict=True)
        ]
    )
    for i, one in enumerate(singles):
        there = np.flatnonzero(present[:, i])
        fires = there[one.update_many(xs[there, i])].tolist()
        assert np.flatnonzero(fired[:, i]).tolist() == fires
    many.update_many(xs, present)
    assert many.to_bytes() == bank.to_bytes()
    for i in (0, streams - 1):
        assert bank[i].to_bytes() == singles[i].to_bytes()


def test_what_is_absent_need_not_be_finite():
    bank = DetectorBank(ThresholdDetector(Haar(2), 0.1, 2, on_nonfinite="raise"), 2)
    bank.update([1.0, np.nan], [True, False])
    bank.update_many([[1.0, np.nan]], [[True, False]])
    assert (bank.count.tolist(), bank.skipped.tolist()) == ([2, 0], [0, 0])
    with pytest.raises(ValueError, match="is not finite"):
        bank.update([1.0, np.nan], [True, True])
    for present in ([True], [1, 0], [[True, False]]):
        with pytest.raises(ValueError, match=r"present must be a mask of shape \(2,\)"):
            bank.update([1.0, 2.0], present)


@given(st.data(), kinds, st.integers(1, 70))
def test_a_bank_grows_and_what_was_there_goes_on(data, kind, more):
    detector, streams = kind
    bank = DetectorBank(detector, streams, alarms=None)
    whole = DetectorBank(detector, streams + more, alarms=None)
    xs = samples(data, streams + more)
    late = np.arange(streams + more) >= streams
    for row in xs[:20]:
        bank.update(row[:streams])
        whole.update(row, ~late)
    for _ in range(more):
        bank.grow(1)
    for row in xs[20:]:
        np.testing.assert_array_equal(bank.update(row), whole.update(row))
    assert bank.to_bytes() == whole.to_bytes()
    assert DetectorBank.from_bytes(bank.to_bytes()).to_bytes() == bank.to_bytes()


def test_growing_one_by_one_copies_little():
    bank = DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 2), 1)
    rooms = set()
    for _ in range(2000):
        bank.grow(1)
        rooms.add(len(bank._room))
    assert len(rooms) <= 12


@given(st.data(), kinds)
def test_a_stream_goes_on_from_a_detector(data, kind):
    detector, streams = kind
    bank, xs = DetectorBank(detector, streams), samples(data, streams)
    place = data.draw(st.integers(0, streams - 1))
    single = bank.detector.clone()
    for row in xs[:20]:
        bank.update(row)
        single.update(row[0])
    bank[place] = single
    assert bank[place].to_bytes() == single.to_bytes()
    for row in xs[20:]:
        assert bank.update(row)[place] == single.update(row[place])
    assert bank[place].to_bytes() == single.to_bytes()


def test_a_stream_takes_no_detector_of_another_kind():
    bank = DetectorBank(Detector(), 2)
    bank[0] = Detector(run_length=5.0)  # which is the bank's to say
    assert bank[0].run_length == 2 * 86_400
    with pytest.raises(ValueError, match="saved with mode='max', here it is 'min'"):
        bank[0] = Detector("max")
    with pytest.raises(ValueError, match="saved with type"):
        bank[0] = ThresholdDetector(Haar(2), 0.1, 2)
    with pytest.raises(TypeError, match="goes on from a detector"):
        bank[0] = 3.0
    with pytest.raises(IndexError):
        bank[2] = Detector()
    kept = DetectorBank(Detector(), 2, alarms=None)
    with pytest.raises(ValueError, match=r"saved with run_length=5\.0"):
        kept[0] = Detector(run_length=5.0)


def test_the_budget_sets_the_run_length():
    assert DetectorBank(Detector(), 10).detector.run_length == 864_000
    assert DetectorBank(Detector(), 10, alarms=5, per=100).detector.run_length == 200
    assert DetectorBank(Detector(), 10, alarms=None).detector.run_length == 1e7
    bank = DetectorBank(Detector(), 10, alarms=2.0)
    assert DetectorBank.from_bytes(bank.to_bytes()).alarms == 2.0
    bank.grow(10)
    assert bank.detector.run_length == bank[19].run_length == 864_000
    rule = ThresholdDetector(Haar(2), 0.1, 2)
    assert DetectorBank(rule, 3).detector is rule
    for wrong in ({"alarms": 0}, {"per": -1.0}):
        with pytest.raises(ValueError, match="must be above 0"):
            DetectorBank(Detector(), 2, **wrong)


def test_alarms_are_shifts_and_within_the_budget():
    rng = np.random.default_rng(5)
    xs, streams = rng.normal(size=(3000, 40)), 40
    xs[2000:, :5] += 3.0
    bank = DetectorBank(Detector("both"), streams, alarms=1, per=3000)
    alarms = np.zeros((len(xs), streams), dtype=bool)
    for i, row in enumerate(xs):
        before = bank.in_plateau
        bank.update(row)
        alarms[i] = bank.alarmed
        assert not (alarms[i] & ~before).any()
    assert alarms[:2000].sum() <= 3  # one is expected of the 3000
    assert alarms[2000:2200, :5].any(axis=0).all()
    many = DetectorBank(Detector("both"), streams, alarms=1, per=3000)
    many.update_many(xs[:2000])
    many.update_many(xs[2000:2200])
    np.testing.assert_array_equal(many.alarmed, alarms[2000:2200].any(axis=0))


def test_evidence_is_largest_where_a_shift_is_near():
    xs = np.random.default_rng(6).normal(size=(1500, 20))
    bank = DetectorBank(Detector("both"), 20, alarms=1, per=1e9)
    bank.update_many(xs)
    assert np.isnan(bank.evidence).tolist() == (~bank.in_plateau).tolist()
    flat = np.flatnonzero(bank.in_plateau)
    assert len(flat) >= 10
    row = np.zeros(20)
    row[flat[3]] = 1.2
    bank.update_many(np.random.default_rng(7).normal(size=(60, 20)) + row)
    assert np.nanargmax(bank.evidence) == flat[3]
    assert not bank.alarmed.any()
    rule = DetectorBank(ThresholdDetector(Haar(2), 0.1, 2), 3)
    assert np.isnan(rule.evidence).all()
    assert not rule.alarmed.any()
