"""The threshold rule: what fires, what the verdict is, where a plateau began."""

import math

import numpy as np
import pandas as pd
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from strategies import streams, threshold_detectors

from plateau import Detector, DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector, Verdict, trace


@given(threshold_detectors, streams())
def test_the_rule_is_its_twin(detector, xs):
    found = trace(xs, detector)
    want = reference.threshold_rule(
        found.slope, detector.threshold, detector.patience, detector.mode
    )
    assert found.fired.tolist() == [fired for fired, _, _ in want]
    assert (found.verdict == Verdict.PLATEAU).tolist() == [flat for _, flat, _ in want]
    for i, (_, flat, run) in enumerate(want):
        if flat:
            began = i + 1 - run
            warm = detector.slope_filter.warmup
            back = math.ceil(detector.slope_filter.delay)
            assert found.onset[i] == (0 if began <= warm else max(0, began - back))


@given(threshold_detectors, streams())
def test_outside_a_plateau_the_slope_decides(detector, xs):
    found = trace(xs, detector)
    progress = {"min": -found.slope, "max": found.slope, "both": np.abs(found.slope)}
    for verdict, p in zip(found.verdict, progress[detector.mode], strict=True):
        if math.isnan(p):
            assert verdict == Verdict.WARMING_UP
        elif verdict == Verdict.IMPROVING:
            assert p >= detector.threshold
        elif verdict == Verdict.WORSENING:
            assert p <= -detector.threshold
        elif verdict == Verdict.UNDECIDED:
            assert abs(p) < detector.threshold


@pytest.mark.parametrize(
    ("mode", "slope", "verdict"),
    [
        ("min", -0.5, Verdict.IMPROVING), ("min", 0.5, Verdict.WORSENING),
        ("max", 0.5, Verdict.IMPROVING), ("max", -0.5, Verdict.WORSENING),
        ("both", 0.5, Verdict.IMPROVING), ("both", -0.5, Verdict.IMPROVING),
    ],
)  # fmt: skip
def test_a_slope_as_large_as_the_threshold_is_not_below_it(mode, slope, verdict):
    ramp = slope * np.arange(60)  # exact in binary, and so are its slopes
    for patience in (3, 100):
        detector = ThresholdDetector(Haar(4), 0.5, patience, mode=mode)
        found = trace(ramp, detector)
        assert set(found.slope[detector.slope_filter.warmup :]) == {slope}
        falls_short = verdict == Verdict.WORSENING  # worse is less progress than any threshold
        assert found.fired.any() == (falls_short and patience == 3)
        assert found.verdict[detector.slope_filter.warmup] == verdict


def flat(n):
    return [1.0] * n


def test_it_fires_again_and_again_while_the_plateau_lasts():
    detector = ThresholdDetector(Haar(2), 0.1, patience=4)
    assert detector.update_many(flat(21)).tolist() == [5, 10, 15, 20]
    assert (detector.fires, detector.onset, detector.declared) == (4, 0, 5)


def test_progress_ends_the_plateau_and_the_row_of_fires():
    detector = ThresholdDetector(Haar(2), 0.1, patience=2)
    detector.update_many(flat(9))
    assert (detector.in_plateau, detector.fires) == (True, 2)
    detector.update(0.5)
    assert (detector.verdict, detector.onset, detector.declared) == (Verdict.IMPROVING, None, None)
    assert detector.update_many([0.5] * 3).tolist() == [2]
    assert (detector.fires, detector.onset, detector.declared) == (1, 9, 12)


def test_patience_zero_fires_at_every_flat_sample():
    detector = ThresholdDetector(Haar(2), 0.1, patience=0)
    assert detector.update_many([3, 2, 2, 2, 1, 1]).tolist() == [2, 3, 5]


def test_the_test_is_one_sided():
    rising = np.arange(10.0)
    assert ThresholdDetector(Haar(2), 0.1, 3).update_many(rising).tolist() == [4, 8]
    assert ThresholdDetector(Haar(2), 0.1, 3, mode="max").update_many(rising).tolist() == []
    assert ThresholdDetector(Haar(2), 0.1, 3, mode="both").update_many(rising).tolist() == []


def test_a_rising_loss_is_worsening_before_it_is_called_a_plateau():
    detector = ThresholdDetector(Haar(2), 0.1, 3)
    detector.update_many([1.0, 2.0, 3.0])
    assert detector.verdict is Verdict.WORSENING


def test_changed_ends_the_plateau_and_starts_patience_anew():
    detector = ThresholdDetector(Haar(2), 0.1, patience=4)
    detector.update_many(flat(8))
    detector.changed()
    assert not detector.in_plateau
    assert detector.slope == 0.0
    assert detector.update_many(flat(6)).tolist() == [4]
    assert (detector.onset, detector.declared) == (8, 12)
    assert detector.fires == 1


