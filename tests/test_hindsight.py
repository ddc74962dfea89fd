"""Plateaus of series that are over, as somebody marks them who sees all of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from plateau import Detector, find_plateaus
from plateau._pieces import Pieces, noise_of, straight, unspiked
from plateau._scale import AUTO, LINEAR, LOG, SCALES, by_logarithm
from plateau.hindsight import (
    blocks_of,
    gain_so_far,
    gentle_blocks,
    last_band,
    look_back,
    range_of,
    stretches_of,
)
from plateau.outlook import gain_of


def noise(seed, n, deviation=1.0):
    return deviation * np.random.default_rng(seed).normal(size=n)


def decay(n, time, seed=0, deviation=0.0):
    """From 2 to 1 and some noise."""
    return 1.0 + np.exp(-np.arange(n) / time) + noise(seed, n, deviation)


def flat_share(xs):
    return sum(f.stop - f.start for f in look_back(xs) if f.kind == "flat") / len(xs)


# ---- short series --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 14, 20, 30, 45, 60])
@pytest.mark.parametrize("deviation", [0.0, 0.01])
def test_a_short_decay_that_comes_to_rest_ends_in_a_plateau(n, deviation):
    time = n / 15
    last = look_back(decay(n, time, n, deviation))[-1]
    assert (last.stop, last.kind) == (n, "flat")
    assert 2 * time <= last.start <= 8 * time


@pytest.mark.parametrize("n", [8, 10, 30, 60, 5000])
def test_a_constant_is_flat_and_what_is_too_short_is_nothing(n):
    assert look_back(np.full(n, 0.1)) == [(0, n, "flat")]
    assert look_back(np.full(7, 0.1)) == []


def test_nothing_but_noise_is_one_plateau():
    """Chance makes a trend of one in ten, which the eye sees too."""
    whole = [look_back(noise(seed, 60)) == [(0, 60, "flat")] for seed in range(40)]
    assert sum(whole) >= 32
    assert all(flat_share(noise(seed, 3000)) == 1.0 for seed in range(10))


@pytest.mark.parametrize("n", [10, 60, 500, 3000])
@pytest.mark.parametrize("deviation", [0.0, 0.02])
def test_a_straight_line_has_no_plateau(n, deviation):
    assert look_back(np.linspace(1.0, 0.0, n) + noise(n, n, deviation)) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_descent_in_noise_that_never_rests_is_not_flat(seed):
    at = np.arange(1, 4001)
    assert flat_share(10 * at**-0.3 + noise(seed, 4000, 0.02)) <= 0.2


# ---- stairs, decades, spikes, steps --------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("deviation", [0.0, 0.1])
def test_each_stair_is_a_plateau(n, deviation):
    xs = np.repeat([9.0, 5.0, 2.0, 4.0], n) + noise(n, 4 * n, deviation)
    found = look_back(xs)
    assert [f.kind for f in found] == ["flat"] * 4
    size = -(-4 * n // 120)
    assert [f.start for f in found] == pytest.approx(n * np.arange(4), abs=3 * size)
    assert [f.stop for f in found] == pytest.approx(n * np.arange(1, 5), abs=3 * size)


def residual(n, rest, floor):
    """A residual that falls by decades, straight in its logarithm, down to a floor."""
    spread = 1 + noise(n, n, 0.01)
    return floor ** np.minimum(np.arange(n) / rest, 1.0) * spread


@pytest.mark.parametrize(("n", "rest"), [(60, 30), (2400, 900)])
@pytest.mark.parametrize("floor", [1e-3, 1e-6])
def test_a_fall_over_decades_is_judged_by_its_logarithm(n, rest, floor):
    xs = residual(n, rest, floor)
    ((start, stop, kind),) = look_back(xs)
    assert (stop, kind) == (n, "flat")
    assert start == pytest.approx(rest, abs=0.05 * n)
    with_a_zero = np.append(xs, 0.0)  # which has no logarithm
    assert look_back(with_a_zero)[-1].start < 0.8 * rest
    assert look_back(-with_a_zero) == look_back(with_a_zero)


def test_a_loss_that_goes_on_over_decades_does_not_rest_early():
    """Beside its first value all of it is small: on a linear axis it rests after 60 of 8,000."""
    at = np.arange(8000)
    xs = 90 * np.exp(-at / 15) + 0.2 * np.exp(-at / 350) + 4e-4
    last = look_back(xs)[-1]
    assert last.stop == 8000
    assert last.start > 1900
    assert look_back(xs - 1.0)[-1].start < 700  # not positive: no decades


@pytest.mark.parametrize("floor", [0.02, 0.5])
def test_less_than_two_decades_are_judged_as_they_are(floor):
    at = np.arange(1000)
    xs = floor + np.exp(-at / 60)
    assert look_back(xs) == look_back(xs - 2.0)


def test_an_excursion_makes_no_decades():
    xs = 1 + noise(0, 600, 0.1)
    xs[[50, 300]] = 1e-5, 1e5
    assert look_back(xs) == [(0, 600, "flat")]


@pytest.mark.parametrize("every", [20, 60])
@pytest.mark.parametrize("height", [0.25, 5.0])
def test_spikes_every_few_rows_hide_no_descent(every, height):
    at = np.arange(3000)
    xs = 0.05 + 0.05 * np.exp(-at / 900) + noise(1, 3000, 0.002)
    spiked = xs + height * (at % every == 3)
    assert all(f.start >= 2000 for f in look_back(spiked) if f.kind == "flat")
    flat = look_back(np.zeros(3000) + noise(2, 3000, 0.002) + height * (at % every == 3))
    assert flat == [(0, 3000, "flat")]  # nor what is flat


@pytest.mark.parametrize("n", [120, 560])
def test_a_large_step_without_noise_ends_a_plateau_there(n):
    """An energy that comes to rest, falls far for good, and rests again."""
    half = n // 2
    rest = 0.9 * np.exp(-np.arange(half) / 4)
    found = [f for f in look_back(np.r_[-250 - rest, -360 - rest]) if f.kind == "flat"]
    size = -(-n // 120)
    assert len(found) == 2
    assert found[0].stop == pytest.approx(half, abs=size)
    assert found[1].start == pytest.approx(half, abs=2 * size)
    assert found[1].stop == n


# ---- what a plateau says of itself ---------------------------------------------------------------


def test_rows_of_nan_at_the_end_are_not_in_it():
    xs = np.append(1 + 3 * np.exp(-np.arange(1500) / 130) + noise(3, 1500, 0.05), [np.nan] * 500)
    last = find_plateaus(xs)[-1]
    assert (last.stop, last.closed, last.kind) == (1500, True, "flat")
    assert last.level == pytest.approx(1, abs=0.03)
    last = find_plateaus(xs[:1500])[-1]
    assert (last.stop, last.closed) == (1500, False)


def test_rows_are_those_of_the_series_and_may_be_nan_within():
    xs = decay(400, 20, 5, 0.01)
    bad = np.arange(400) % 7 == 2
    with_gaps = np.where(bad, np.nan, xs)
    places = np.flatnonzero(~bad)
    found = look_back(xs[~bad])
    assert [(p.start, p.stop, p.kind) for p in find_plateaus(with_gaps)] == [
        (places[f.start], places[f.stop - 1] + 1, f.kind) for f in found
    ]
    assert found != []


@pytest.mark.parametrize("n", [121, 130, 180, 239, 241, 2500, 9999])
def test_a_plateau_that_goes_on_reaches_to_the_last_row(n):
    last = find_plateaus(decay(n, n / 20, n, 0.01))[-1]
    assert (last.stop, last.closed) == (n, False)


def test_slow_leads_to_flat_where_a_decay_comes_to_rest():
    found = find_plateaus(decay(2000, 300, 1, 0.02))
    assert [p.kind for p in found] == ["slow", "flat"]
    slow, flat = found
    assert slow.stop == flat.start
    assert slow.slope < 0
    assert abs(flat.slope) < abs(slow.slope) / 3
    assert (slow.closed, flat.closed) == (True, False)


def test_what_is_slow_from_the_start_is_no_plateau():
    """Diminishing returns need something larger before them."""
    slow, fall = np.linspace(10.0, 9.5, 500), np.linspace(9.5, 0.0, 100)
    first, last = find_plateaus(np.r_[slow, fall, np.zeros(400)])
    assert (first.kind, last.kind) == ("flat", "flat")
    assert 0 < first.start < first.stop <= 510
    kinds = [p.kind for p in find_plateaus(np.r_[20.0 - 2 * np.arange(5), slow, fall])]
    assert kinds[0] == "slow"


def test_declared_is_where_a_stream_would_have_known():
    at = np.arange(4000)
    xs = 0.5 + 2 * np.exp(-at / 150) - 0.3 * (at >= 2000) + noise(0, 4000, 0.02)
    detector, onsets = Detector(), []
    for x in xs:
        detector.update(x)
        onsets.append(-1 if detector.onset is None else detector.onset)
    found = find_plateaus(xs)
    assert len(found) == 2
    for plateau, since in zip(found, (0, 1990), strict=True):
        known = [i for i in range(plateau.start, plateau.stop) if onsets[i] >= since]
        assert plateau.declared == known[0]
    assert onsets[found[1].start] < 1990  # the drop was not yet seen there


def test_a_short_series_is_known_to_nobody_in_time():
    (found,) = find_plateaus(noise(1, 60))
    assert (found.declared, found.kind, found.closed) == (None, "flat", False)


# ---- what must not matter ------------------------------------------------------------------------


def wholes(seed, n):
    """A staircase with rest and noise, in multiples of 2^-10: sums of a few are exact."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.integers(-3, 4, 6), -(-n // 6))[:n]
    xs = steps + 2 * np.exp(-np.arange(n) / (n / 8)) + 0.05 * rng.normal(size=n)
    return np.round(xs * 1024) / 1024


