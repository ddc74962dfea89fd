"""What the calibrated detector says of streams of every kind."""

import math

import numpy as np
import pytest
from calibrated import autoregressive, blocks, cells, fed, rng, story, white

from plateau import Detector, Verdict, find_plateaus, trace

WARMING_UP, IMPROVING, UNDECIDED, PLATEAU, WORSENING = Verdict


@pytest.mark.parametrize("horizon", [100, 600, 3000])
def test_noise_becomes_a_plateau_at_the_horizon(horizon):
    for seed in range(8):
        ((declared, verdict, onset),) = story(white(seed), Detector(horizon=horizon))
        assert horizon <= declared - onset + 1 <= 1.6 * horizon
        assert verdict is PLATEAU
        assert onset <= 0.2 * horizon


def test_what_is_known_of_a_plateau():
    xs = 5 + 2 * white(3, 4000)
    detector = fed(xs)
    inside = xs[detector.onset :]
    assert detector.verdict is PLATEAU
    assert detector.level == pytest.approx(xs[-500:].mean(), abs=0.2)
    assert detector.noise == pytest.approx(inside.std(), rel=0.05)
    error = inside.std() * math.sqrt(12 / len(inside) ** 3)
    assert detector.slope_error == pytest.approx(error, rel=0.3)
    assert abs(detector.slope) < 3 * error
    assert 0.95 < detector.confidence <= 1


def test_before_the_first_assessment_little_is_known():
    detector = Detector()
    assert math.isnan(detector.level)
    for i, x in enumerate(white(0, 8), 1):
        assert math.isnan(detector.slope) == math.isnan(detector.confidence)
        assert (detector.verdict is WARMING_UP) == math.isnan(detector.noise) == (i <= 8)
        assert math.isnan(detector.slope_error)
        assert (detector.onset, detector.declared) == (None, None)
        detector.update(x)
    assert detector.verdict is not WARMING_UP
    assert detector.slope_error > 0


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e6])
def test_the_onset_is_where_a_decay_sinks_into_the_noise(scale):
    decay = 100 * np.exp(-np.arange(6000) / 200)
    onsets = []
    for seed in range(6):
        (_, verdict, onset), *_ = story(
            scale * (decay + white(seed, 6000)), Detector("both", min_change=0.0)
        )
        assert verdict is PLATEAU
        onsets.append(onset)
    assert np.median(onsets) == pytest.approx(200 * math.log(100 / 0.5), rel=0.2)


def test_a_change_below_the_share_of_the_range_does_not_count():
    decay = 100 * np.exp(-np.arange(6000) / 200)
    for share in (0.02, 0.05, 0.1):
        for seed in range(4):
            (declared, _, onset), *_ = story(
                decay + 0.1 * white(seed, 6000), Detector(min_change=share)
            )
            assert decay[onset] < 2 * share * 100
            assert decay[onset] - decay[declared] < 2 * share * 100


@pytest.mark.parametrize(
    ("mode", "step", "verdict"),
    [
        ("min", -2, IMPROVING),
        ("min", 2, WORSENING),
        ("max", 2, IMPROVING),
        ("max", -2, WORSENING),
        ("both", 2, IMPROVING),
        ("both", -2, IMPROVING),
    ],
)
def test_a_shift_of_level_ends_a_plateau(mode, step, verdict):
    for seed in range(3):
        xs = white(seed) + step * (np.arange(12_000) >= 6000)
        _, ended, found = story(xs, Detector(mode))
        assert 6000 < ended[0] <= 6000 + 64 * 8
        assert ended[1] is verdict
        assert found[1] is PLATEAU
        assert found[2] == pytest.approx(6000, abs=100)
        assert 600 <= found[0] - 6000 < 1500


def test_a_small_shift_is_seen_later():
    delays = []
    for step in (4, 0.5, 0.3):
        xs = white(5) + step * (np.arange(12_000) >= 6000)
        (_, (ended, verdict, _), *_) = story(xs)
        assert verdict is WORSENING
        delays.append(ended - 6000)
    assert 0 < delays[0] <= delays[1] < delays[2] < 3000


def test_a_drift_ends_a_plateau():
    for seed in range(3):
        xs = white(seed) + 0.01 * np.maximum(np.arange(12_000) - 5000, 0)
        _, (ended, verdict, _) = story(xs)
        assert 5000 < ended < 6000
        assert verdict is WORSENING
        detector = fed(xs)
        assert detector.verdict is WORSENING
        assert detector.slope == pytest.approx(0.01, rel=0.1)
        assert detector.confidence > 0.99


