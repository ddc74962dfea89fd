"""Long streams: pieces side by side, and stretches, give the numbers of single updates.

The weights are large, so that short streams are long beside the memory of the filters.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numba import config, njit
from plain import advance as plain_advance
from plain import pieces as plain_pieces
from plain import recurrence

from plateau import (
    Detector,
    DetectorBank,
    Ema,
    EmaHaar,
    Haar,
    ThresholdDetector,
    _kernels,
    _pyramid,
    fast,
)
from plateau._arithmetic import fused
from plateau._compile import Kernel
from plateau.fast import banks
from plateau.fast import kernels as fast_kernels

weights = st.floats(0.2, 0.98)
emas = st.one_of(st.builds(EmaHaar, weights, weights), st.builds(Ema, weights))
haars = st.builds(Haar, st.sampled_from([2, 6, 38, 200, 202]), st.sampled_from([1, 2, 5, 40, 97]))
short_haars = st.builds(
    Haar, st.sampled_from([2, 4, 6, 10, 22, 38, 60]), st.sampled_from([1, 2, 5, 8, 17, 40])
)
seeds = st.integers(0, 2**32)
kinds = st.sampled_from(["noise", "walk", "flat", "edge", "burst", "held", "zero", "tiny"])
gaps = st.sampled_from([np.nan, np.inf, -np.inf, 1e200, 1e130])


def stream(kind, seed, n, slope_filter, threshold):
    """A stream of n samples; slopes of the kind "edge" lie at the threshold itself."""
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=n)
    if kind == "walk":
        xs = xs.cumsum()
    elif kind == "flat":
        xs = 3.0 + 1e-9 * xs
    elif kind == "edge":
        xs = -threshold * np.arange(n) * (1 + 1e-16 * rng.integers(-3, 3, n))
    elif kind == "burst":
        xs[rng.integers(0, n, 3)] = rng.choice([1e12, -1e100, 1e130])
    elif kind == "held":
        xs = np.repeat(xs[: n // 10 + 1], 10)[:n]
    elif kind == "zero":
        xs[n // 5 :] = xs[0]
    elif kind == "tiny":
        xs *= 1e-300
    return xs


def one_by_one(detector, xs):
    """What `update_many` should return."""
    return [i for i, x in enumerate(xs) if detector.update(x)]


def assert_pieces_fire_as_single_updates(data, slope_filter, kind, seed, n, head):
    threshold = data.draw(st.sampled_from([1e-12, 1e-3, 0.05, 0.3, 1e6]))
    mode = data.draw(st.sampled_from(["min", "max", "both"]))
    patience = data.draw(st.sampled_from([fast.PATIENT, 400, 2000, 10**6]))
    xs = stream(kind, seed, head + n, slope_filter, threshold)
    for i in data.draw(st.lists(st.integers(0, head + n - 1), max_size=2)):
        xs[i] = data.draw(gaps)
    single = ThresholdDetector(slope_filter, threshold, patience, mode=mode)
    single.update_many(xs[:head])
    many = single.clone()
    assert many.update_many(xs[head:]).tolist() == one_by_one(single, xs[head:])
    assert many.to_bytes() == single.to_bytes()


@settings(max_examples=30)
@given(st.data(), emas, kinds, seeds, st.integers(1, 20_000), st.integers(0, 3000))
def test_pieces_fire_where_single_updates_do(data, slope_filter, kind, seed, n, head):
    assert_pieces_fire_as_single_updates(data, slope_filter, kind, seed, n, head)


@settings(max_examples=30)
@given(emas, kinds, seeds, st.integers(1, 20_000), st.integers(0, 500))
def test_pieces_have_the_slopes_of_single_updates(slope_filter, kind, seed, n, head):
    xs = stream(kind, seed, head + n, slope_filter, 0.1)
    single = type(slope_filter).from_bytes(slope_filter.to_bytes())
    slope_filter.update_many(xs[:head])
    slopes = slope_filter.update_many(xs[head:])
    for x in xs[:head]:
        single.update(x)
    np.testing.assert_array_equal(slopes, [single.update(x) for x in xs[head:]])
    assert slope_filter.to_bytes() == single.to_bytes()


@settings(max_examples=20)
@given(st.data(), emas, seeds, gaps, st.integers(0, 3999))
def test_a_long_stream_with_a_gap_is_refused_as_a_whole(data, slope_filter, seed, bad, place):
    xs = stream("noise", seed, 4000, slope_filter, 0.1)
    slope_filter.update_many(xs[:500])
    before = slope_filter.to_bytes()
    xs[place] = 1e151 if bad == 1e130 else bad
    with pytest.raises(ValueError, match=f"at offset {place} is not finite"):
        slope_filter.update_many(xs)
    assert slope_filter.to_bytes() == before


@mock.patch.object(fast, "MANY", 0)
@settings(max_examples=40)
@given(st.data(), short_haars, kinds, seeds, st.integers(1, 12_000), st.integers(0, 300))
def test_pieces_of_haar_fire_where_single_updates_do(data, slope_filter, kind, seed, n, head):
    assert_pieces_fire_as_single_updates(data, slope_filter, kind, seed, n, head)


@mock.patch.object(fast, "MANY", 0)
@settings(max_examples=40)
@given(short_haars, kinds, seeds, st.integers(1, 12_000), st.integers(0, 500))
def test_pieces_of_haar_have_the_slopes_of_single_updates(slope_filter, kind, seed, n, head):
    xs = stream(kind, seed, head + n, slope_filter, 0.1)
    single = type(slope_filter).from_bytes(slope_filter.to_bytes())
    slope_filter.update_many(xs[:head])
    slopes = slope_filter.update_many(xs[head:])
    for x in xs[:head]:
        single.update(x)
    np.testing.assert_array_equal(slopes, [single.update(x) for x in xs[head:]])
    assert slope_filter.to_bytes() == single.to_bytes()


@settings(max_examples=30)
@given(st.data(), haars, kinds, seeds, st.integers(1, 3000))
def test_stretches_fire_where_single_updates_do(data, slope_filter, kind, seed, n):
    threshold = data.draw(st.sampled_from([1e-12, 1e-3, 0.05, 1e6]))
    patience = data.draw(st.sampled_from([0, 7, 300]))
    xs = stream(kind, seed, n, slope_filter, threshold)
    np.testing.assert_array_equal(slope_filter.response(xs), [slope_filter.update(x) for x in xs])
    for i in data.draw(st.lists(st.integers(0, n - 1), max_size=3)):
        xs[i] = data.draw(gaps)
    single = ThresholdDetector(slope_filter, threshold, patience)
    many, cut = single.clone(), data.draw(st.integers(0, n))
    parts = [*many.update_many(xs[:cut]), *(many.update_many(xs[cut:]) + cut)]
    assert parts == one_by_one(single, xs)
    assert many.to_bytes() == single.to_bytes()


@settings(max_examples=20)
@given(st.data(), st.one_of(emas, haars), seeds, st.sampled_from([1, 7, 8, 63, 70, 130]))
def test_rows_of_a_bank_are_so_many_updates(data, slope_filter, seed, streams):
    rng = np.random.default_rng(seed)
    n = data.draw(st.sampled_from([0, 1, 40, 90]))
    xs = rng.normal(size=(n, streams)) * 10.0 ** rng.integers(-9, 12, size=streams)
    xs[rng.random(xs.shape) < 0.3] = 0.0
    xs[rng.random(xs.shape) < data.draw(st.sampled_from([0.0, 0.002]))] = data.draw(gaps)
    patience = data.draw(st.sampled_from([0, 3, 20]))
    bank = DetectorBank(ThresholdDetector(slope_filter, 0.05, patience), streams)
    fortran, rows = bank.clone(), bank.clone()
    cut = data.draw(st.integers(0, n))
    want = np.array([rows.update(row) for row in xs], bool).reshape(n, streams)
    np.testing.assert_array_equal(bank.update_many(xs), want)
    for part in (slice(None, cut), slice(cut, None)):
        got = fortran.update_many(np.asfortranarray(xs[part]))
        np.testing.assert_array_equal(got, want[part])
    assert bank.to_bytes() == fortran.to_bytes() == rows.to_bytes()


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_of_a_broad_bank_are_so_many_updates(order):
    rows, streams = banks.TILE + 6, banks.BROAD + 75
    xs = np.array(np.random.default_rng(0).normal(size=(rows, streams)), order=order)
    xs[40, banks.BROAD + 3] = np.nan
    many = DetectorBank(ThresholdDetector(EmaHaar(0.5, 0.5), 0.3, 4), streams)
    one = many.clone()
    np.testing.assert_array_equal(many.update_many(xs), [one.update(row) for row in xs])
    assert many.to_bytes() == one.to_bytes()


def test_rows_of_the_wrong_shape_are_refused():
    bank = DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 2), 2)
    with pytest.raises(ValueError, match="takes 2 samples at a time, not 3"):
        bank.update_many(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"a row for each update, not shape \(2,\)"):
        bank.update_many(np.zeros(2))


@pytest.mark.parametrize("detector", [ThresholdDetector(Haar(2), 0.1, 2), Detector()])
def test_the_only_row_may_have_any_stride(detector):
    row = np.random.default_rng(0).normal(size=5)[None]  # its first stride is 0
    bank, one = DetectorBank(detector, 5), DetectorBank(detector, 5)
    for _ in range(9):
        np.testing.assert_array_equal(bank.update_many(row), [one.update(row[0])])
    assert bank.to_bytes() == one.to_bytes()


def test_with_raise_the_rows_before_are_taken():
    bank = DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 2, on_nonfinite="raise"), 2)
    with pytest.raises(ValueError, match="row 2: sample nan at offset 1 is not finite"):
        bank.update_many([[1.0, 2.0], [1.0, 2.0], [1.0, np.nan], [1.0, 2.0]])
    assert bank.count.tolist() == [2, 2]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_bank_of_calibrated_detectors_takes_rows(order):
    xs = np.array(np.random.default_rng(0).normal(size=(900, 3)), order=order)
    xs[5, 0] = np.nan
    bank, rows = DetectorBank(Detector(), 3), DetectorBank(Detector(), 3)
    fired = bank.update_many(xs)
    assert fired.any()
    np.testing.assert_array_equal(fired, [rows.update(row) for row in xs])
    assert bank.to_bytes() == rows.to_bytes()
    assert [np.flatnonzero(f).tolist() for f in fired.T] == [
        one_by_one(Detector(), column) for column in xs.T
    ]


@pytest.mark.skipif(config.DISABLE_JIT, reason="nothing is compiled")
def test_other_threads_go_on_while_many_samples_are_taken():
    kernels = {
        kernel
        for module in (_kernels, fast_kernels, _pyramid)
        for kernel in vars(module).values()
        if isinstance(kernel, Kernel)
    }
    held = {kernel for kernel in kernels if not kernel.dispatcher.targetoptions["nogil"]}
    assert len(kernels) > 20
    one = {_kernels.ema_update, _kernels.haar_update, _pyramid.update}  # or 256 blocks at most
    few = {_kernels.reading, _kernels.readings}
    assert held == one | few


@pytest.mark.parametrize(
    "detector", [ThresholdDetector(EmaHaar(0.3, 0.3), 0.05, fast.PATIENT), Detector(horizon=60)]
)
def test_threads_over_streams_find_the_same(detector):
    streams = np.random.default_rng(0).normal(size=(4, 5000))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda xs: detector.clone().update_many(xs).tolist(), streams))
    assert found == [one_by_one(detector.clone(), xs) for xs in streams]


# ---- the machinery as plain Python: what it does can be looked at --------------------------------


def taken(xs):
    """Samples that pieces take, and the block after them and after the plain loop."""
    slope_filter = EmaHaar(0.8, 0.9)
    begin = slope_filter.warmup
    block = slope_filter.make_state()
    plain = block.copy()
    offsets = np.empty(0, np.int64)
    filtered = recurrence.ema_load, recurrence.ema, recurrence.ema_store
    recurrence.respond(*filtered, block, xs, 0, begin, xs.copy())
    slopes = np.empty_like(xs)
    place = block, xs, begin, plain_advance.written, slopes, offsets, 0
    n, _ = plain_pieces.ema_pieces(*place)
    want = np.empty_like(xs)
    end = begin + n
    recurrence.respond(*filtered, plain, xs, 0, end, want)
    np.testing.assert_array_equal(slopes[begin:end], want[begin:end])
    np.testing.assert_array_equal(block, plain)
    return n


def haar_taken(window, smooth, head, n, special=None):
    """Samples that pieces take of so many, after `head` single ones; state and slopes are right."""
    xs = np.random.default_rng(0).normal(size=head + n)
    if special is not None:
        xs[head + n // 2] = special
    block = Haar(window, smooth).make_state()
    filtered = recurrence.haar_load, recurrence.haar, recurrence.haar_store
    recurrence.respond(*filtered, block, xs, 0, head, xs.copy())
    plain, slopes, want = block.copy(), np.empty_like(xs), np.empty_like(xs)
    place = block, xs, head, plain_advance.written, slopes, np.empty(0, np.int64), 0
    with np.errstate(invalid="ignore"):
        taken, _ = plain_pieces.haar_pieces(*place)
    recurrence.respond(*filtered, plain, xs, head, head + taken, want)
    end = head + taken
    np.testing.assert_array_equal(slopes[head:end], want[head:end])
    np.testing.assert_array_equal(block, plain)
    return taken


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 40))
def test_pieces_of_haar_are_right_wherever_blocks_and_rings_stand(half, smooth, more):
    period = 2 * math.lcm((smooth + 1) // 2, (half + 1) // 2)
    n = 8 * (period + 3 * smooth + 5 * half) + 8 * (2 * smooth + 4 * half + 8)
    assert haar_taken(2 * half, smooth, 2 * half + smooth - 1 + more, n) > n - 8 * period - 8


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 2.0**450])
def test_pieces_of_haar_take_nothing_if_a_sample_is_special(special):
    assert haar_taken(6, 4, 20, 900) > 0
    assert haar_taken(6, 4, 20, 900, special) == 0


@pytest.mark.parametrize("n", [1, 40, 300])
def test_a_stream_too_short_for_the_blocks_of_haar_is_left_to_the_plain_loop(n):
    assert haar_taken(38, 41, 80, n) == 0


def test_pieces_of_haar_that_have_not_forgotten_are_noticed():
    meet = plain_pieces._haar_meet
    met = mock.Mock(side_effect=lambda end, seam, j: meet(end, seam, j) and j < 7)
    with mock.patch.object(plain_pieces, "_haar_meet", met):
        assert haar_taken(6, 4, 20, 900) == 0
    assert met.called


def test_the_kernel_in_pieces_is_taken_where_it_pays():
    haar = Haar(10)
    assert haar.kernels_for(fast.MANY) is fast_kernels.HAAR_LONG
    assert haar.kernels_for(fast.MANY - 1) is _kernels.HAAR
    assert haar.kernels_for(fast.MANY, fast.PATIENT - 1) is _kernels.HAAR
    assert Haar(4000, 4000).kernels_for(255_999) is _kernels.HAAR
    assert Haar(4000, 4000).kernels_for(256_000) is fast_kernels.HAAR_LONG


@pytest.mark.parametrize("period", [1, 24, 4000])
def test_pieces_lie_apart_in_a_page_of_memory(period):
    for most in range(40_000, 42_000, 111):
        stride = plain_pieces._stride(most, period)
        assert stride % period == 0
        assert stride <= most
        if period < 4000:
            assert stride > 0.96 * most
            assert all(32 <= d * stride % 512 <= 480 for d in range(1, 8))


def test_pieces_take_all_but_a_few_samples_of_noise():
    xs = np.random.default_rng(0).normal(size=700)
    assert taken(xs) > 680


@pytest.mark.parametrize("special", [np.nan, np.inf, 2.0**450])
def test_pieces_take_nothing_if_a_sample_is_special(special):
    xs = np.random.default_rng(0).normal(size=700)
    xs[400] = special
    block = EmaHaar(0.8, 0.9).make_state()
    filtered = recurrence.ema_load, recurrence.ema, recurrence.ema_store
    recurrence.respond(*filtered, block, xs, 0, 5, xs.copy())
    before = block.copy()
    place = block, xs, 5, plain_advance.judged, xs, np.empty(0, np.int64), 0
    with np.errstate(invalid="ignore"):
        found = plain_pieces.ema_pieces(*place)
    assert found == (0, 0)
    np.testing.assert_array_equal(block, before)


def test_a_piece_that_has_not_forgotten_is_noticed():
    xs = np.random.default_rng(0).normal(size=700)
    with mock.patch.object(plain_pieces, "FORGOTTEN", 2.0):
        assert taken(xs) == 0


@pytest.mark.parametrize("burst", [1e9, 1e-9])
def test_a_variance_that_the_ceiling_does_not_hold_is_computed_alone(burst):
    xs = np.random.default_rng(0).normal(size=2400)
    xs[1200] *= burst
    with (
        mock.patch.object(plain_pieces, "CHUNK", 16),
        mock.patch.object(plain_pieces, "_variances", wraps=plain_pieces._variances) as alone,
    ):
        assert taken(xs) > 2300
    assert alone.called == (burst > 1)


@given(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3), st.integers(-1074, 0))
@example([1.0, -0.0, -0.0], 0)
@example([-0.0, 1.0, 0.0], 0)
def test_a_fused_multiply_add_rounds_once(abc, exponent):
    a, b, c = abc
    a, b = a * 2.0**-500, b * 2.0**-500
    c *= 2.0**exponent
    got = compiled_fused(a, b, c)
    assert got == fused(a, b, c)
    assert np.signbit(got) == np.signbit(fused(a, b, c))


@njit
def compiled_fused(a, b, c):
    return fused(a, b, c)


@given(st.floats(-1e200, 1e200), st.floats(1, 2.0**53).map(np.floor))
def test_a_quotient_is_rounded_as_a_division(a, b):
    assume(a == 0 or abs(a) > 1e-200)
    assert recurrence._quotient(a, b, 1 / b) == a / b