lengths = st.sampled_from([12, 40, 119, 240, 250, 1300])
seeds = st.integers(0, 2**32)


@given(seeds, lengths, st.sampled_from([-900, -30, -1, 1, 10, 400]))
def test_units_by_a_power_of_two_do_not_matter_bit_for_bit(seed, n, power):
    xs = wholes(seed, n)
    assert look_back(np.ldexp(xs, power)) == look_back(xs)
    decades = np.exp(2 * xs)
    assert look_back(np.ldexp(decades, power)) == look_back(decades)


@given(seeds, lengths, st.sampled_from([-1024.0, -64.0, 64.0, 4096.0]))
def test_an_offset_does_not_matter(seed, n, offset):
    xs = wholes(seed, n) - 16  # of both signs or below zero: no decades
    assert look_back(xs + offset) == look_back(xs)


@given(seeds, lengths)
def test_up_and_down_are_alike(seed, n):
    xs = wholes(seed, n) - 16
    assert look_back(-xs) == look_back(xs)


def test_which_way_is_better_does_not_matter():
    xs = decay(500, 30, 0, 0.01)
    found = [
        [(p.start, p.stop, p.kind) for p in find_plateaus(xs, Detector(mode))]
        for mode in ("min", "max", "both")
    ]
    assert found[0] == found[1] == found[2] != []


