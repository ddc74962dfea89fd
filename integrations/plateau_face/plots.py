"""Pictures: the curves of a verification, and a run with its loss, rates and accuracies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from plateau.showing.plots import CURVE, FLAT, LEVEL, RATE, label, tidy, write_figure
from plateau_face.verify import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]

VERDICTS = {"improving": LEVEL, "plateau": FLAT, "worsening": RATE, "undecided": "#dde2e7"}
"""Colours of the verdicts; those of a detector that is warming up are left out."""
STYLES = ((LEVEL, "-"), (RATE, "-"), (FLAT, "-"), (LEVEL, "--"), (RATE, "--"), (FLAT, "--"))


def plot_roc(curves: Mapping[str, tuple[Floats, Floats]], path: Path) -> None:
    """Draw true- over false-accept rates, and write a PNG or SVG file.

    Parameters
    ----------
    curves : mapping
        For each name the false- and true-accept rates that `roc` returns.
    path : Path
    """
    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    least = min(far[far > 0].min(initial=1.0) for far, _ in curves.values())
    for number, (name, (far, tar)) in enumerate(curves.items()):
        colour, style = STYLES[number % len(STYLES)]
        # Cut at the left end, where no false pair is accepted: a logarithm has no place for 0.
        axes.step(far.clip(least / 2), tar, style, where="post", color=colour, label=label(name))
    chance = np.geomspace(least / 2, 1, 200)
    axes.plot(chance, chance, ":", color=CURVE, label="chance")
    axes.set_xscale("log")
    axes.set_xlim(least / 2, 1)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("false-accept rate")
    axes.set_ylabel("true-accept rate")
    axes.legend(loc="upper left", frameon=False)
    tidy(axes)
    write_figure(figure, path)


def plot_run(log: Path, path: Path) -> None:
    """Draw the log of a run, and write a PNG or SVG file.

    Raises
    ------
    ValueError
        If the log has no loss yet.
    """
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [row for row in rows if "loss" in row]
    if not losses:
        raise ValueError(f"{log}: no loss to draw yet")
    accuracies = _accuracies(rows)
    figure = Figure(figsize=(9, 6.4 if accuracies else 4), layout="constrained")
    panels = np.atleast_1d(
        figure.subplots(
            1 + bool(accuracies), 1, sharex=True, height_ratios=(3, 2) if accuracies else None
        )
    )
    _draw_losses(panels[0], losses)
    if accuracies:
        _draw_accuracies(panels[1], accuracies)
    panels[-1].set_xlabel("step")
    write_figure(figure, path)


def _draw_losses(axes: "Axes", rows: Rows) -> None:
    steps, losses, rates = np.array([[row["step"], row["loss"], row["lr"]] for row in rows]).T
    axes.plot(steps, losses, color=LEVEL, linewidth=1.2, label="loss")
    right = axes.twinx()
    right.step(steps, rates, where="pre", color=RATE, linewidth=1.0, label="learning rate")
    if rates.min() > 0:
        right.set_yscale("log")
    right.set_ylabel("learning rate", color=RATE)
    right.tick_params(axis="y", which="both", colors=RATE)
    right.spines[["top", "left"]].set_visible(False)
    right.spines["right"].set_color(RATE)
    for number, place in enumerate(_reductions(rates, rows)):
        name = "" if number else "reduction"
        axes.axvline(steps[place], color=RATE, linewidth=0.8, linestyle=":", label=name)
    _draw_verdicts(axes, rows)
    axes.set_ylabel("loss")
    tidy(axes)
    axes.margins(x=0, y=0.08)  # room for the strip
    lines, names = axes.get_legend_handles_labels()
    more = right.get_legend_handles_labels()
    axes.legend(
        lines + more[0], names + more[1], loc="lower left", bbox_to_anchor=(0, 1), ncols=7,
        fontsize=8, frameon=False,
    )  # fmt: skip


def _reductions(rates: Floats, rows: Rows) -> NDArray[np.int64]:
    """Return the rows after which the rate fell, with rows of one rate on both sides.

    Of a plateau schedule only those where its detector was still asked: the finish is none.
    """
    falls = np.diff(rates) < 0
    asked = np.array(["verdict" in row for row in rows])
    if asked.any():
        falls &= asked[1:]
    before, after = np.append(False, falls[:-1]), np.append(falls[1:], False)
    return np.flatnonzero(falls & ~before & ~after)


def _draw_verdicts(axes: "Axes", rows: Rows) -> None:
    """Add a strip below the curve: what the detector said in each row."""
    ends = [row["step"] for row in rows]
    starts = [0, *ends[:-1]]
    for verdict, colour in VERDICTS.items():
        spans = [
            (start, end - start)
            for start, end, row in zip(starts, ends, rows, strict=True)
            if row.get("verdict") == verdict
        ]
        if spans:
            axes.broken_barh(
                spans, (0, 0.03), transform=axes.get_xaxis_transform(), color=colour,
                linewidth=0, label=f"verdict {verdict}",
            )  # fmt: skip


def _draw_accuracies(axes: "Axes", accuracies: Mapping[str, tuple[Floats, Floats]]) -> None:
    for number, (name, (steps, values)) in enumerate(accuracies.items()):
        colour, style = STYLES[number % len(STYLES)]
        axes.plot(steps, values, style, color=colour, marker=".", clip_on=False, label=label(name))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_ylabel("accuracy")
    axes.legend(loc="lower right", frameon=False)
    tidy(axes)


def _accuracies(rows: Rows) -> dict[str, tuple[Floats, Floats]]:
    """Return steps and accuracies of each verification set."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        for name, value in row.items():
            if name.startswith("val_") and name.endswith("_accuracy"):
                points.setdefault(name[4:-9], []).append((row["step"], value))
    return {name: (*np.array(found, dtype=float).T,) for name, found in points.items()}