def test_changed_at_a_fire_keeps_the_row_of_fires():
    """A scheduler acts when the detector fires; whether that helped must stay known."""
    detector, plain = (ThresholdDetector(Haar(2), 0.1, patience=4) for _ in range(2))
    rows = []
    for i, x in enumerate(flat(21)):
        assert detector.update(x) == plain.update(x)
        if plain.fires and detector.fires == plain.fires and i % 5 == 0:
            rows.append(detector.fires)
            detector.changed()
            assert not detector.in_plateau
    assert rows == [1, 2, 3, 4]


def test_the_onset_is_not_moved_back_beyond_a_change():
    detector = ThresholdDetector(Haar(8), 0.1, patience=4)
    detector.update_many([*flat(20), 0.0])
    detector.changed()
    detector.update_many([0.0] * 14)
    assert detector.in_plateau
    assert detector.onset == 22  # the first flat sample is at 26, the delay is 4
    detector.reset()
    detector.update_many([*flat(20), 0.0, 0.0, 0.0, 0.0, 0.0])
    detector.changed()
    detector.update_many([0.0] * 10)
    assert detector.onset == 25


@given(threshold_detectors, streams(min_size=1), st.data())
def test_changed_is_saved(detector, xs, data):
    n = data.draw(st.integers(0, len(xs)))
    detector.update_many(xs[:n])
    detector.changed()
    other = ThresholdDetector.from_bytes(detector.to_bytes())
    for x in xs[n:]:
        assert detector.update(x) == other.update(x)
        assert detector.onset == other.onset
        assert detector.onset is None or detector.onset >= n


@given(st.one_of(st.builds(Haar, st.just(6), st.just(3)), st.builds(Ema, st.just(0.1))), streams())
def test_noise_is_its_twin(slope_filter, xs):
    detector = ThresholdDetector(slope_filter, 1.0, 3)
    detector.update_many(xs)
    if len(xs) < 2:
        assert math.isnan(detector.noise)
    else:
        want = reference.noise(xs, slope_filter.warmup + 1)
        assert detector.noise == pytest.approx(want, rel=1e-9, abs=1e-12 * np.abs(xs).max())


def test_noise_of_white_noise_is_its_standard_deviation_whatever_the_trend():
    xs = np.random.default_rng(0).normal(scale=3.0, size=20_000) + 0.01 * np.arange(20_000)
    detector = ThresholdDetector(EmaHaar(1e-3, 1e-3), 1.0, 3)
    detector.update_many(xs)
    assert detector.noise == pytest.approx(3.0, rel=0.05)


class Tensor:
    """What a 0-d tensor looks like from outside."""

    ndim = 0

    def __float__(self):
        return 2.5


@pytest.mark.parametrize(
    "x",
    [
        2.5,
        np.float64(2.5),
        np.float32(2.5),
        np.float16(2.5),
        np.array(2.5),
        np.full(1, 2.5),
        np.full((1, 1), 2.5, dtype=np.float32),
        pd.Series([2.5], index=[7]),
        Tensor(),
    ],
    ids=lambda x: f"{type(x).__name__}-{np.ndim(x)}",
)
def test_any_real_number_is_a_sample(x):
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    assert detector.update(x) is False
    assert (detector.level, detector.count) == (2.5, 1)


@pytest.mark.parametrize("x", [3, np.int8(3), np.uint64(3), True, np.bool_(True)])
def test_whole_numbers_are_samples(x):
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    detector.update(x)
    assert detector.level == float(x)


@pytest.mark.parametrize(
    "x",
    [
        "1.5",
        b"1",
        None,
        1j,
        [1.0],
        np.ones(2),
        np.ones((1, 0)),
        pd.Series([1.5, 2.5]),
        pd.DataFrame({"loss": [1.5]}),
        np.array(1j),
        object(),
        np.complex128(1 + 2j),
        np.complex64(1),
        np.ma.array([1j], mask=[False]),
    ],
)
def test_anything_else_is_refused(x):
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    with pytest.raises(TypeError, match="a sample must be one real number, not "):
        detector.update(x)
    assert (detector.count, detector.skipped) == (0, 0)


@pytest.mark.parametrize("detector", [ThresholdDetector(Ema(1.0), 1.0, 3), Detector()])
@pytest.mark.parametrize("error", [TypeError, ValueError, RuntimeError])
def test_what_cannot_become_a_float_is_refused_whatever_it_raises(detector, error):
    class Tensor:  # of several numbers: torch raises ValueError; of a complex one: RuntimeError
        shape = (2,)

        def __float__(self):
            raise error("only one element can be converted")

    with pytest.raises(TypeError, match=r"must be one real number, not Tensor of shape \(2,\)"):
        detector.update(Tensor())
    assert detector.count == 0