def test_a_larger_change_that_matters_leaves_more_flat():
    xs = decay(1000, 150, 0, 0.005)
    shares = [
        sum(p.stop - p.start for p in find_plateaus(xs, Detector(min_change=change)))
        for change in (0.02, 0.05, 0.2)
    ]
    assert shares == sorted(set(shares))


# ---- any series ----------------------------------------------------------------------------------

numbers = st.one_of(
    st.floats(-1e150, 1e150),
    st.sampled_from([0.0, 1e-300, -1e-300, 5e-324, 1e150, -1e150, 1.0, 1.0 + 2**-52]),
)
series = st.one_of(
    arrays(float, st.integers(0, 150), elements=numbers),
    arrays(float, st.integers(0, 300), elements=st.sampled_from([0.0, 1.0, 1e-300])),
    arrays(float, st.integers(0, 150), elements=st.floats(1e-300, 1e150)),
    st.builds(np.full, st.integers(0, 400), numbers),
    st.builds(
        lambda xs, exponent: xs * 10.0**exponent,
        st.builds(wholes, seeds, st.integers(1, 400)),
        st.integers(-300, 149),
    ),
)


@given(series)
def test_plateaus_of_any_series_are_in_order_and_disjoint(xs):
    edge = 0
    for plateau in find_plateaus(xs):
        start, stop, declared = plateau.start, plateau.stop, plateau.declared
        assert edge <= start < stop <= len(xs)
        assert declared is None or start <= declared < stop
        assert plateau.closed is (stop < len(xs))
        assert plateau.kind in ("flat", "slow")
        assert np.isfinite([plateau.level, plateau.slope, plateau.noise]).all()
        assert json.dumps(plateau._asdict())
        edge = stop


