"""Which runs have shifted, in one look at all of them, for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from plateau.export import Record
from plateau.showing.printing import printable

MOST = 10
"""Runs that are named."""


def heading(count: int, runs: int, rate: float) -> str:
    """Say how many of the runs have shifted."""
    of_all = f"{count:,} of {runs:,} run{'' if runs == 1 else 's'}"
    return f"Shifted, at most {rate:.2g} of them falsely: {of_all}"


def lines(shifted: Sequence[Record]) -> list[tuple[str, str, str]]:
    """Return name, metric and evidence of those with the most."""
    return [
        (printable(name(found)), printable(found["metric"]), f"{found['e_value']:.2g}")
        for found in shifted[:MOST]
    ]


def name(found: Record) -> str:
    """Name a run by its log, and by its own name where that tells more."""
    path, run = found["path"], found["run"]
    return path if run == "1" or run in path else f"{path} ({run})"


def show_shifted(console: Console, shifted: Sequence[Record], runs: int, rate: float) -> None:
    """Print how many have shifted, and those with the most evidence."""
    console.print(heading(len(shifted), runs, rate), soft_wrap=True)
    for named, metric, evidence in lines(shifted):
        console.print(Text(f"  e-value {evidence:>8}  {named}, {metric}"), soft_wrap=True)
    if len(shifted) > MOST:
        console.print(f"  and {len(shifted) - MOST:,} more")
