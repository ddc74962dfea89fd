"""The picture of growth."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from docs.pictures.style import BLUE, DARK, GREEN, RED, STREAM

from .growth import CALIBRATED, EMA, HAAR, KSWIN

AXES = {
    "growth with the window": "window, samples",
    "growth with the stream": "samples seen before",
    "growth with the streams": "streams of a bank",
}
COLORS = {EMA: BLUE, HAAR: RED, CALIBRATED: GREEN, KSWIN: STREAM}


def lines(result):
    """Places and least times of each line of a result."""
    found = {}
    for name, at in result.times:
        found.setdefault(name, []).append((at, result.minimum((name, at))))
    return {name: np.array(points).T for name, points in found.items()}


def picture(results):
    """Time of a sample, in a panel for each way to grow."""
    figure = Figure(figsize=(8, 3.3), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False)[0]
    shown = {}
    for axes, (name, result) in zip(panels, results.items(), strict=True):
        for line, (at, times) in lines(result).items():
            (shown[line],) = axes.loglog(
                at, times, "o-", color=COLORS[line], linewidth=1.3, markersize=3.5
            )
        axes.set(xlabel=AXES[name])
        axes.set_ylim(1, max(1_000, axes.get_ylim()[1]))
        axes.xaxis.set_major_locator(LogLocator(numticks=9))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.minorticks_off()
        axes.grid(axis="y", color=DARK, alpha=0.12, linewidth=0.6)
    panels[0].set(ylabel="ns a sample")
    ours_first = sorted(shown, key=list(COLORS).index)
    figure.legend(
        [shown[line] for line in ours_first],
        ours_first,
        loc="outside lower center",
        ncols=len(shown),
    )
    return figure