def test_a_diverging_run_worsens():
    t = np.arange(5000)
    for xs in (np.exp(t / 500) + white(0, 5000), (t / 300) ** 2 + white(1, 5000)):
        assert story(xs) == []
        assert fed(xs).verdict is WORSENING
        assert fed(xs, Detector("max")).verdict is IMPROVING


@pytest.mark.parametrize("size", [20.0, -20.0, 1e6])
def test_a_spike_ends_no_plateau(size):
    for seed in range(5):
        xs = white(seed)
        xs[3000 + 17 * seed] += size
        xs[8000] += size
        assert len(story(xs)) == 1


def test_outliers_on_one_side_end_no_plateau():
    for seed in range(5):
        xs = white(seed) + 20 * (rng(seed + 50).random(12_000) < 0.05)
        assert [verdict for _, verdict, _ in story(xs)] == [PLATEAU]


def test_flicker_between_two_levels_is_flat():
    for seed in range(5):
        flicker = 10.0 * (rng(seed).random(12_000) < 0.5) + 0.1 * white(seed + 9)
        assert [verdict for _, verdict, _ in story(flicker)] == [PLATEAU]
        slower = 10.0 * (np.cumsum(rng(seed).random(12_000) < 0.05) % 2) + 0.1 * white(seed + 9)
        assert fed(slower).in_plateau
        assert (trace(slower, Detector()).verdict == PLATEAU).mean() > 0.8


@pytest.mark.parametrize("step", [0.5, 1.0, 4.0])
def test_rounded_values_are_flat(step):
    for seed in range(3):
        xs = step * np.round(white(seed) / step)
        assert [verdict for _, verdict, _ in story(xs)] == [PLATEAU]


def test_a_constant_is_flat_from_its_beginning():
    for value in (0.0, 0.1, -3e7):
        ((declared, _, onset),) = story(np.full(3000, value))
        assert (declared, onset) == (136, 0)
        detector = fed(np.full(3000, value))
        known = detector.level, detector.slope, detector.slope_error, detector.noise
        assert known == (value, 0.0, 0.0, 0.0)
        assert detector.confidence == 1.0


def test_a_constant_behind_a_change_does_not_move():
    for value in np.round(rng(0).normal(size=60) * 10, 2):
        detector = fed(np.r_[0.0, np.full(40, value)])
        detector.changed()
        verdict = detector._record(np.full(300, value)).verdict
        assert set(verdict.tolist()) <= {WARMING_UP, UNDECIDED, PLATEAU}
        assert verdict[-1] == PLATEAU


def test_a_curve_without_noise_may_become_flat():
    for settings in ({"scale": "auto"}, {"scale": "linear"}):
        offset = 3.0 if settings["scale"] == "auto" else 0.0
        xs = offset + np.exp(-np.arange(20_000) / 500)
        ((declared, _, onset),) = story(xs, Detector(**settings))
        assert onset < declared
        assert math.exp(-onset / 500) < 0.1
        assert math.exp(-declared / 500) > 1e-3


T = np.arange(100_000.0)


@pytest.mark.parametrize(
    "xs",
    [-0.001 * T, -T, 5 - 1e-9 * T, (1 + T) ** -0.1, (1 + T) ** -0.5, -np.log(1 + T), -(T**0.5)],
    ids=["slow line", "line", "slower line", "power 0.1", "power 0.5", "logarithm", "root"],
)
def test_what_never_stops_is_never_flat(xs):
    assert story(xs) == []
    detector = fed(xs)
    assert detector.verdict is IMPROVING
    assert detector.confidence == 1.0
    assert fed(-xs).verdict is WORSENING


@pytest.mark.parametrize("efold", [20, 50, 100, 200, 400])
@pytest.mark.parametrize("before", [0, 2000])
def test_a_stream_that_runs_off_worsens_to_the_end(efold, before):
    growth = 2 * np.exp(np.arange(40 * efold) / efold)
    calm = 2 + 0.01 * rng(efold).normal(size=before)
    found = trace(np.r_[calm, growth], Detector())
    late = before + np.arange(5 * efold, 40 * efold)
    assert (found.verdict[late] == WORSENING).all()


def test_passing_the_old_level_is_no_return():
    fall = 0.2 + 2.8 * np.exp(-np.arange(8000) / 300)
    xs = np.r_[np.ones(2000), fall] + 0.05 * rng(0).normal(size=10_000)
    verdict = trace(xs, Detector()).verdict
    assert not (verdict[2100:2900] == PLATEAU).any()  # 0.4 and more to fall
    assert verdict[-1] == PLATEAU
    ramp = np.r_[np.ones(2000), 3 - 1e-3 * np.arange(4000)]
    assert not (trace(ramp, Detector()).verdict[2100:] == PLATEAU).any()


