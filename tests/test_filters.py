"""Slope filters against their definition, SciPy, and the claims of their documentation."""

import math

import numpy as np
import pytest
import reference
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import filters, streams, weights, windows

from plateau import Ema, EmaHaar, Haar

EPS = np.finfo(float).eps


def numbers(most):
    """Numbers that are not so small that digits are lost."""
    return st.floats(-most, most).map(lambda value: round(value, 12))


def largest(xs):
    return np.abs(xs).max(initial=0.0)


def after_warmup(slope_filter, xs):
    slopes = slope_filter.response(xs)
    assert np.isnan(slopes[: slope_filter.warmup]).all()
    return slopes[slope_filter.warmup :]


@given(streams(), windows, st.integers(1, 12))
def test_haar_is_its_definition(xs, window, smooth):
    got = Haar(window, smooth).response(xs)
    want = reference.haar_slopes(xs.tolist(), window, smooth)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    # Means of at most 12 numbers, over a half of at least one sample: a few roundings each.
    np.testing.assert_allclose(got, want, rtol=0, atol=8 * EPS * largest(xs) / (window // 2))


@given(streams(min_size=1), windows, st.integers(1, 12))
def test_haar_agrees_with_scipy(xs, window, smooth):
    got = after_warmup(Haar(window, smooth), xs)
    assume(len(got))
    want = reference.haar_slopes_scipy(xs, window, smooth)
    np.testing.assert_allclose(got, want, rtol=0, atol=16 * EPS * largest(xs))


@given(streams(min_size=1), st.integers(1, 12))
def test_level_of_haar_is_the_moving_average(xs, smooth):
    haar = Haar(2, smooth)
    levels = []
    for x in xs:
        haar.update(x)
        levels.append(haar.level)
    bound = 8 * EPS * largest(xs)
    np.testing.assert_allclose(levels, reference.moving_average(xs.tolist(), smooth), atol=bound)
    if len(xs) >= smooth:
        want = reference.moving_average_scipy(xs, smooth)
        np.testing.assert_allclose(levels[smooth - 1 :], want, rtol=0, atol=bound)


@given(streams(min_size=1), weights, weights)
def test_ema_haar_agrees_with_its_twin_and_with_scipy(xs, alpha, beta):
    got = after_warmup(EmaHaar(alpha, beta), xs)
    bound = 16 * EPS * largest(xs)
    for oracle in (reference.ema_haar_slopes, reference.ema_haar_slopes_scipy):
        want = oracle(xs, alpha, beta)[len(xs) - len(got) :]
        np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@given(streams(min_size=1), weights)
def test_level_of_ema_agrees_with_its_twin_and_with_scipy(xs, alpha):
    ema = Ema(alpha)
    levels = []
    for x in xs:
        ema.update(x)
        levels.append(ema.level)
    # Rounding errors of an average add up over its time constant.
    bound = (8 + 2 / alpha) * EPS * largest(xs)
    np.testing.assert_allclose(levels, reference.ema_levels(xs, alpha), rtol=0, atol=bound)
    np.testing.assert_allclose(levels, reference.ema_levels_scipy(xs, alpha), rtol=0, atol=bound)


@given(streams(min_size=1), weights)
def test_slope_of_ema_is_the_step_of_its_level(xs, alpha):
    got = after_warmup(Ema(alpha), xs)
    want = np.diff(reference.ema_levels(xs, alpha), prepend=xs[0])[len(xs) - len(got) :]
    bound = (8 + 2 / alpha) * EPS * largest(xs)
    np.testing.assert_allclose(got, want, rtol=0, atol=bound)


@given(windows, st.integers(1, 12), numbers(1e6), numbers(1e6))
def test_haar_gives_the_slope_of_a_ramp(window, smooth, slope, offset):
    ramp = offset + slope * np.arange(60)
    bound = 8 * EPS * largest(ramp) / (window // 2)
    np.testing.assert_allclose(after_warmup(Haar(window, smooth), ramp), slope, rtol=0, atol=bound)


@given(windows, st.integers(1, 12), st.integers(-1000, 1000))
def test_slope_of_an_integer_ramp_is_exact_to_rounding(window, smooth, slope):
    got = after_warmup(Haar(window, smooth), slope * np.arange(60))
    np.testing.assert_allclose(got, slope, rtol=4 * EPS, atol=0)


@given(weights, weights, numbers(1e3))
def test_exponential_filters_reach_the_slope_of_a_ramp(alpha, beta, slope):
    ramp = slope * np.arange(4000)
    bound = 32 * EPS * largest(ramp)
    np.testing.assert_allclose(Ema(alpha).response(ramp)[-1], slope, rtol=1e-12, atol=bound)
    np.testing.assert_allclose(
        EmaHaar(alpha, beta).response(ramp)[-1], slope, rtol=1e-12, atol=bound
    )


@given(weights, weights)
def test_after_the_warmup_a_ramp_is_seen_as_documented(alpha, beta):
    ramp = np.arange(200)
    assert after_warmup(Ema(alpha), ramp)[0] >= 1 - math.exp(-1) - 1e-12
    assert after_warmup(EmaHaar(alpha, beta), ramp)[0] >= 1 - 3 * math.exp(-2) - 1e-12


@given(filters, numbers(1e6))
def test_a_constant_has_level_itself_and_no_slope(slope_filter, value):
    slopes = slope_filter.update_many(np.full(300, value))
    assert slope_filter.level == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(slopes[slope_filter.warmup :], 0, atol=8 * EPS * abs(value))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1001, 4000])
def test_after_a_burst_the_error_is_that_of_a_fresh_window(size):
    rng = np.random.default_rng(size)
    calm = 1.0 + 0.1 * rng.normal(size=4 * size + 10)
    for burst in (1e12, -1e12, 1e150):
        haar = Haar(2 * size, size)
        haar.update_many(np.r_[np.full(3, burst), calm])
        fresh = Haar(2 * size, size)
        fresh.update_many(calm[-(3 * size) :])
        bound = (size / 2 + 2) * EPS
        want = reference.exact_mean(calm[-size:].tolist())
        assert abs(haar.level - want) <= bound
        assert abs(haar.slope - fresh.slope) <= 2 * bound / size


def test_after_a_billion_samples_the_error_is_that_of_a_fresh_window():
    window, smooth, n = 64, 48, 1_000_000
    xs = 1e6 + np.random.default_rng(0).normal(size=n)
    haar = Haar(window, smooth)
    for _ in range(1000):
        haar.update_many(xs)
    assert haar.count == 10**9
    tail = xs[-(window + smooth) :].tolist()
    bound = (smooth / 2 + 2) * EPS * 1e6
    assert abs(haar.level - reference.exact_mean(tail[-smooth:])) <= bound
    assert abs(haar.slope - reference.haar_slopes(tail, window, smooth)[-1]) <= bound / (
        window // 4
    )


@given(filters, streams(min_size=1))
def test_update_and_response_give_the_same_numbers(slope_filter, xs):
    response = slope_filter.response(xs)
    np.testing.assert_array_equal([slope_filter.update(x) for x in xs], response)
    np.testing.assert_array_equal(slope_filter.response(xs), response)
    assert slope_filter.count == len(xs)
    np.testing.assert_array_equal(slope_filter.slope, response[-1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200, 10**400, -(10**400)])
def test_filters_refuse_what_is_not_finite(bad):
    haar = Haar(2)
    haar.update(1.0)
    with pytest.raises(ValueError, match="not finite"):
        haar.update(bad)
    with pytest.raises(ValueError, match="at offset 1"):
        haar.update_many([2.0, float("nan"), 3.0])
    assert haar.count == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Haar(3), ValueError, "window must be even, not 3"),
        (lambda: Haar(0), ValueError, "window must be at least 2, not 0"),
        (lambda: Haar(4.0), TypeError, "window must be a whole number, not 4.0"),
        (lambda: Haar(4, 0), ValueError, "smooth must be at least 1, not 0"),
        (lambda: Ema(0.0), ValueError, "alpha must be above 0 and at most 1, not 0.0"),
        (lambda: Ema(1.5), ValueError, "alpha must be above 0 and at most 1, not 1.5"),
        (lambda: Ema(1e-17), ValueError, r"alpha must be at least 2\*\*-52, not 1e-17"),
        (lambda: Ema(math.nan), ValueError, "alpha must be finite, not nan"),
        (lambda: EmaHaar(0.1, "x"), TypeError, "beta must be a number, not 'x'"),
    ],
)
def test_wrong_arguments_are_named(make, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        make()


def test_numpy_integers_are_whole_numbers():
    assert Haar(np.int64(4), np.int32(2)).warmup == 4


def test_before_the_first_sample_there_is_nothing():
    ema = Ema(0.5)
    assert math.isnan(ema.level)
    assert math.isnan(ema.slope)
    assert ema.response([]).shape == (0,)


@given(filters, streams())
def test_slopes_are_written_where_asked(slope_filter, xs):
    out = np.full(len(xs), 7.0)
    want = slope_filter.response(xs)
    assert slope_filter.response(xs, out) is out
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(slope_filter.update_many(xs, out=out), want)


def read_only(shape):
    out = np.zeros(shape)
    out.flags.writeable = False
    return out


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ([0.0, 0.0], TypeError, "out must be a NumPy array of float64, not list"),
        (
            np.zeros(2, "f4"),
            TypeError,
            "out must be a NumPy array of float64, not an array of floa",
        ),
        (np.zeros(3), ValueError, r"out must have the shape \(2,\) of the samples, not \(3,\)"),
        (np.zeros(4)[::2], ValueError, "out must be contiguous, aligned and writeable"),
        (read_only(2), ValueError, "out must be contiguous, aligned and writeable"),
    ],
)
def test_slopes_are_not_written_where_they_do_not_fit(out, error, message):
    haar = Haar(2)
    with pytest.raises(error, match=f"^{message}"):
        haar.update_many([1.0, 2.0], out)
    assert haar.count == 0


def test_slopes_are_not_written_over_the_samples():
    xs = np.arange(10.0)
    with pytest.raises(ValueError, match="out must not share memory with the samples"):
        Haar(2).response(xs[:6], out=xs[2:8])
    np.testing.assert_array_equal(xs, np.arange(10.0))
