"""A bank is so many single detectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import detectors

from plateau import DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector

SIZES = [1, 2, 63, 64, 65, 130]


def samples(data, streams, steps=40):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    xs = rng.normal(size=(steps, streams)) * 10.0 ** rng.integers(-9, 12, size=streams)
    xs[rng.random(xs.shape) < 0.3] = 0.0
    if data.draw(st.booleans()):
        xs[rng.random(xs.shape) < 0.02] = data.draw(st.sampled_from([np.nan, np.inf, -1e200]))
    return xs


@given(st.data(), detectors, st.sampled_from(SIZES))
def test_a_bank_is_so_many_detectors_bit_for_bit(data, detector, streams):
    bank = DetectorBank(detector, streams)
    singles = [detector.clone() for _ in range(streams)]
    for i, row in enumerate(samples(data, streams)):
        fired = bank.update(row)
        assert fired.tolist() == [one.update(x) for one, x in zip(singles, row, strict=True)]
        if i == 20:
            bank.changed(fired)
            for one in np.array(singles)[fired]:
                one.changed()
    for name in ("level", "slope", "verdict", "in_plateau", "count", "skipped", "fires"):
        want = [getattr(one, name) for one in singles]
        np.testing.assert_array_equal(getattr(bank, name), want, name)
    np.testing.assert_allclose(bank.noise, [one.noise for one in singles], rtol=1e-12)
    for name in ("onset", "declared"):
        want = [-1 if getattr(one, name) is None else getattr(one, name) for one in singles]
        assert getattr(bank, name).tolist() == want
    for i in (0, streams - 1):
        assert bank[i].to_bytes() == singles[i].to_bytes()


@given(st.data(), detectors, st.sampled_from(SIZES))
def test_streams_may_come_in_any_order(data, detector, streams):
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(streams)
    bank, shuffled = DetectorBank(detector, streams), DetectorBank(detector, streams)
    for row in samples(data, streams):
        np.testing.assert_array_equal(shuffled.update(row[order]), bank.update(row)[order])
    np.testing.assert_array_equal(shuffled.slope, bank.slope[order])
    np.testing.assert_array_equal(shuffled.onset, bank.onset[order])


@given(st.data(), detectors, st.sampled_from(SIZES))
def test_a_bank_goes_on_where_it_was_saved(data, detector, streams):
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
