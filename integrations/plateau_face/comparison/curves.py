"""The picture of an experiment: losses, learning rates and accuracies, a column for each budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from plateau import wording
from plateau.plots import FLAT, LEVEL, RATE, tidy, write_figure
from plateau_face.comparison.measures import Losses, smoothed
from plateau_face.comparison.statistics import estimate
from plateau_face.config import SCHEDULES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = dict(zip(SCHEDULES, [RATE, LEVEL, FLAT, "#8a5a83", "#9a8a3d"], strict=True))


class Curve(NamedTuple):
    """What is drawn of a schedule and a budget."""

    schedule: str
    epochs: int
    losses: Sequence[Losses]
    """Of each seed."""
    accuracies: Sequence[float]
    over: int
    """Steps to smooth the loss over."""


def draw(title: str, curves: Sequence[Curve], path: Path) -> None:
    """Write the picture."""
    budgets = sorted({curve.epochs for curve in curves}, reverse=True)
    figure = Figure(figsize=(5 * len(budgets), 9), layout="constrained")
    panels = figure.subplots(3, len(budgets), sharey="row", squeeze=False, height_ratios=[3, 2, 2])
    for epochs, column in zip(budgets, panels.T, strict=True):
        here = [curve for curve in curves if curve.epochs == epochs]
        column[0].set_title(wording.count(epochs, "epoch"), loc="left")
        _draw_losses(column[0], here)
        _draw_rates(column[1], here)
        _draw_accuracies(column[2], here)
    labels = ("training loss", "learning rate", "accuracy, %")
    for axes, label in zip(panels[:, 0], labels, strict=True):
        axes.set_ylabel(label)
    panels[0, -1].legend(frameon=False)
    figure.suptitle(title.replace("$", r"\$"), x=0.01, ha="left")
    write_figure(figure, path)


def _draw_losses(axes: "Axes", curves: Sequence[Curve]) -> None:
    for curve in curves:
        mean = np.mean([smoothed(losses, curve.over) for losses in curve.losses], axis=0)
        axes.plot(curve.losses[0].steps, mean, color=COLOURS[curve.schedule], label=curve.schedule)
    tidy(axes)


def _draw_rates(axes: "Axes", curves: Sequence[Curve]) -> None:
    """Draw the rates of all seeds: where they lie apart, the schedule has followed the loss."""
    for curve in curves:
        for losses in curve.losses:
            rates = np.where(losses.rates > 0, losses.rates, np.nan)  # the last of cosine is 0
            axes.step(losses.steps, rates, where="post", color=COLOURS[curve.schedule], lw=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    tidy(axes)


def _draw_accuracies(axes: "Axes", curves: Sequence[Curve]) -> None:
    for place, curve in enumerate(curves):
        values = 100 * np.array(curve.accuracies)
        mean, half = estimate(values.tolist())
        colour = COLOURS[curve.schedule]
        axes.errorbar([place], [mean], yerr=[half or 0.0], color=colour, marker="_", capsize=4)
        axes.plot(np.full(len(values), place), values, "o", color=colour, markersize=3)
    axes.set_xticks(range(len(curves)), [curve.schedule.replace("_", "\n") for curve in curves])
    tidy(axes)