# ---- slow and obvious ----------------------------------------------------------------------------


@st.composite
def lines(draw):
    """Straight pieces beside noise, as `straight` cuts them."""
    xs = draw(st.builds(wholes, seeds, st.integers(8, 120)))
    covered = float(np.ptp(xs))
    assume(covered > 0)
    return straight(xs, covered, 0.05)


def gentle_slowly(pieces: Pieces, steepest):
    """Block by block: the slope of its line over the whole length."""
    n = len(pieces.values)
    gentle = []
    for i in range(n):
        a = max(int(cut) for cut in pieces.cuts[:-1] if cut <= i)
        across = pieces.fitted[a + 1] - pieces.fitted[a]
        gentle.append(abs(across) * n <= steepest * pieces.range)
    return gentle


def stretches_slowly(gentle, fitted, band):
    """Pairs of neighbours that belong together, one after the other."""
    found = []
    for i in range(len(gentle)):
        if not gentle[i]:
            continue
        if i and gentle[i - 1] and abs(fitted[i] - fitted[i - 1]) <= band:
            found[-1] = (found[-1][0], i + 1)
        else:
            found.append((i, i + 1))
    return found


def last_band_slowly(pieces: Pieces, begin, end, band):
    """The longest end whose lines stay within the band, and what lies beside it before."""
    fits = [i for i in range(begin, end) if np.ptp(pieces.fitted[i:end]) <= band]
    flat = min(fits)
    level = pieces.fitted[flat:end].mean()
    while flat > begin and abs(pieces.values[flat - 1] - level) <= band / 2:
        flat -= 1
    return flat


@given(lines(), st.floats(0.05, 5.0), st.floats(0.001, 1.0))
def test_stretches_are_those_of_the_slow_and_obvious_way(pieces, steepest, share):
    gentle = gentle_blocks(pieces, steepest)
    slowly = gentle_slowly(pieces, steepest * 1.000001), gentle_slowly(pieces, steepest / 1.000001)
    assume(slowly[0] == slowly[1])  # rounding decides nothing
    assert gentle.tolist() == slowly[0]
    band = share * pieces.range
    found = stretches_of(gentle, pieces.fitted, band)
    assert found == stretches_slowly(gentle.tolist(), pieces.fitted, band)
    for begin, end in found:
        assert last_band(pieces, begin, end, band) == last_band_slowly(pieces, begin, end, band)


def test_what_is_just_gentle_is_gentle():
    fitted = np.r_[np.arange(4.0), np.full(4, 9.0)]
    pieces = Pieces(fitted, fitted, np.array([0, 4, 8]), 4.0, 0.1)
    assert gentle_blocks(pieces, 2.0).all()  # 1 a block, 8 along the series, twice the range
    assert gentle_blocks(pieces, 1.99).tolist() == [False] * 4 + [True] * 4
    turned = Pieces(fitted[::-1], fitted[::-1], np.array([0, 4, 8]), 4.0, 0.1)
    assert gentle_blocks(turned, 2.0).all()
    assert gentle_blocks(turned, 1.99).tolist() == [True] * 4 + [False] * 4


