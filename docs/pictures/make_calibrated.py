"""Draw the pictures of the page on the calibrated detector, and print its figures.

    python docs/pictures/make_calibrated.py            # the pictures
    python docs/pictures/make_calibrated.py --figures  # the tables, in some minutes

Every stream is made here, from a fixed seed. The same versions of numpy and matplotlib give the
same files.
"""

import argparse
import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from style import BLUE, DARK, GREEN, HERE, RED, SLOW, STREAM, VERDICTS

from plateau import Detector, Verdict, find_plateaus, trace
from plateau import _pyramid as c

# ---- streams -------------------------------------------------------------------------------------


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def decay(n=4000, seed=1):
    return 10 * np.exp(-np.arange(n) / 300) + noise(n, seed)


def shift(n=6000):
    xs = noise(n)
    xs[n // 2 :] += 1
    return xs


def interruption(n=6000):
    xs = noise(n)
    xs[3000:3300] += 4
    return xs


def staircase():
    return np.repeat([3.0, 2.0, 1.5, 1.2], 1500) + 0.1 * noise(6000)


def short_stairs():
    return np.repeat(10 * 0.6 ** np.arange(10), 400) + 0.05 * noise(4000)


def late_stairs():
    fall = 10 * np.exp(-np.arange(3000) / 400)
    return np.concatenate([fall, np.repeat([0, -0.15, -0.3], 2000)]) + 0.02 * noise(9000)


def short_stay(n=6000):
    xs = noise(n, seed=1)
    xs[3000:3620] += 5
    return xs


def power_law(n=10_000):
    return 10 / np.sqrt(1 + np.arange(n) / 50) + noise(n)


def random_walk(n=10_000, seed=7):
    return np.cumsum(noise(n, seed))


def flicker(n=8000):
    return np.arange(n) // 500 % 2 + 0.05 * noise(n)


def long_memory(n=10_000, seed=4):
    """Noise whose spectrum is 1/f."""
    spectrum = np.fft.rfft(noise(1 << 14, seed))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    xs = np.fft.irfft(spectrum)[:n]
    return xs / xs.std()


def slow_fall(n=4000, seed=2):
    return 3 * np.exp(-np.arange(n) / 300) + noise(n, seed)


def huge_spike(n=8000):
    xs = slow_fall(n)
    xs[400] += 1000
    return xs


def autoregressive(shocks, phi):
    xs, x = [], shocks[0]
    for shock in (math.sqrt(1 - phi * phi) * shocks).tolist():
        x = phi * x + shock
        xs.append(x)
    return np.array(xs)


def swinging(shocks):
    """Noise whose standard deviation swings between 1/2 and 2 every 5,000 samples."""
    return shocks * 2 ** np.sin(2 * np.pi * np.arange(len(shocks)) / 5000)


FLAT = {
    "white": lambda rng, n: rng.normal(size=n),
    "AR(1), φ = 0.5": lambda rng, n: autoregressive(rng.normal(size=n), 0.5),
    "AR(1), φ = 0.9": lambda rng, n: autoregressive(rng.normal(size=n), 0.9),
    "Student t, 3 degrees of freedom": lambda rng, n: rng.standard_t(3, size=n),
    "5 % of spikes of 20 σ": lambda rng, n: rng.normal(size=n) + 20 * (rng.random(n) < 0.05),
    "mean of the last 10 of white": lambda rng, n: np.convolve(
        rng.normal(size=n + 9), np.ones(10) / 10, "valid"
    ),
    "σ swings from ½ to 2": lambda rng, n: swinging(rng.normal(size=n)),
}
"""Flat streams: functions of a random generator and a length."""


# ---- figures -------------------------------------------------------------------------------------


def figures() -> None:
    run_lengths()
    ends()
    walks()
    spikes()
    settings()


def run_lengths() -> None:
    print("\nAchieved over nominal run length (false ends)")
    print("| Stream | 10⁴ | 10⁵ |\n|---|--:|--:|")
    for name, make in FLAT.items():
        row = []
        for nominal, n, count in ((1e4, 200_000, 20), (1e5, 1_000_000, 10)):
            flat, ends = 0, 0
            for seed in range(count):
                xs = make(np.random.default_rng(seed), n)
                inside = trace(xs, Detector("both", run_length=nominal)).verdict == Verdict.PLATEAU
                flat += np.count_nonzero(inside)
                ends += np.count_nonzero(inside[:-1] & ~inside[1:])
            row.append(f"{flat / ends / nominal:.2f} ({ends})")
        print(f"| {name} | {' | '.join(row)} |")


def ends(n=20_000, count=500) -> None:
    """How plateaus of flat streams end under the default settings."""
    print(f"\nFalse ends in {count} streams of {n:,} samples, default settings")
    print("| Stream | said to move | reconsidered |\n|---|--:|--:|")
    streams = {name: FLAT[name] for name in list(FLAT)[:4]}
    streams["AR(1), φ = 0.99"] = lambda rng, n: autoregressive(rng.normal(size=n), 0.99)
    for name, make in streams.items():
        moved = undecided = 0
        for seed in range(count):
            verdict = trace(make(np.random.default_rng(seed), n), Detector("both")).verdict
            after = verdict[1:][
                (verdict[:-1] == Verdict.PLATEAU) & (verdict[1:] != Verdict.PLATEAU)
            ]
            moved += np.count_nonzero(after != Verdict.UNDECIDED)
            undecided += np.count_nonzero(after == Verdict.UNDECIDED)
        print(f"| {name} | {moved} | {undecided} |")


def flat_share(streams, **settings):
    """Share of the time that streams are called flat, and of the streams that ever are."""
    time, ever = [], []
    for xs in streams:
        inside = trace(xs, Detector("both", **settings)).verdict == Verdict.PLATEAU
        time.append(inside.mean())
        ever.append(inside.any())
    return f"{np.mean(time):.1%} of the time, {np.mean(ever):.0%} at some time"


def walks() -> None:
    streams = [random_walk(seed=seed) for seed in range(200)]
    print("\n200 random walks of 10,000 samples are called flat", flat_share(streams))
    streams = [long_memory(seed=seed) for seed in range(200)]
    print("200 streams of 1/f noise, 10,000 samples, are called flat", flat_share(streams))


def spikes() -> None:
    print("\nFirst declaration of 3 exp(-t/300) in white noise, median of 100")
    print("| Spike | at t = 2 | at t = 400 |\n|---|--:|--:|")
    for size in (0, 20, 100, 300, 1000):
        row = []
        for at in (2, 400):
            found = []
            for seed in range(100):
                xs = slow_fall(seed=seed)
                xs[at] += size
                fired = np.flatnonzero(trace(xs, Detector()).fired)
                found.append(fired[0] if len(fired) else np.inf)
            row.append(f"{np.median(found):,.0f}")
        print(f"| {size:,} σ | {' | '.join(row)} |")


def settings() -> None:
    print("\n| Setting | declared | walks called flat |\n|---|--:|--:|")
    falls = [decay(seed=seed) for seed in range(50)]
    streams = [random_walk(seed=seed) for seed in range(100)]
    for each in ({}, {"horizon": 300}, {"horizon": 2000}, {"min_change": 0}, {"min_change": 0.1}):
        first = [np.flatnonzero(trace(xs, Detector(**each)).fired)[0] for xs in falls]
        share = flat_share(streams, **each).split(" of")[0]
        name = ", ".join(f"{key}={value}" for key, value in each.items()) or "defaults"
        print(f"| `{name}` | {np.median(first):,.0f} | {share} |")


# ---- pictures ------------------------------------------------------------------------------------


def main() -> None:
    for name, draw in (
        ("works", works),
        ("fails", fails),
        ("onset", onset),
        ("cusum", cusum),
    ):
        path = HERE / f"calibrated-{name}.svg"
        draw().savefig(path, metadata={"Date": None, "Creator": None})
        print(path.name, path.stat().st_size)


def works() -> Figure:
    """Four streams that it reads well."""
    return gallery(
        [
            ("A decay into noise", decay(), {}),
            ("A shift by one standard deviation of the noise", shift(), {}),
            ("An interruption, and the return", interruption(), {}),
            ("A staircase", staircase(), {}),
        ]
    )


def fails() -> Figure:
    """Eight streams that it misreads."""
    return gallery(
        [
            ("1  Stairs of 400 samples", short_stairs(), {}),
            ("2  Small stairs late, beside a large range", late_stairs(), {"ylim": (-0.6, 1.5)}),
            ("3  A stay of 620 samples on another level", short_stay(), {}),
            ("4  A slow power law in noise", power_law(), {"curve": power_law() - noise(10_000)}),
            ("5  A random walk", random_walk(), {}),
            ("6  Noise with a spectrum of 1/f", long_memory(), {}),
            ("7  Slow flicker between two levels", flicker(), {}),
            ("8  A spike of 1,000 σ within a descent", huge_spike(), {"ylim": (-4, 7)}),
        ]
    )


def gallery(streams) -> Figure:
    rows = len(streams) // 2
    figure = Figure(figsize=(9, 2.35 * rows + 0.5), layout="constrained")
    for axes, (title, xs, extra) in zip(figure.subplots(rows, 2).flat, streams, strict=True):
        panel(axes, title, xs, **extra)
    handles = [Patch(color=color, label=words(code)) for code, color in VERDICTS.items()]
    handles += [
        Line2D([], [], color=DARK, linewidth=1.6, label="plateau found"),
        Line2D([], [], color=DARK, marker="D", markersize=4.5, linewidth=0, label="declared"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1.4)
    return figure


def panel(axes, title, xs, curve=None, ylim=None) -> None:
    """One stream, its plateaus, and along the bottom what the detector said at the time."""
    axes.plot(*thinned(xs), color=STREAM, linewidth=0.5)
    if curve is not None:
        axes.plot(np.arange(len(curve))[::20], curve[::20], color=RED, linewidth=1, linestyle="--")
    low, high = ylim or (xs.min(), xs.max())
    room = 0.14 * (high - low)
    axes.set(title=title, ylim=(low - room, high + 0.05 * (high - low)), xlim=(0, len(xs)))
    found = trace(xs, Detector())
    for code, color in VERDICTS.items():
        for first, last in stretches(found.verdict == code):
            axes.axvspan(first, last, 0, 0.06, color=color, linewidth=0)
    for plateau in find_plateaus(xs):
        color = GREEN if plateau.kind == "flat" else SLOW
        axes.axvspan(plateau.start, plateau.stop, 0.06, color=color, alpha=0.15, linewidth=0)
        axes.plot([plateau.start, plateau.stop], [plateau.level] * 2, color=DARK, linewidth=1.6)
        if plateau.declared is not None:
            axes.plot(plateau.declared, plateau.level, "D", color=DARK, markersize=4)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter("{x:,.0f}")


def thinned(xs, pieces=400):
    """Least and largest value of each of so many pieces, where there are more samples."""
    size = max(len(xs) // pieces, 1)
    rows = xs[: len(xs) // size * size].reshape(-1, size)
    at = np.arange(len(rows)) * size
    ends = np.sort([rows.argmin(axis=1), rows.argmax(axis=1)], axis=0).T
    return (at[:, None] + ends).ravel(), np.take_along_axis(rows, ends, axis=1).ravel()


def stretches(mask) -> list[tuple[int, int]]:
    """First and last + 1 of each stretch of True."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def words(code) -> str:
    return Verdict(code).name.lower().replace("_", " ")


def inefficiency(xs) -> float:
    """Statistical inefficiency by its definition, with the initial positive sequence."""
    n, y, g = len(xs), xs - xs.mean(), 1.0
    for lag in range(1, n - 1):
        rho = (y[: n - lag] @ y[lag:]) / (n - lag) / y.var()
        if rho <= 0:
            break
        g += 2 * rho * (1 - lag / n)
    return g


def onset() -> Figure:
    """How many uncorrelated samples are left behind each start, and the onset that is chosen."""
    xs = decay(seed=29)
    detector = Detector()
    while not detector.update(xs[detector.count]):
        pass
    n = detector.count
    size, full = (int(detector.state_dict()["state"][key]) for key in ("more", "full"))
    size += 1
    means = xs[: full * size].reshape(full, size).mean(axis=1)
    starts = full - max(8, full // 20)
    left = np.array([(full - i) / inefficiency(means[i:]) for i in range(starts)])
    best = int(left.argmax())
    enough = left[best] * math.exp(-math.sqrt(6 / left[best]))

    figure = Figure(figsize=(8, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    top.plot(*thinned(xs[:n]), color=STREAM, linewidth=0.5, label="samples")
    top.plot((np.arange(full) + 0.5) * size, means, color=DARK, linewidth=1.1, label="block means")
    level = means[best:].mean()
    top.axhline(level, color=BLUE, linewidth=1, linestyle="--", label="level")
    top.axvline(detector.onset, color=GREEN, linewidth=1.6)
    top.text(detector.onset - 12, 11, "onset", color=GREEN, ha="right")
    top.legend(loc="upper right")
    top.set(
        title=f"The stream when it is declared flat, after {n:,} samples: {full} blocks of {size}"
    )
    bottom.plot(np.arange(starts) * size, left, color=DARK, linewidth=1.2)
    bottom.axhspan(enough, left[best], color=BLUE, alpha=0.2, linewidth=0)
    bottom.text(10, (enough * left[best]) ** 0.5, "within one standard error", va="center")
    bottom.plot(best * size, left[best], "o", color=RED, markersize=5)
    bottom.text(best * size, left[best] + 4, "largest", color=RED, ha="center", va="bottom")
    bottom.axvline(detector.onset, color=GREEN, linewidth=1.6)
    bottom.set(title="Uncorrelated blocks behind each start, N_eff", xlabel="start, sample")
    bottom.set(ylim=(0, 1.25 * left[best]), xlim=(0, n))
    bottom.xaxis.set_major_formatter("{x:,.0f}")
    return figure


def cusum() -> Figure:
    """Ranks and CUSUMs of the blocks of a plateau whose level shifts."""
    xs, detector = shift(), Detector()
    times, rise, fall, limits = [], [], [], []
    for t, x in enumerate(xs):
        before = detector.in_plateau
        detector.update(x)
        state = detector.state_dict()["state"]
        if before and not state["filled"]:
            times.append(t)
            rise.append(state["rise"])
            fall.append(state["fall"])
            size = state["more"] + 1
            limits.append((math.log(detector.run_length / size) - c.OFFSET) / c.RATE)
            if not detector.in_plateau:
                break
    ended = times[-1]

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    shown = slice(0, 3400)
    top.plot(*thinned(xs[shown]), color=STREAM, linewidth=0.5)
    top.set(title="The stream: its level rises by one standard deviation of the noise at 3,000")
    bottom.plot(times, rise, color=RED, linewidth=1.2, label="upwards")
    bottom.plot(times, fall, color=BLUE, linewidth=1.2, label="downwards")
    bottom.plot(times, limits, color=DARK, linewidth=1, linestyle="--", label="threshold h")
    for axes in (top, bottom):
        axes.axvline(ended, color=GREEN, linewidth=1.4)
    bottom.text(ended - 25, 5.6, f"ended at {ended:,}", color=GREEN, ha="right")
    bottom.legend(loc="upper left", ncols=3)
    bottom.set(title="The CUSUMs of the ranks of its blocks", xlabel="sample", ylim=(0, 6.5))
    bottom.set_xlim(0, 3400)
    bottom.xaxis.set_major_formatter("{x:,.0f}")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", action="store_true", help="print the tables")
    figures() if parser.parse_args().figures else main()
