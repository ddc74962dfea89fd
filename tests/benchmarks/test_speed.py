"""What a sample costs, with peers in the same run.

    pip install -e '.[bench]' -c constraints.txt
    pytest tests/benchmarks

Each group does the same amount of work: pytest-benchmark gives the time of all of it and, in
brackets, the ratio to the fastest of the group. Divide by the samples that the group's name states.
"""

import subprocess
import sys
from itertools import cycle
from time import perf_counter

import numpy as np
import pytest

from plateau import Detector, DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector

river_drift = pytest.importorskip("river.drift")
signal = pytest.importorskip("scipy.signal")
pl = pytest.importorskip("polars")
torch = pytest.importorskip("torch")

ONES, STREAMS, BATCH, STREAM = 10_000, 4_096, 1_000_000, 200_000
RNG = np.random.default_rng(0)


def ema_rule():
    return ThresholdDetector(EmaHaar(1e-3, 1e-3), 5e-5, 10_000)


def haar_rule():
    return ThresholdDetector(Haar(4000, 4000), 6e-5, 8000)


def reduce_on_plateau():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer).step


def measure(benchmark, group, call, rounds=25):
    benchmark.group = group
    benchmark.pedantic(call, rounds=rounds, warmup_rounds=2)


UPDATES = {
    "a function that does nothing": lambda: lambda x: None,
    "plateau calibrated detector": lambda: Detector().update,
    "plateau threshold rule, EmaHaar": lambda: ema_rule().update,
    "plateau threshold rule, Haar(4000, 4000)": lambda: haar_rule().update,
    "river ADWIN": lambda: river_drift.ADWIN().update,
    "river PageHinkley": lambda: river_drift.PageHinkley().update,
    "torch ReduceLROnPlateau": reduce_on_plateau,
}


@pytest.mark.parametrize("name", UPDATES)
def test_one_update(benchmark, name):
    xs = RNG.normal(size=ONES).tolist()

    def call(update):
        for x in xs:
            update(x)

    def fresh():  # the first samples of a stream may cost more than later ones
        return (UPDATES[name](),), {}

    benchmark.group = f"the first {ONES:,} updates from Python, one by one"
    call(*fresh()[0])
    benchmark.pedantic(call, setup=fresh, rounds=25)


def test_worst_update(benchmark):
    """The update of the first 10,000 that takes longest: one that looks at all blocks."""
    xs = RNG.normal(size=ONES).cumsum()  # correlated over many lags, all of which are summed
    fullest = np.argmax(worst_updates(xs))
    before = Detector()
    before.update_many(xs[:fullest])
    benchmark.group = "worst single update of the calibrated detector"
    benchmark.pedantic(
        lambda one: one.update(xs[fullest]),
        setup=lambda: ((before.clone(),), {}),
        rounds=200,
    )


def worst_updates(xs, repeats=5):
    """Least time of some that each update took."""
    least = np.full(len(xs), np.inf)
    for _ in range(repeats):
        update = Detector().update
        for i, x in enumerate(xs):
            begin = perf_counter()
            update(x)
            least[i] = min(least[i], perf_counter() - begin)
    return least


def rows_like(xs):
    """Ever new rows, as the calibrated detector costs more where something happens."""
    return cycle(RNG.normal(size=(64, len(xs))))


BANKS = {
    "numpy.copyto": lambda xs: lambda out=np.empty_like(xs): np.copyto(out, xs),
    "numpy, one EMA of all streams": lambda xs: (
        lambda level=xs.copy(): np.add(level, 1e-3 * (xs - level), out=level)
    ),
    "plateau bank, calibrated": lambda xs: (
        lambda bank=DetectorBank(Detector(), STREAMS), rows=rows_like(xs): bank.update(next(rows))
    ),
    "plateau bank, EmaHaar": lambda xs: (
        lambda bank=DetectorBank(ema_rule(), STREAMS): bank.update(xs)
    ),
    "plateau bank, Haar(10)": lambda xs: (
        lambda bank=DetectorBank(ThresholdDetector(Haar(10), 6e-5, 8000), STREAMS): bank.update(xs)
    ),
}


@pytest.mark.parametrize("name", BANKS)
def test_bank(benchmark, name):
    call = BANKS[name](RNG.normal(size=STREAMS))
    measure(benchmark, f"a bank of {STREAMS:,} streams, one sample each", call, rounds=2000)


def ema_lfilter(xs):
    return lambda: signal.lfilter([1e-6, -1e-6], np.convolve([1, -0.999], [1, -0.999]), xs)


def ema_polars(xs):
    series = pl.Series(xs)
    return lambda: series.ewm_mean(alpha=1e-3, adjust=False)


BATCHES = {
    "numpy.copyto": lambda xs: lambda out=np.empty_like(xs): np.copyto(out, xs),
    "plateau threshold rule, EmaHaar": lambda xs: lambda d=ema_rule(): d.update_many(xs),
    "plateau threshold rule, Haar(4000, 4000)": lambda xs: lambda d=haar_rule(): d.update_many(xs),
    "plateau calibrated detector": lambda xs: lambda: Detector().update_many(xs),
    "plateau response, Ema": lambda xs: lambda f=Ema(1e-3): f.update_many(xs),
    "plateau response, EmaHaar": lambda xs: lambda f=EmaHaar(1e-3, 1e-3): f.update_many(xs),
    "plateau response, Haar(4000, 4000)": lambda xs: lambda f=Haar(4000, 4000): f.update_many(xs),
    "scipy lfilter, the same as EmaHaar": ema_lfilter,
    "polars ewm_mean, one EMA": ema_polars,
}


@pytest.mark.parametrize("name", BATCHES)
def test_batch(benchmark, name):
    call = BATCHES[name](RNG.normal(size=BATCH))
    measure(benchmark, f"one stream of {BATCH:,} samples", call)


STREAM_PEERS = {
    "plateau calibrated detector": lambda: Detector().update_many,
    "plateau threshold rule, EmaHaar": lambda: ema_rule().update_many,
    "plateau threshold rule, Haar(4000, 4000)": lambda: haar_rule().update_many,
    "river ADWIN": lambda: river_drift.ADWIN().update,
    "river PageHinkley": lambda: river_drift.PageHinkley().update,
    "torch ReduceLROnPlateau": reduce_on_plateau,
}


@pytest.mark.parametrize("name", STREAM_PEERS)
def test_stream_from_its_start(benchmark, name):
    xs = RNG.normal(size=STREAM)
    take = STREAM_PEERS[name]
    if "plateau" in name.split():

        def call():
            take()(xs)

    else:
        values = xs.tolist()

        def call():
            one = take()
            for x in values:
                one(x)

    benchmark.group = f"the first {STREAM:,} samples of a stream"
    benchmark.pedantic(call, rounds=5, warmup_rounds=1)


FIRST_USE = "from plateau import *; ThresholdDetector(Haar(4), 0.1, 3).update(1.0)"
STARTS = {
    "import numba": "import numba",
    "import plateau": "from plateau import *",
    "first update, kernels in the cache": FIRST_USE,
    "first update, nothing in the cache": FIRST_USE,
}


@pytest.mark.parametrize("name", STARTS)
def test_start(benchmark, name, tmp_path, monkeypatch):
    folders = iter(range(1000))

    def fresh_cache():
        folder = next(folders) if "nothing" in name else 0
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / str(folder)))

    def call():
        subprocess.run([sys.executable, "-c", STARTS[name]], check=True)

    benchmark.group = "a new process"
    fresh_cache()
    call()
    benchmark.pedantic(call, setup=fresh_cache, rounds=5)