@pytest.mark.parametrize(("share", "kinds"), [(0.25, ["slow"]), (0.35, [])])
def test_what_falls_by_a_third_of_the_range_in_the_whole_length_is_no_plateau(share, kinds):
    slow = 9.0 * share  # in nine tenths of the length
    xs = np.r_[np.linspace(10.0, slow, 100), np.linspace(slow, 0.0, 900)]
    assert [p.kind for p in find_plateaus(xs)][:1] == kinds


def test_a_step_as_wide_as_the_band_ends_no_stretch():
    fitted, gentle = np.array([0.0, 0.0, 1.0, 1.0]), np.ones(4, dtype=bool)
    assert stretches_of(gentle, fitted, 1.0) == [(0, 4)]
    assert stretches_of(gentle, fitted, 0.99) == [(0, 2), (2, 4)]


@pytest.mark.parametrize(("begin", "flat"), [(0, 1), (1, 1), (2, 2), (5, 5)])
def test_blocks_at_the_level_of_a_band_belong_to_it(begin, flat):
    values = np.array([9.0, 0.5, -0.5, 0.5, 0.0, 0.0, 0.0, 0.0])  # within half of it
    fitted = np.array([8.0, 6.0, 4.0, 2.0, 0.0, 0.0, 0.0, 0.0])
    pieces = Pieces(values, fitted, np.array([0, 4, 8]), 9.0, 0.1)
    assert last_band(pieces, begin, 8, 1.0) == flat


def test_what_going_on_would_bring_is_told_from_a_picture_of_blocks():
    xs = decay(600, 200, 0, 0.05)
    blocks = np.median(xs.reshape(120, 5), axis=1)
    assert gain_so_far(xs, -1.0) == gain_of(blocks, -1.0) != gain_of(xs, -1.0)
    assert gain_so_far(xs[:120], -1.0) == gain_of(xs[:120], -1.0) is not None


@given(st.builds(wholes, seeds, st.integers(9, 400)), st.integers(1, 9))
def test_blocks_are_those_of_the_slow_and_obvious_way(xs, size):
    parts = [xs[i : i + size] for i in range(0, len(xs), size)]
    if len(parts[-1]) < size / 2:  # too few to stand for a block
        parts.pop()
    middle = np.median if size >= 5 else np.mean
    levels, within = blocks_of(xs, size)
    np.testing.assert_allclose(levels, [middle(part) for part in parts], rtol=0, atol=1e-12)
    if size > 1:
        whole = [np.std(part) for part in parts if len(part) == size]
        assert within == pytest.approx(np.median(whole), abs=1e-12)


def test_outliers_of_many_samples_do_not_make_the_range():
    xs = np.linspace(0.0, 1.0, 1001)
    xs[[10, 900]] = -50.0, 70.0
    assert range_of(xs, blocks_of(xs, 9)[0]) == pytest.approx(0.99, abs=0.01)
    assert range_of(xs[:299], xs[:299]) == pytest.approx(50.3, abs=0.01)
    assert range_of(xs[:300], xs[:300]) == pytest.approx(0.3, abs=0.01)


def test_spikes_do_not_make_the_range():
    xs = np.linspace(0.0, 1.0, 1000) + noise(0, 1000, 0.01)
    xs[::20] += 30.0
    assert range_of(xs, blocks_of(xs, 9)[0]) == pytest.approx(1.05, abs=0.05)


def test_a_spike_of_the_range_is_told_from_noise():
    xs, levels = np.repeat([0.0, 100.0], 200), noise(1, 60)
    for share, spike in ((0.97, False), (1.03, True)):
        levels[30] = 12.0  # of outliers the noise knows only that they are some
        top = max(np.median(levels[25:30]), np.median(levels[31:36]))
        levels[30] = top + share * 6 * noise_of(levels) / 0.98  # a fiftieth of the range counts too
        steady = np.delete(levels, 30) if spike else levels
        assert range_of(xs, levels) == pytest.approx(np.ptp(steady))


