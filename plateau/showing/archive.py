"""What is in an archive, as a table for people and as a page."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plateau.archive import Summary
from plateau.export import Record
from plateau.showing import shifts, wording
from plateau.showing.printing import printable

WORST = "Where the most could be saved"
HEADINGS = ("run", "metric", "rows", "plateaus", "ends", "could be saved")
EVIDENCE = ("run", "metric", "e-value")
TEXTS = {"metric", "ends"}
"""Columns that are read, not compared."""

SHOWN = 100
"""Lines of what was odd that a page shows."""


def totals(summary: Summary) -> list[tuple[str, str]]:
    """Return what is said of all runs: what it is, and how much."""
    of_all = summary.flat / max(summary.runs, 1)
    found = [
        ("logs", f"{summary.logs:,}"),
        ("runs", f"{summary.runs:,}"),
        ("end in a plateau", f"{summary.flat:,}, {of_all:.0%}"),
        ("flat, of an average run", f"{summary.share:.0%}"),
    ]
    for unit, (saved, total) in summary.savable.items():
        share = saved / max(total, 1)
        found.append((f"{unit}s that could be saved", f"{saved:,} of {total:,}, {share:.0%}"))
    return found


def show_archive(console: Console, summary: Summary) -> None:
    """Print what is in an archive."""
    found = totals(summary)
    width = max(len(what) for what, _ in found)
    for what, amount in found:
        console.print(f"{what:<{width}}  {amount}", soft_wrap=True)
    if summary.worst:
        table = Table(title=WORST, title_justify="left", box=None, header_style="bold")
        for heading in HEADINGS:
            is_text = heading in TEXTS or heading == HEADINGS[0]
            table.add_column(heading, justify="left" if is_text else "right")
        for run in summary.worst:
            table.add_row(*map(Text, _cells(run)))
        console.print(table)
    if summary.rate is not None:
        shifts.show_shifted(console, summary.shifted, summary.runs, summary.rate)


def page(summary: Summary) -> str:
    """Return what is in an archive as one HTML page that loads nothing and runs nothing."""
    environment = Environment(
        loader=PackageLoader("plateau.showing", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rate = summary.rate
    style = files("plateau.showing.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("archive.html").render(
        style=Markup(style),
        totals=totals(summary),
        worst_heading=WORST,
        headings=HEADINGS,
        evidence_headings=EVIDENCE,
        texts=TEXTS,
        worst=[_cells(run) for run in summary.worst],
        shifted=None if rate is None else shifts.heading(len(summary.shifted), summary.runs, rate),
        evidence=shifts.lines(summary.shifted),
        said=[printable(text) for text in summary.said[:SHOWN]],
        more=len(summary.said[SHOWN:]),
    )


def _cells(run: Record) -> tuple[str, ...]:
    saved = wording.count(run["savable"], run["unit"])
    share = run["savable"] / max(run["total"], 1)
    texts = printable(shifts.name(run)), printable(run["metric"])
    return (
        *texts,
        f"{run['points']:,}",
        str(run["plateaus"]),
        run["verdict"],
        f"{saved}, {share:.0%}",
    )
