"""A scan of many logs for people: a line for each run."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from plateau.export import LogScan
from plateau.offline import RunScan
from plateau.showing import wording
from plateau.showing.printing import shown

RUNS = 8
"""Runs of a log that get a line."""

MOST_SHOWN = 4
"""Logs that are shown with charts; more get a line for each run."""

HEADINGS = ("run", "metric", "x", "rows", "plateaus", "flat", "ends")
WIDEST = (16, 28, 18, 11, 12, 4, 24)
RIGHT = ("rows", "plateaus", "flat")


def is_long(scans: Sequence[LogScan]) -> bool:
    """Whether charts of all runs would be more than a person looks at."""
    return len(scans) > MOST_SHOWN


def show_summary(console: Console, scans: Sequence[LogScan]) -> None:
    """Print the runs of each log in a line each, with what was odd about the log."""
    scans = shown(scans)
    rows = [[_cells(found) for found in scan.runs[:RUNS]] for scan in scans]
    columns = zip(HEADINGS, *(row for part in rows for row in part), strict=True)
    widths = [
        min(max(map(cell_len, column)), widest)
        for column, widest in zip(columns, WIDEST, strict=True)
    ]
    console.print(Text("  " + _line(HEADINGS, widths), style="bold"), soft_wrap=True)
    for scan, part in zip(scans, rows, strict=True):
        console.print(Text(scan.log.path, style="cyan"), soft_wrap=True)
        for row in part:
            style = "green" if "plateau" in row[-1] else ""
            console.print(Text("  " + _line(row, widths), style=style), soft_wrap=True)
        if len(scan.runs) > RUNS:
            console.print(f"  and {len(scan.runs) - RUNS} more runs")
        _show_warnings(console, scan.log.warnings)


def _show_warnings(console: Console, warnings: Sequence[str]) -> None:
    for first in warnings[:1]:
        more = f" ({len(warnings) - 1} more)" if len(warnings) > 1 else ""
        console.print(Text(f"  warning: {first}{more}", style="yellow"), soft_wrap=True)


def _cells(found: RunScan) -> tuple[str, ...]:
    run = found.run
    metric = run.metric.removeprefix(f"{run.name} - ")
    arrow = {"min": " ↓", "max": " ↑"}.get(run.mode, "")
    ends = ", ".join(found.ends) or str(found.detector.verdict)
    if "plateau" in found.ends and found.plateaus[-1].kind == "slow":
        ends = ends.replace("plateau", "slow plateau")
    ends += f", {found.nonfinite:,} nan" if found.nonfinite else ""
    share = f"{found.flat_share:.0%}" if found.plateaus else ""
    return (
        *(run.name, _fit(metric, WIDEST[1] - 2) + arrow, run.x_name),
        *(f"{len(run.values) * run.every:,}", wording.numbers(found), share, ends),
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        f"{cell:>{width}}" if name in RIGHT else set_cell_size(_fit(cell, width), width)
        for name, cell, width in zip(HEADINGS, cells, widths, strict=True)
    )
    return "  ".join(padded).rstrip()


def _fit(text: str, width: int) -> str:
    """Cut out the middle of a long name: runs differ at its ends."""
    if cell_len(text) <= width:
        return text
    return f"{text[: width // 2 - 1]}…{text[-(width // 2) :]}"