@pytest.mark.parametrize("time", [100, 300])
def test_a_drop_behind_a_descent_is_seen_at_once(time):
    t = np.arange(10_000)
    xs = 2 + 5 * np.exp(-t / time) + 0.02 * rng(0).normal(size=len(t))
    xs[6000:] -= 0.5
    (_, begun, _), (left, verdict, _), *_ = story(xs)
    assert (begun, verdict) == (PLATEAU, IMPROVING)
    assert 6000 < left < 6300


def test_a_drift_behind_a_descent_is_seen():
    t = np.arange(12_000)
    drift = 1e-4 * np.maximum(t - 3000, 0)
    xs = 1 - np.exp(-t / 300) - drift + 0.01 * rng(0).normal(size=len(t))
    _, (left, verdict, _), *_ = story(xs, Detector("max"))
    assert verdict == WORSENING
    assert 3000 < left < 5000


@pytest.mark.parametrize("size", [1.0, 1000.0])
def test_after_a_million_samples_a_shift_is_seen_as_soon(size):
    n = 1_000_000
    for seed in (1, 2):
        xs = rng(seed).normal(size=n + 6000)
        xs[n:] += size
        (left, verdict, _), (again, plateau, onset), *_ = [one for one in story(xs) if one[0] >= n]
        assert (verdict, plateau) == (WORSENING, PLATEAU)
        assert left < n + 1200
        assert again < n + 5000  # 15 blocks of 128 samples are needed
        assert onset >= n


def test_a_slow_drift_of_a_long_plateau_is_seen():
    n = 400_000
    xs = rng(3).normal(size=n) + 1e-5 * np.arange(n)
    assert sum(verdict != PLATEAU for _, verdict, _ in story(xs)) >= 2  # four σ in all


def test_a_descent_that_goes_on_is_not_flat_after_its_steep_part():
    t = np.arange(4000)
    xs = 1 + 7 * np.exp(-t / 50) + 2 * np.exp(-t / 5000) + 0.01 * rng(0).normal(size=len(t))
    assert not (trace(xs, Detector()).verdict[:300] == PLATEAU).any()


def test_a_restart_is_seen():
    decay = 10 * np.exp(-np.arange(6000) / 200)
    for seed in range(3):
        xs = np.tile(decay, 2) + white(seed)
        found = story(xs)
        assert found[0][1] is PLATEAU
        for (left, _, _), (again, _, _) in zip(
            found[1::2], found[2::2], strict=False
        ):  # a later onset, known at once
            assert again - left <= 16 or left > 6000
        ended = next(verdict for at, verdict, _ in found if 6000 < at < 6300)
        assert ended is WORSENING
        assert fed(xs).in_plateau


def test_back_from_an_interruption_it_is_the_same_plateau():
    for seed in (1, 3, 6, 7):
        xs = white(seed)
        xs[6000:6300] += 8
        begun, ended, back = story(xs)
        assert 6000 < ended[0] < 6300
        assert (begun[1], ended[1], back[1]) == (PLATEAU, WORSENING, PLATEAU)
        assert back[2] == begun[2]
        assert 6300 < back[0] < 7000
        ((start, stop, declared, *_),) = find_plateaus(xs)
        assert (start <= begun[2], stop, declared) == (True, 12_000, begun[0])


@pytest.mark.parametrize("length", [20, 40, 60])
def test_a_brief_outage_does_not_move_the_onset(length):
    for seed in range(10):
        xs = white(seed, 8000)
        begin = 2000 + 37 * seed
        xs[begin : begin + length] += 10
        said = trace(xs, Detector())
        assert not (said.verdict[begin:] == UNDECIDED)[length + 600 :].any()
        assert len(find_plateaus(xs)) == 1


def test_half_way_back_is_not_back():
    for seed in range(4):
        xs = white(seed)
        xs[6000:6300] += 8
        xs[6300:] += 5
        found = story(xs)
        assert found[2][2] > 6000
        assert len(find_plateaus(xs)) == 2


def test_told_of_a_change_the_next_plateau_begins_behind_it():
    for seed in range(4):
        detector = Detector()
        first, ended, second = story(white(seed), detector, changed=[6000])
        assert ended == (6000, WARMING_UP, -1)
        assert first[1] is second[1] is PLATEAU
        assert 6000 <= second[2] < 6200
        assert 600 <= second[0] - second[2] < 1000
        assert detector.onset == second[2]


