"""Pictures: the curve of a run with its level, its plateaus and its learning rate."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from plateau.export import LogScan, write_whole
from plateau.logs.model import Run
from plateau.segments import Plateau
from plateau.showing import wording
from plateau.showing.fonts import use_fonts
from plateau.showing.heights import heights, with_room
from plateau.showing.levels import level_of
from plateau.showing.names import named
from plateau.showing.printing import shown
from plateau.showing.scales import drawable, is_log, rate_is_log, rate_ticks, shown_x

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PANELS = 12
"""Runs in one picture at most."""

FINE = 400
"""Rows from which on a curve is drawn thin, so that its noise does not fill the picture."""

LONGEST = 40
"""Characters of a name in the picture."""

RATE_PARTS = 8
"""Parts of the axis of the learning rate; one is named in each and at the end."""

DAY = 86_400_000
"""Milliseconds; matplotlib counts dates in days."""

CURVE, LEVEL, FLAT, RATE = "#9aa5b1", "#1f3a5f", "#2a9d8f", "#c8553d"
SLOW, HELD_OUT = "#e9c46a", "#8d5a97"
"""Colours that also differ in lightness, for those who do not see them all."""


def plot_scans(scans: Sequence[LogScan], path: Path) -> int:
    """Draw the runs one below the other and write a PNG or SVG file.

    Returns
    -------
    int
        Runs that found no place in the picture.
    """
    runs = named(shown(scans))
    figure = Figure(figsize=figure_size(len(runs)), layout="constrained")
    draw_panels(figure, scans)
    write_figure(figure, path)
    return max(len(runs) - PANELS, 0)


def figure_size(runs: int) -> tuple[float, float]:
    """Return width and height in inches of a picture of some runs."""
    return 10.0, 1.2 + 3.6 * min(runs, PANELS)


def draw_panels(figure: Figure, scans: Sequence[LogScan]) -> "list[Axes]":
    """Draw runs one below the other, as many as there is room for."""
    runs = named(shown(scans))[:PANELS]
    panels = list(np.atleast_1d(figure.subplots(len(runs), 1)))
    for axes, one in zip(panels, runs, strict=True):
        draw(axes, one.found.run, one.found.plateaus, one.found.fires)
        axes.set_title(label(one.name), loc="left", fontsize=10, pad=24)  # the legend lies below it
    return panels


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture in the format of its name; the same picture is the same file."""
    buffer, form = BytesIO(), path.suffix[1:].lower()
    use_fonts(figure)
    # No date, and names within an SVG that are not random.
    with rc_context({"svg.hashsalt": "plateau"}):
        figure.savefig(
            buffer, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None
        )
    write_whole(path, buffer.getvalue())


def label(name: str) -> str:
    """Return a name as matplotlib should show it: short, no mathematics, and not hidden."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 :]}"
    plain = short.replace("$", r"\$")
    return f" {plain}" if plain.startswith("_") else plain


def tidy(axes: "Axes") -> None:
    """Leave out the lines of the frame that carry no numbers."""
    axes.spines[["top", "right"]].set_visible(False)


def draw(
    axes: "Axes", run: Run, plateaus: Iterable[Plateau], fires: "Sequence[int] | Ints" = ()
) -> None:
    """Draw a run: its curve, level and learning rate, its plateaus, and the rows of its fires."""
    run = drawable(run)
    x = shown_x(run) / DAY if run.clock else run.x
    log = is_log(run)
    level = level_of(run.values, log=log)
    thin = len(x) > FINE
    axes.plot(x, run.values, color=CURVE, linewidth=0.6 if thin else 1.2, label=label(run.metric))
    axes.plot(x, level, color=LEVEL, linewidth=1.2, label="level")
    if run.held_out is not None:
        beside = drawable(run.held_out)
        at = shown_x(beside) / DAY if run.clock else beside.x
        name = label(beside.metric)
        axes.plot(
            at, beside.values, color=HELD_OUT, linewidth=1.0, marker=".", markersize=4, label=name
        )
    _draw_plateaus(axes, x, plateaus)
    if len(fires):
        rows = np.asarray(fires)
        axes.plot(x[rows], level[rows], "v", color=LEVEL, markersize=5, label="fires")
    if log:
        axes.set_yscale("log")
    if seen := heights(run.values, log=log):
        axes.set_ylim(*with_room(seen, log=log))
    _draw_rate(axes, x, run)
    axes.set_xlabel(label(run.x_name))
    axes.set_ylabel(label(run.metric))
    _name_places(axes, run)
    axes.margins(x=0)
    tidy(axes)


def _draw_plateaus(axes: "Axes", x: "Floats", plateaus: Iterable[Plateau]) -> None:
    """Shade plateaus, and mark where each was known; the legend names each kind once."""
    told: set[str] = set()

    def once(name: str) -> str:
        new = name not in told
        told.add(name)
        return name if new else ""

    for plateau in plateaus:
        start, stop = x[plateau.start], x[min(plateau.stop, len(x) - 1)]
        slow = plateau.kind == "slow"
        axes.axvspan(
            *(start, stop),
            color=SLOW if slow else FLAT,
            alpha=0.18,
            linewidth=0,
            label=once("slow plateau" if slow else "plateau"),
        )
        # It parts it from one that ends here.
        axes.axvline(start, color="white", linewidth=1.5, zorder=1.5)
        if plateau.declared is not None:
            known = x[plateau.declared]
            axes.axvline(known, color=FLAT, linewidth=1, linestyle=":", label=once("known"))


def _name_places(axes: "Axes", run: Run) -> None:
    """Write dates below the axis of x, or numbers as everywhere else."""
    if run.clock:
        dates = AutoDateLocator(maxticks=8)
        axes.xaxis.set_major_locator(dates)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    else:
        axes.xaxis.set_major_formatter(lambda x, _: wording.position(x))


def _draw_rate(axes: "Axes", x: "Floats", run: Run) -> None:
    """Add the learning rate as steps on an axis of its own, and the legend of both."""
    lines, labels = axes.get_legend_handles_labels()
    if run.lr is not None and np.isfinite(run.lr).any():
        rates = axes.twinx()
        rates.step(x, run.lr, where="post", color=RATE, linewidth=1.0, label="learning rate")
        log = rate_is_log(run.lr)
        rates.set_yscale("log" if log else "linear")
        ticks = rate_ticks(run.lr, RATE_PARTS, log=log)
        rates.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
        rates.minorticks_off()
        rates.set_ylabel(label(run.lr_name or ""), color=RATE)
        rates.tick_params(axis="y", which="both", colors=RATE)
        rates.spines[["top", "left"]].set_visible(False)
        more = rates.get_legend_handles_labels()
        lines, labels = lines + more[0], labels + more[1]
    axes.legend(
        lines, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(lines), frameon=False
    )
