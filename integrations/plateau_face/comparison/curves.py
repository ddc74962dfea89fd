"""The picture of an experiment: losses, learning rates and accuracies, a column for each budget."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from plateau.showing import wording
from plateau.showing.plots import FLAT, LEVEL, RATE, tidy, write_figure
from plateau_face.comparison.measures import Losses, smoothed
from plateau_face.comparison.statistics import estimate
from plateau_face.config import SCHEDULES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = dict(zip(SCHEDULES, [RATE, LEVEL, FLAT, "#8a5a83", "#9a8a3d"], strict=True))
FURTHER = ("#d2691e", "#1c3f5e", "#3f7d4e", "#b03a5b", "#707070")
"""Of what is no plain schedule, in the order of the experiment."""


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
    figure = Figure(figsize=(9, 9), layout="constrained")  # no wider: a page would make it small
    colours = colours_of(list(dict.fromkeys(curve.schedule for curve in curves)))
    panels = figure.subplots(3, len(budgets), sharey="row", squeeze=False, height_ratios=[3, 2, 2])
    for epochs, column in zip(budgets, panels.T, strict=True):
        here = [curve for curve in curves if curve.epochs == epochs]
        column[0].set_title(wording.count(epochs, "epoch"), loc="left")
        _draw_losses(column[0], here, colours)
        _draw_rates(column[1], here, colours)
        _draw_accuracies(column[2], here, colours)
    for axes, label in zip(panels[:2, 0], ("training loss", "learning rate"), strict=True):
        axes.set_ylabel(label)
    show_alike(panels[2], list(colours))
    panels[0, -1].legend(frameon=False)
    figure.suptitle(title.replace("$", r"\$"), x=0.01, ha="left")
    write_figure(figure, path)


def colours_of(schedules: Sequence[str]) -> dict[str, str]:
    """Return a colour for each schedule of an experiment."""
    further = cycle(FURTHER)
    return {name: COLOURS.get(name) or next(further) for name in schedules}


def _draw_losses(axes: "Axes", curves: Sequence[Curve], colours: Mapping[str, str]) -> None:
    for curve in curves:
        # Where plateaus have ended the runs at different steps, as far as all of them went.
        shortest = min(curve.losses, key=lambda losses: len(losses.steps))
        length = len(shortest.steps)
        mean = np.mean([smoothed(losses, curve.over)[:length] for losses in curve.losses], axis=0)
        axes.plot(shortest.steps, mean, color=colours[curve.schedule], label=curve.schedule)
    tidy(axes)


def _draw_rates(axes: "Axes", curves: Sequence[Curve], colours: Mapping[str, str]) -> None:
    """Draw the rates of all seeds: where they lie apart, the schedule has followed the loss."""
    for curve in curves:
        for losses in curve.losses:
            rates = np.where(losses.rates > 0, losses.rates, np.nan)  # the last of cosine is 0
            axes.step(losses.steps, rates, where="post", color=colours[curve.schedule], lw=0.8)
    axes.set_yscale("log")
    axes.set_xlabel("step")
    tidy(axes)


def _draw_accuracies(axes: "Axes", curves: Sequence[Curve], colours: Mapping[str, str]) -> None:
    for curve in curves:
        place = list(colours).index(curve.schedule)
        values = 100 * np.array(curve.accuracies)
        mean, half = estimate(values.tolist())
        colour = colours[curve.schedule]
        axes.errorbar([mean], [place], xerr=[half or 0.0], color=colour, marker="|", capsize=4)
        axes.plot(values, np.full(len(values), place), "o", color=colour, markersize=3)
    axes.set_xlabel("accuracy, %")
    tidy(axes)


def show_alike(row: Sequence["Axes"], schedules: Sequence[str]) -> None:
    """Give the accuracies of all budgets the same ends, and the schedules' names beside them."""
    ends = [axes.get_xlim() for axes in row]
    for axes in row:
        axes.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    names = [name.replace("_", "\n") for name in schedules]
    row[0].set_yticks(range(len(schedules)), names)
    row[0].set_ylim(len(schedules) - 0.5, -0.5)  # the first on top