def test_a_change_keeps_what_is_known_of_noise_and_range():
    xs = white(0, 1000) + np.linspace(60, 50, 1000)
    detector = fed(xs)
    before, last = cells(detector), blocks(detector)[0]
    other = detector.clone()
    other.changed()
    assert cells(other).known_level == pytest.approx(last[-(len(last) // 4) :].mean())
    detector.changed(keep_range=True)
    after = cells(detector)
    assert detector.verdict is WARMING_UP
    assert math.isnan(detector.confidence)
    assert (after.variance, after.variance2) == (before.variance, before.variance2)
    assert (after.first, after.blocks, after.more, after.filled) == (1000, 0, 0, 0)
    assert after.known == 1
    begin = np.sort(last)[-1 - int(0.05 * before.blocks)]
    assert after.known_level == pytest.approx(begin)  # the far end of the range
    detector.changed(keep_range=True)  # nothing new is known: nothing changes
    assert cells(detector) == after
    # Beside the fall from that level this is nothing; without it, it would count.
    slow = 0.3 * np.exp(-np.arange(400) / 300) + 0.1 * white(1, 400)
    detector.update_many(slow)
    assert detector.in_plateau
    assert not fed(slow).in_plateau


def test_it_fires_at_each_doubling():
    detector = Detector()
    fired = detector.update_many(white(2, 100_000))
    assert fired[0] == detector.declared
    lengths = fired + 1 - detector.onset
    ratios = lengths[1:] / lengths[:-1]
    assert len(fired) >= 7
    assert ((ratios >= 2) & (ratios < 2.3)).all()
    assert detector.fires == len(fired)


def test_progress_between_fires_is_noticed():
    stairs = np.repeat([0.0, -5.0, -4.0], 4000) + white(4)
    detector = Detector()
    fires = [(detector.count, detector.fires) for x in stairs if detector.update(x)]
    assert [count for at, count in fires if at <= 4000] == [1, 2, 3]
    down = [count for at, count in fires if 4000 < at <= 8000]
    up = [count for at, count in fires if at > 8000]
    assert down == list(range(1, len(down) + 1))
    assert up == list(range(len(down) + 1, len(down) + len(up) + 1))  # worse: no progress


def test_a_change_at_a_fire_keeps_the_count():
    at, later = Detector(), Detector()
    for detector, wait in ((at, 0), (later, 1)):
        xs = iter(white(6, 20_000))
        while not detector.update(next(xs)):
            pass
        for _ in range(wait):
            detector.update(next(xs))
        detector.changed()
        detector.changed()
        assert detector.fires == (wait == 0)
        while not detector.update(next(xs)):
            pass
        assert detector.fires == 1 + (wait == 0)


def test_what_is_not_finite_is_skipped():
    xs = np.where(rng(3).random(3000) < 0.2, np.nan, white(3, 3000))
    ((_, _, onset),) = story(xs)
    assert onset == trace(xs[np.isfinite(xs)], Detector()).onset[-1]
    assert fed(xs).skipped == np.isnan(xs).sum()


def test_random_walks_are_seldom_flat():
    flat = [
        trace(rng(seed).normal(size=20_000).cumsum(), Detector()).verdict == PLATEAU
        for seed in range(30)
    ]
    assert np.mean(flat) <= 0.05


def slow_variance(seed, n):
    return white(seed, n) * np.exp(0.7 * np.sin(np.arange(n) / 1500))


FLAT = {
    "white": (white, 0.8, 1.25),
    "AR(1) 0.5": (lambda seed, n: autoregressive(seed, n, 0.5), 0.8, 1.25),
    "AR(1) 0.9": (lambda seed, n: autoregressive(seed, n, 0.9), 0.5, 2.0),
    "Student t3": (lambda seed, n: rng(seed).standard_t(3, size=n), 0.8, 1.25),
    "slow variance": (slow_variance, 0.5, 2.0),
    "rounded": (lambda seed, n: np.round(white(seed, n)), 0.8, 1.25),
}


@pytest.mark.parametrize("kind", FLAT)
def test_run_length(kind):
    make, low, high = FLAT[kind]
    ends, inside = 0, 0
    for seed in range(40):
        flat = trace(make(seed, 20_000), Detector("both", run_length=1000)).verdict == PLATEAU
        ends += np.count_nonzero(flat[:-1] & ~flat[1:])
        inside += flat.sum()
    assert ends > 300
    spread = 1.5 / math.sqrt(ends)
    assert low + spread / 2 < inside / ends / 1000 < high - spread / 2


# ---- evidence instead of a number of samples -----------------------------------------------------


def test_where_there_is_only_noise_it_takes_hundreds():
    for mode in ("min", "max", "both"):
        for seed in range(6):
            (first, _, onset), *_ = story(white(seed, 2000), Detector(mode))
            assert 624 <= first <= 2 * 625  # 625, seen where it is next assessed, or later
            assert first - onset >= 500


def validation(noise, seed, epochs=60):
    """A validation loss that falls up to epoch 20."""
    t = np.minimum(np.arange(epochs), 20)
    return 0.5 + 2 * np.exp(-t / 6) + noise * rng(seed).normal(size=epochs)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_run_of_sixty_epochs_that_is_flat_from_the_twentieth(mode):
    sign = 1 if mode == "min" else -1
    for noise in (0.0, 0.003, 0.01):
        for seed in range(8):
            (first, _, onset), *rest = story(sign * validation(noise, seed), Detector(mode))
            assert 28 <= first <= 43
            assert onset == pytest.approx(20, abs=6)
            assert not rest
    # In ten times as much noise it takes longer; without a direction it is never at rest.
    assert not story(validation(0.3, 0))
    assert not story(validation(0.003, 0), Detector("both"))


def test_what_overfits_is_not_left_undecided():
    t = np.arange(100)
    for seed in range(8):
        loss = 0.5 + 2 * np.exp(-t / 8) + 0.01 * np.maximum(t - 25, 0)
        loss += 0.01 * rng(seed).normal(size=100)
        verdict = trace(loss, Detector()).verdict
        ends = np.flatnonzero((verdict == PLATEAU) | (verdict == WORSENING))[0]
        assert 30 < ends < 60
        assert verdict[-1] == WORSENING
        assert trace(-loss, Detector("max")).verdict.tolist() == verdict.tolist()


@pytest.mark.parametrize("spread", [0.02, 0.05])
def test_a_power_law_goes_on_where_a_decay_is_over(spread):
    t = np.arange(20_000)
    flat = []
    for seed in range(4):
        noise = spread * rng(seed).normal(size=len(t))
        assert not (trace(3 * (1 + t) ** -0.3 + noise, Detector()).kind == 0).any()
        decay = trace(3 * np.exp(-t / 300) + noise, Detector())
        assert (decay.verdict[5000:] == PLATEAU).all()
        flat.append(decay.kind[5000:] == 0)
    assert np.mean(flat) > 0.8


def test_a_slow_plateau_fires_again_when_it_becomes_flat():
    decay = 100 * np.exp(-np.arange(20_000) / 200)
    for seed in range(4):
        found = trace(decay + white(seed, 20_000), Detector())
        kind = found.kind
        assert set(kind[found.verdict == PLATEAU].tolist()) == {0, 1}
        assert (kind[found.verdict != PLATEAU] == -1).all()
        (first, *_) = np.flatnonzero(kind >= 0)
        assert kind[first] == 1
        assert decay[first] > 0.5
        became = 1 + np.flatnonzero((kind[:-1] == 1) & (kind[1:] == 0))
        assert found.fired[became].all()
        back = 1 + np.flatnonzero((kind[:-1] == 0) & (kind[1:] == 1))
        lengths = found.fired[back] * (back + 1 - found.onset[back])  # else at a doubling only
        assert (lengths[lengths > 0] >= 2 * (first + 1 - found.onset[first])).all()
        assert decay[became[0]] < 0.5
        assert became[0] < 5000
        assert kind[-1] == 0


def test_kind_of_a_detector():
    detector = Detector()
    assert detector.kind is None
    xs = 100 * np.exp(-np.arange(6000) / 200) + white(0, 6000)
    told = trace(xs, detector).kind
    for at in np.flatnonzero(np.diff(told, prepend=-1)).tolist():
        detector.update_many(xs[detector.count : at + 1])
        assert detector.kind == [None, "flat", "slow"][told[at] + 1]


@pytest.mark.parametrize("efold", [10, 20, 50])
def test_what_runs_off_from_a_plateau_is_never_left_open(efold):
    growth = 2 * np.exp(np.arange(30 * efold) / efold)
    for seed in range(4):
        calm = 2 + 0.01 * rng(seed).normal(size=2000)
        verdict = trace(np.r_[calm, growth], Detector()).verdict
        assert (verdict[2060:] == WORSENING).all()