@pytest.mark.parametrize(
    "xs",
    [
        [1, 2, 4],
        (1.0, 2.0, 4.0),
        np.array([1, 2, 4], dtype=np.uint8),
        np.array([1, 2, 4], dtype=np.float32),
        np.array([1, 9, 2, 9, 4.0])[::2],
        np.array([1.0, 2.0, 4.0], dtype=">f8"),
    ],
    ids=repr,
)
def test_any_row_of_real_numbers_is_a_stream(xs):
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    detector.update_many(xs)
    assert (detector.level, detector.slope, detector.count) == (4.0, 2.0, 3)


@pytest.mark.parametrize(
    "xs",
    [
        np.ma.array([1.0, 99.0, 2.0], mask=[0, 1, 0]),
        np.ma.array([1, 99, 2], mask=[0, 1, 0]),
        [1.0, None, 2.0],
        [1.0, pd.NA, 2.0],
        pd.Series([1.0, pd.NA, 2.0], dtype=object),
        pd.Series([1, None, 2], dtype="Int64"),
    ],
    ids=["masked", "masked whole numbers", "None", "NA", "objects", "Int64"],
)
def test_what_is_absent_is_no_value(xs):
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    bank = DetectorBank(detector, 3)
    detector.update_many(xs)
    assert (detector.level, detector.count, detector.skipped) == (2.0, 2, 1)
    bank.update(xs)
    assert bank.skipped.tolist() == [0, 1, 0]


@pytest.mark.parametrize("detector", [ThresholdDetector(Ema(1.0), 1.0, 3), Detector()])
@pytest.mark.parametrize("x", [np.ma.masked, np.ma.array([5.0], mask=[True])])
def test_what_is_masked_is_skipped(detector, x):
    one = detector.clone()
    assert one.update(x) is False
    assert (one.count, one.skipped) == (0, 1)
    one.update(np.ma.array([5.0]))
    assert one.level == 5.0


def test_an_iterator_is_a_stream():
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    detector.update_many(float(x) for x in range(5))
    assert detector.count == 5


def test_a_read_only_array_is_a_stream():
    xs = np.arange(5.0)
    xs.flags.writeable = False
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    detector.update_many(xs)
    assert detector.count == 5


@pytest.mark.parametrize(
    ("xs", "error", "message"),
    [
        (1.0, ValueError, r"one-dimensional, not of shape \(\)"),
        ([[1.0, 2.0]], ValueError, r"one-dimensional, not of shape \(1, 2\): choose a column"),
        (["a", "b"], TypeError, "real numbers, not <U1"),
        ([1j], TypeError, "real numbers, not complex128"),
        ([object()], TypeError, "real numbers, not object"),
        ([None, "a"], TypeError, "one real number, not str 'a'"),
    ],
)
def test_anything_else_is_no_stream(xs, error, message):
    with pytest.raises(error, match=message):
        ThresholdDetector(Ema(1.0), 1.0, 3).update_many(xs)


def test_an_empty_stream_changes_nothing():
    detector = ThresholdDetector(Ema(1.0), 1.0, 3)
    assert detector.update_many([]).shape == (0,)
    assert (detector.count, detector.verdict) == (0, Verdict.WARMING_UP)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, 10**400])
def test_what_is_not_finite_is_skipped_or_raised(bad):
    skipping = ThresholdDetector(Ema(1.0), 1.0, 3)
    assert skipping.update(bad) is False
    assert (skipping.count, skipping.skipped) == (0, 1)
    raising = ThresholdDetector(Ema(1.0), 1.0, 3, on_nonfinite="raise")
    with pytest.raises(ValueError, match="is not finite"):
        raising.update(bad)
    with pytest.raises(ValueError, match="at offset 2 is not finite"):
        raising.update_many([1.0, 2.0, math.inf, 3.0])
    assert (raising.count, raising.skipped) == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"slope_filter": 5}, TypeError, "slope_filter must be Haar, EmaHaar or Ema, not 5"),
        ({"threshold": 0}, ValueError, "threshold must be above 0, not 0"),
        ({"threshold": math.nan}, ValueError, "threshold must be finite, not nan"),
        ({"threshold": "1"}, TypeError, "threshold must be a number, not '1'"),
        ({"patience": -1}, ValueError, "patience must be at least 0, not -1"),
        ({"patience": 2**64}, ValueError, r"patience must be at most 2\*\*53"),
        ({"threshold": 10**400}, ValueError, "threshold must be finite"),
        ({"patience": 2.5}, TypeError, "patience must be a whole number, not 2.5"),
        ({"mode": "down"}, ValueError, "mode must be one of min, max, both, not 'down'"),
        ({"on_nonfinite": 0}, ValueError, "on_nonfinite must be one of skip, raise, not 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    good = {"slope_filter": Ema(0.5), "threshold": 0.1, "patience": 3}
    with pytest.raises(error, match=message):
        ThresholdDetector(**(good | arguments))


def test_the_filter_is_only_a_description():
    used = Ema(0.5)
    used.update_many([1.0, 5.0, 9.0])
    detector = ThresholdDetector(used, 0.1, 3)
    detector.update(1.0)
    assert (detector.count, detector.level, used.count) == (1, 1.0, 3)