@pytest.mark.parametrize(("least", "spans"), [(-1.9, False), (-2.3, True), (-6.0, True)])
def test_two_decades_are_decades(least, spans):
    levels = 10.0 ** np.repeat([0.0, least], 50)
    assert by_logarithm(levels, AUTO) == spans
    levels[[3, 60]] = 1e9, 1e-9
    assert by_logarithm(levels, AUTO) == spans
    assert not by_logarithm(levels[::-1], AUTO)
    assert not by_logarithm(levels, LINEAR)
    assert by_logarithm(levels, LOG)
    for unit in (2.0**-900, 2.0**900):  # no product of two is lost or infinite
        assert by_logarithm(unit * levels, AUTO) == spans
    levels[70] = 0.0
    assert not by_logarithm(levels, LOG)


@pytest.mark.parametrize(
    ("levels", "counts", "spans"),
    [
        ([100, 1], [50, 50], True),  # two decades exactly
        ([100, 1, 10], [40, 20, 40], True),  # it ends half way
        ([100, 1, 11], [40, 20, 40], False),
        ([100, 1, 100], [10, 60, 30], False),  # it ends where it began
        ([100, 1, 100], [50, 46, 4], True),  # but for an excursion at the end
    ],
)
def test_where_decades_end_tells_whether_they_count(levels, counts, spans):
    assert by_logarithm(np.repeat(levels, counts).astype(float), AUTO) == spans


def test_the_scale_of_the_detector_is_that_of_hindsight():
    xs = 10.0 ** -np.minimum(np.arange(600) / 100, 4.0) * np.exp(noise(0, 600, 0.1))
    starts = [find_plateaus(xs, Detector(scale=scale))[-1].start for scale in SCALES]
    assert starts[0] == starts[2] == pytest.approx(400, abs=20)
    assert starts[1] < 250


def test_spikes_are_replaced_and_descents_and_steps_stay():
    xs = np.r_[np.linspace(10, 0, 30), np.zeros(30), np.full(30, 4.0)]
    np.testing.assert_array_equal(unspiked(xs, 0.5), xs)
    spiked = xs.copy()
    spiked[[20, 45, 75]] += 20.0, -7.0, 30.0
    np.testing.assert_allclose(unspiked(spiked, 0.5), xs, atol=1.0)


# ---- what people mark ----------------------------------------------------------------------------

GRID = 1000
"""Places along a series at which marks and plateaus are compared."""


def marked(annotator, *kinds):
    place = np.linspace(0, 100, GRID)
    inside = np.zeros(GRID, dtype=bool)
    for first, last in (span for kind in kinds for span in annotator[kind]):
        inside |= (place >= first) & (place <= last)
    return inside


def agreement(xs, mode, one, two):
    """Places found and marked flat by both, found, marked."""
    row = np.linspace(0, len(xs) - 1, GRID)
    found = np.zeros(GRID, dtype=bool)
    for plateau in find_plateaus(xs, Detector(mode)):
        if plateau.kind == "flat":
            found |= (row >= plateau.start) & (row < plateau.stop)
    both = marked(one, "flat") & marked(two, "flat")
    return np.sum(found & both), found.sum(), both.sum()


def f1(rows):
    hit, found, wanted = np.sum(rows, axis=0)
    return 2 * hit / (found + wanted)


@pytest.fixture(scope="module")
def marks(shared_data) -> Path:
    folder = shared_data / "marks"
    if not folder.is_dir():
        pytest.skip(f"no marks at {folder}")
    return folder


def test_it_finds_what_two_people_marked_flat(marks):
    stored = np.load(marks / "series.npz")
    series = np.split(stored["values"], stored["offsets"][1:-1])
    labels = json.loads((marks / "marks.json").read_text())
    rows = [
        agreement(xs, label["mode"], *label["marks"])
        for xs, label in zip(series, labels, strict=True)
    ]
    assert f1(rows) >= 0.82
    short = [row for row, xs in zip(rows, series, strict=True) if len(xs) < 120]
    assert len(short) >= 20
    assert f1(short) >= 0.75
