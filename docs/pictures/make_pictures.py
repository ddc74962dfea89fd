"""Draw the pictures of the documentation, from plateau itself.

    python docs/pictures/make_pictures.py

The same versions of numpy and matplotlib give the same files.
"""

from importlib.resources import files

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from style import BLUE, DARK, GREEN, HERE, RED, STREAM, VERDICTS

from plateau import Ema, EmaHaar, Haar, ThresholdDetector, Verdict, find_plateaus, trace
from plateau.logs import read_log
from plateau.offline import HeldRows


def main() -> None:
    for draw in (concept, responses, blocks):
        figure = draw()
        path = HERE / f"{draw.__name__}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        print(path.name, path.stat().st_size)


def concept() -> Figure:
    """Stream, slope, flat run and verdict of the sample log, under the rule of the demo."""
    (run,) = read_log(files("plateau") / "data" / "sample.log").runs
    rows = HeldRows(run)
    detector = ThresholdDetector(Haar(window=500, smooth=500), threshold=4e-4, patience=1000)
    xs = np.concatenate(list(rows.blocks()))
    found, plateaus = trace(xs, detector), find_plateaus(xs, detector)
    ends = rows.ends[::4] - 1  # the last sample of a row; a point for every fourth is enough

    figure = Figure(figsize=(8, 8.6), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True, height_ratios=[4, 3, 3, 1.5])
    stream, slope, flat, verdict = panels

    stream.plot(run.x, run.values, color=STREAM, linewidth=0.5, label="samples")
    stream.plot(run.x[::4], found.level[ends], color=DARK, linewidth=1.4, label="level")
    stream.set(title="1  Stream: the loss, and its level", ylabel="loss", ylim=(0.5, 7.2))
    stream.legend(loc="upper right", ncols=2)

    threshold = 1e3 * detector.threshold
    slope.axhspan(-9, -threshold, color=VERDICTS[Verdict.IMPROVING], alpha=0.3, linewidth=0)
    slope.plot(run.x[::4], 1e3 * found.slope[ends], color=DARK, linewidth=1.2)
    slope.axhline(-threshold, color=RED, linewidth=1, linestyle="--")
    slope.text(23_900, -threshold - 0.12, "progress", va="top", ha="right")
    slope.text(23_900, 0.42, "flat", va="bottom", ha="right")
    slope.text(12_300, -threshold - 0.12, "−threshold", va="top", color=RED)
    slope.set(title="2  Slope: how fast the level moves, and the threshold")
    slope.set(ylabel="10⁻³ loss per step", ylim=(-3.6, 1))

    flat.plot(run.x, runs_of(detector, xs, rows.ends), color=DARK, linewidth=1.2)
    flat.axhline(detector.patience, color=RED, linewidth=1, linestyle="--")
    fires = np.flatnonzero(found.fired)
    flat.plot(fires, np.full(len(fires), detector.patience), "o", color=RED, markersize=4)
    flat.text(150, detector.patience + 40, "patience", va="bottom", color=RED)
    flat.set(title="3  Rule: the run of flat samples, and the fires (dots)")
    flat.set(ylabel="flat samples in a row", ylim=(0, 1350))

    for code, color in VERDICTS.items():
        for first, last in stretches(found.verdict == code):
            verdict.axvspan(first, last, 0, 0.55, color=color, linewidth=0)
    onsets, known = [p.start for p in plateaus], [p.declared for p in plateaus]
    verdict.plot(onsets, np.full(len(onsets), 0.78), ">", color=GREEN, markersize=6)
    verdict.plot(known, np.full(len(known), 0.78), "D", color=DARK, markersize=4.5)
    for onset, declared in zip(onsets, known, strict=True):
        verdict.plot([onset, declared], [0.78, 0.78], color=GREEN, linewidth=1)
    verdict.set(title="4  Verdict, and the plateaus", yticks=[], ylim=(0, 1), xlabel="step")
    verdict.spines["left"].set_visible(False)
    verdict.set_xlim(0, len(xs))
    verdict.xaxis.set_major_formatter("{x:,.0f}")
    flat.yaxis.set_major_formatter("{x:,.0f}")
    figure.align_ylabels()
    shown = [code for code in VERDICTS if (found.verdict == code).any()]
    handles = [Patch(color=VERDICTS[code], label=words(code)) for code in shown]
    handles += [
        Line2D([], [], color=GREEN, marker=">", markersize=6, linewidth=1, label="onset"),
        Line2D([], [], color=DARK, marker="D", markersize=4.5, linewidth=0, label="declared"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def runs_of(detector, xs, ends) -> list[int]:
    """Flat samples in a row after each row of the log."""
    live, counts, begin = detector.clone(), [], 0
    for end in ends:
        live.update_many(xs[begin:end])
        counts.append(live.state_dict()["state"]["run"])
        begin = end
    return counts


def stretches(mask) -> list[tuple[int, int]]:
    """First and last + 1 of each stretch of True."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def words(code) -> str:
    return Verdict(code).name.lower().replace("_", " ")


def responses() -> Figure:
    """What each filter makes of an impulse and of a step, after a long rest at 0."""
    filters = {
        "Ema(0.02)": (Ema(0.02), STREAM),
        "EmaHaar(0.02, 0.02)": (EmaHaar(0.02, 0.02), BLUE),
        "Haar(100)": (Haar(100), RED),
        "Haar(100, 100)": (Haar(100, 100), GREEN),
    }
    before, after = 1000, 300
    at = np.arange(-20, after)
    impulse, step = np.zeros((2, before + after))
    impulse[before], step[before:] = 1, 1

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for axes, xs, unit in ((left, impulse, 1e4), (right, step, 1e3)):
        for name, (each, color) in filters.items():
            slope = unit * each.response(xs)[before + at]
            axes.plot(at, slope, color=color, linewidth=1.3, label=name)
        axes.axhline(0, color="#666666", linewidth=0.6, zorder=0)
        axes.set(xlabel="samples after it")
    left.set(title="Impulse of 1 (Ema begins with 200)", ylabel="10⁻⁴ per sample", ylim=(-5.5, 5.5))
    right.set(title="Step from 0 to 1", ylabel="10⁻³ per sample", ylim=(-0.5, 21))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def blocks() -> Figure:
    """The blocks of a moving sum of 8 samples at two moments."""
    figure = Figure(figsize=(8, 3.3), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(-1.6, 12.1), ylim=(-0.5, 4.6), aspect="equal")
    kinds = {"oldest": "#e2e5e9", "middle": "#bcd5ec", "newest": "#a9d8d2"}
    for top, filled in ((2.9, 1), (0.4, 3)):
        for place in range(8 + filled):
            used_up = place < filled
            color = "white" if used_up else list(kinds.values())[place // 4]
            axes.add_patch(Rectangle((place, top), 1, 1, facecolor=color, edgecolor="#888888"))
            ink = "#999999" if used_up else "black"
            text = f"x{subscript(place + 1)}"
            axes.text(place + 0.5, top + 0.5, text, ha="center", va="center", color=ink)
        axes.plot([filled, 8 + filled], [top - 0.15] * 2, color=RED, linewidth=2)
        axes.text(-0.2, top + 0.5, f"after x{subscript(8 + filled)}", ha="right", va="center")
        tails = [
            "+".join(f"x{subscript(i)}" for i in range(n, 9)) for n in range(8, 8 - filled, -1)
        ]
        told = f"tails of the middle block so far:  {',  '.join(tails)}"
        axes.text(filled, top - 0.35, told, va="top")
    for place, (name, color) in enumerate(kinds.items()):
        axes.text(4 * place + 2, 4.1, name, ha="center", va="bottom")
        axes.plot([4 * place + 0.05, 4 * place + 3.95], [4.05] * 2, color=color, linewidth=3)
    return figure


def subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


if __name__ == "__main__":
    main()
