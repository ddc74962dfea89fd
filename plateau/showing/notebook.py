"""What a notebook shows of a result: a small table and a picture within the page."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from plateau.base import KINDS, Trace, Verdict
from plateau.series import run_of
from plateau.showing import wording
from plateau.showing.names import named
from plateau.showing.plots import FLAT, SLOW, draw, draw_panels, figure_size
from plateau.showing.printing import shown, shown_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plateau.export import LogScan
    from plateau.segments import Plateaus

DPI = 80
"""Of a picture within a page, which is 10 inches wide."""

ROWS = 20
"""Lines of a table at most."""

WARNINGS = 8
"""Warnings that are shown."""


def plateaus_html(found: Plateaus) -> str:
    """Show the plateaus of a series: each in a line, and the series."""
    run = shown_run(found.run)
    headings = ("", "from", "known at", "to", "kind", "level", "slope", "noise")
    rows = [
        (
            str(number),
            wording.place(run, run.x[plateau.start]),
            wording.known_at(run, plateau),
            wording.until(run, plateau),
            plateau.kind,
            *(f"{plateau.level:.4g}", f"{plateau.slope:+.1e}", f"{plateau.noise:.2g}"),
        )
        for number, plateau in enumerate(found, 1)
    ]
    figure = _figure(1)
    draw(figure.subplots(), run, found)
    said = "" if found else "<p>no plateau</p>"
    return _picture(figure) + (_table(headings, rows) or said)


def trace_html(found: Trace) -> str:
    """Show what a detector knew at the end, and its levels with where it knew of a plateau."""
    if not len(found.level):
        return "<p>no samples</p>"
    figure = _figure(1)
    axes = figure.subplots()
    draw(axes, run_of(found.level, "both"), (), np.flatnonzero(found.fired))
    for kind, colour in zip(range(len(KINDS)), (FLAT, SLOW), strict=True):
        inside = (found.verdict == Verdict.PLATEAU) & (found.kind == kind)
        axes.fill_between(
            np.arange(len(inside)),
            *(0, 1),
            where=inside.tolist(),
            transform=axes.get_xaxis_transform(),
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
    headings = ("samples", "verdict", "level", "slope", "fires")
    cells = (
        f"{len(found.level):,}",
        str(Verdict(int(found.verdict[-1]))),
        *(f"{found.level[-1]:.4g}", f"{found.slope[-1]:+.1e}"),
        f"{np.count_nonzero(found.fired):,}",
    )
    return _picture(figure) + _table(headings, [cells])


def scan_html(scans: Sequence[LogScan], warnings: Sequence[str]) -> str:
    """Show the runs of a scan: each in a line, the first of them drawn, and the warnings."""
    runs = named(shown(scans))
    headings = ("run", "metric", "rows", "plateaus", "flat", "now")
    rows = [
        (
            one.name,
            one.found.run.metric,
            f"{len(one.found.run.values) * one.found.run.every:,}",
            wording.numbers(one.found),
            f"{one.found.flat_share:.0%}",
            wording.now(one.found),
        )
        for one in runs
    ]
    figure = _figure(len(runs))
    draw_panels(figure, scans)
    said = "".join(f"<li>{escape(text)}</li>" for text in warnings[:WARNINGS])
    more = len(warnings) - WARNINGS
    said += f"<li>and {more:,} more</li>" if more > 0 else ""
    return _table(headings, rows) + (f"<ul>{said}</ul>" if said else "") + _picture(figure)


def _figure(runs: int) -> Figure:
    return Figure(figsize=figure_size(runs), layout="constrained")


def _picture(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="Curve with its plateaus" src="data:image/png;base64,{data}">'


def _table(headings: Sequence[str], rows: Sequence[Iterable[str]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in cells)}</tr>" for cells in rows[:ROWS]
    )
    more = f"<p>and {len(rows) - ROWS:,} more</p>" if len(rows) > ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
