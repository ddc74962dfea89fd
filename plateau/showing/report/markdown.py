"""A summary in Markdown, for the comment that a CI job writes."""

import re
from collections.abc import Iterable, Iterator, Sequence

from plateau.export import LogScan
from plateau.showing import wording
from plateau.showing.names import Named, named
from plateau.showing.printing import shown
from plateau.showing.report.spent import Spent
from plateau.showing.report.tables import plateau_cells, plateau_headings, run_cells, run_headings

NAMES = ("run", "metric")
"""Columns that hold what comes from a log."""


def markdown(scans: Sequence[LogScan]) -> str:
    """Return a table of the runs, a folded table of each one's plateaus, and the warnings.

    What comes from a log stands in code spans: it can neither end the table nor call for anyone.
    """
    scans = shown(scans)
    runs = named(scans)
    behind = f" in {wording.count(len(runs), 'run')}"
    lines = [
        f"### {wording.plateaus([run.found for run in runs], behind)}",
        "",
        *table(run_headings(runs), (_run_line(run, runs) for run in runs)),
    ]
    for run in runs:
        if run.found.plateaus:
            lines += _details(run)
    warnings = [(scan.log.path, text) for scan in scans for text in scan.log.warnings]
    if warnings:
        lines += ["", "**Warnings**", ""]
        lines += [f"- {code(path)}: {code(text)}" for path, text in warnings]
    return "\n".join(lines) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table; names stand to the left, numbers to the right."""
    yield _line(headings)
    yield _line([":--" if heading in NAMES else "--:" for heading in headings])
    yield from map(_line, rows)


def code(text: str) -> str:
    """Return any text as one code span."""
    text = " ".join(text.split()) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _run_line(run: Named, runs: Sequence[Named]) -> list[str]:
    cells = zip(run_headings(runs), run_cells(run, runs), strict=True)
    return [code(cell) if heading in NAMES else cell for heading, cell in cells]


def _details(run: Named) -> Iterator[str]:
    found, spent = run.found, Spent(run.found)
    flat, savable = spent.all_flat, spent.all_savable
    text = f"**{code(run.name)}**: {wording.summary(found)}"
    text += f" Of {wording.count(spent.total, spent.unit)} {flat:,} were flat"
    if spent.by_choice:
        text += f", and {savable:,} ({spent.share(savable):.0%}) came after the plateau was known"
    text += "."
    yield from ("", text)  # in one line: a comment would keep the breaks
    yield from ("", "<details><summary>Plateaus</summary>", "")
    yield from table(plateau_headings(found), plateau_cells(found))
    yield from ("", "</details>")


def _line(cells: Sequence[str]) -> str:
    safe = [cell.replace("|", "\\|") for cell in cells]  # a table ends code spans, too
    return f"| {' | '.join(safe)} |"
