"""Pictures: the curve of a run with its level, its plateaus and its learning rate."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from plateau.export import LogScan, write_whole
from plateau.offline import RunScan
from plateau.showing import wording
from plateau.showing.fonts import use_fonts
from plateau.showing.printing import shown
from plateau.showing.scales import DECADES, drawable, rate_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 12
"""Runs in one picture at most."""

LONGEST = 40
"""Characters of a name in the picture."""

RATE_PARTS = 8
"""Parts of the axis of the learning rate; one is named in each and at the end."""

CURVE, LEVEL, FLAT, RATE = "#9aa5b1", "#1f3a5f", "#2a9d8f", "#c8553d"
SLOW = "#e9c46a"
"""Colours that also differ in lightness, for those who do not see them all."""


def plot_scans(scans: Sequence[LogScan], path: Path) -> int:
    """Draw the runs one below the other and write a PNG or SVG file.

    Returns
    -------
    int
        Runs that found no place in the picture.
    """
    runs = [(scan.log.path, found) for scan in shown(scans) for found in scan.runs]
    drawn = runs[:PANELS]
    figure = Figure(figsize=(10, 1.2 + 3.6 * len(drawn)), layout="constrained")
    for axes, (name, found) in zip(
        np.atleast_1d(figure.subplots(len(drawn), 1)), drawn, strict=True
    ):
        _draw(axes, found)
        title = f"{label(Path(name).name)}, run {label(found.run.name)}"
        axes.set_title(title, loc="left", fontsize=10, pad=24)  # the legend lies below it
    write_figure(figure, path)
    return len(runs) - len(drawn)


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


def _draw(axes: "Axes", found: RunScan) -> None:
    run = drawable(found.run)
    axes.plot(run.x, run.values, color=CURVE, linewidth=0.6, label="metric")
    axes.plot(run.x, found.level, color=LEVEL, linewidth=1.2, label="level")
    named: set[str] = set()  # in the legend, each once

    def once(name: str) -> str:
        new = name not in named
        named.add(name)
        return name if new else ""

    for plateau in found.plateaus:
        start, stop = run.x[plateau.start], run.x[min(plateau.stop, len(run.x) - 1)]
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
            known = run.x[plateau.declared]
            axes.axvline(known, color=FLAT, linewidth=1, linestyle=":", label=once("known"))
    finite = run.values[np.isfinite(run.values)]
    if len(finite) and finite.min() > 0 and np.ptp(np.log10(finite)) > DECADES:
        axes.set_yscale("log")
    _draw_rate(axes, found)
    axes.set_xlabel(label(run.x_name))
    axes.set_ylabel(label(run.metric))
    axes.xaxis.set_major_formatter(lambda x, _: wording.place(run, x))
    axes.margins(x=0)
    tidy(axes)


def _draw_rate(axes: "Axes", found: RunScan) -> None:
    """Add the learning rate as steps on an axis of its own, and the legend of both."""
    lines, labels = axes.get_legend_handles_labels()
    run = found.run
    if run.lr is not None and np.isfinite(run.lr).any():
        rates = axes.twinx()
        rates.step(run.x, run.lr, where="post", color=RATE, linewidth=1.0, label="learning rate")
        log = bool(np.nanmin(run.lr) > 0)
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
