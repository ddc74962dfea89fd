"""Contact sheets of real series with the plateaus that are found in them: to be looked at.

    PLATEAU_DATA=FOLDER python -m tests.benchmarks.sheets FOLDER

draws every run of the real logs and every series that people marked, with flat and slow plateaus in
two colours, in FOLDER. The two bars under a curve are what two annotators saw, and a dotted line is
where a stream would have known. The axis is logarithmic where a series is judged so.
"""

import argparse
import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plateau import Detector, Plateau, find_plateaus
from plateau._scale import AUTO, by_logarithm
from plateau.hindsight import BLOCKS, blocks_of
from plateau.logs import read_log
from plateau.offline import scan_run
from plateau.showing.plots import FLAT, LEVEL, SLOW, label, tidy, write_figure

from .quality.data import folder
from .quality.marks import marked

COLUMNS, LINES = 4, 6
"""Series side by side and one below the other on a sheet."""

POINTS = 2000
"""Points of a curve from which on only the least and greatest of stretches of it are drawn."""

BAR = 0.035
"""Height of an annotator's bar as a share of the panel."""

COLOURS = {"flat": FLAT, "slow": SLOW}


@dataclass(frozen=True)
class Panel:
    """A series and what is known of it."""

    title: str
    mode: str
    values: np.ndarray
    plateaus: list[Plateau]
    marks: Sequence[dict[str, Any]] = ()
    """For each annotator the stretches of each kind, in per cent of the length."""


def log_panels() -> Iterator[Panel]:
    """Yield every run of the real logs, as `plateau scan` judges it."""
    place = folder() / "logs"
    with (place / "MANIFEST.tsv").open(encoding="utf-8") as lines:
        paths = [line["path"] for line in csv.DictReader(lines, delimiter="\t")]
    for path in paths:
        for run in read_log(place / path).runs:
            title = f"{path.split('/')[0]}, {run.name}: {run.metric}"
            yield Panel(title, run.mode, run.values, scan_run(run).plateaus)


def mark_panels() -> Iterator[Panel]:
    """Yield every series that was marked, without its learning rates."""
    for one in marked():
        title = f"{one.log.split('/')[0]}: {one.metric}"
        yield Panel(title, one.mode, one.x, find_plateaus(one.x, Detector(one.mode)), one.marks)


def logged(values: np.ndarray) -> bool:
    """Whether a series is judged by its logarithm, as `plateau.hindsight.look_back` does it."""
    values = values[np.isfinite(values)]
    if not len(values) or values.min() <= 0.0:
        return False
    return by_logarithm(blocks_of(values, -(-len(values) // BLOCKS))[0], AUTO)


def outline(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices and values of so many points that the drawn curve looks the same."""
    size = -(-2 * len(values) // POINTS)
    if size < 2:
        return np.arange(len(values)), values
    starts = range(0, len(values), size)
    filled = np.where(np.isfinite(values), values, np.nan)
    places = [
        start + index
        for start in starts
        if not np.isnan(part := filled[start : start + size]).all()
        for index in sorted((int(np.nanargmin(part)), int(np.nanargmax(part))))
    ]
    return np.array(places), values[places]


def limits(values: np.ndarray, *, log: bool) -> tuple[float, float]:
    """Bounds of the axis: without half a per cent at either end, and with room for the bars."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(np.log10(finite) if log else finite, [0.5, 99.5]).tolist()
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.15 * span, high + 0.06 * span
    return (10**low, 10**high) if log else (low, high)


def draw(axes: Axes, panel: Panel, number: int) -> None:
    """Draw one series."""
    n, log = len(panel.values), logged(panel.values)
    for plateau in panel.plateaus:
        axes.axvspan(
            plateau.start, plateau.stop, color=COLOURS[plateau.kind], alpha=0.35, linewidth=0
        )
        axes.axvline(plateau.start, color="white", linewidth=1)
        if plateau.declared is not None:
            axes.axvline(plateau.declared, color=LEVEL, linewidth=0.6, linestyle=":")
    axes.plot(*outline(panel.values), color=LEVEL, linewidth=0.6)
    for place, mark in enumerate(panel.marks):
        for kind, colour in COLOURS.items():
            spans = [(a * n / 100, (b - a) * n / 100) for a, b in mark[kind]]
            axes.broken_barh(
                spans,
                (place * BAR * 1.2 + 0.01, BAR),
                color=colour,
                transform=axes.get_xaxis_transform(),
            )
    axes.set_yscale("log" if log else "linear")
    if np.isfinite(panel.values).any():
        axes.set_ylim(limits(panel.values, log=log))
    axes.set_xlim(0, n)
    axes.set_title(f"{number} {label(panel.title)}\n{n:,}, {panel.mode}", fontsize=7, loc="left")
    axes.tick_params(labelsize=6)
    tidy(axes)


def sheets(name: str, panels: Iterator[Panel], target: Path) -> None:
    """Write the sheets of some series."""
    number = 0
    for page in count(1):
        some = list(islice(panels, COLUMNS * LINES))
        if not some:
            return
        lines = math.ceil(len(some) / COLUMNS)
        figure = Figure(figsize=(4 * COLUMNS, 2.1 * lines), layout="constrained")
        places = figure.subplots(lines, COLUMNS, squeeze=False).flat
        for axes in places:
            axes.set_visible(False)
        for axes, panel in zip(figure.axes, some, strict=False):
            number += 1
            axes.set_visible(True)
            draw(axes, panel, number)
        path = target / f"{name}-{page:02}.png"
        write_figure(figure, path)
        print(path)


def main() -> None:
    """Draw all sheets."""
    parser = argparse.ArgumentParser(prog="sheets", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", choices=("marks", "logs"), help="draw only these")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, panels in (("marks", mark_panels), ("logs", log_panels)):
        if chosen.only in (None, name):
            sheets(name, panels(), chosen.folder)


if __name__ == "__main__":
    main()
