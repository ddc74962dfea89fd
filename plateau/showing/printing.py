"""Names of other people as they can be shown: a log may call a column whatever it likes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateau.export import LogScan
    from plateau.logs.model import Log, Run

INSTEAD = "\ufffd"
"""Of what a terminal obeys, what turns the direction of text, and halves of characters."""


def printable(text: str) -> str:
    """Return a text as one line that a terminal, a page or a picture only shows."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else " " if each.isspace() else INSTEAD for each in text
    )


def shown(scans: Sequence[LogScan]) -> list[LogScan]:
    """Return scans with names and warnings as people see them; programs get them as they are."""
    return [
        replace(
            scan,
            log=shown_log(scan.log),
            runs=[replace(found, run=shown_run(found.run)) for found in scan.runs],
        )
        for scan in scans
    ]


def shown_log(log: Log) -> Log:
    """Return a log with path and warnings as people see them."""
    warnings = tuple(map(printable, log.warnings))
    return replace(log, path=printable(log.path), warnings=warnings)


def shown_run(run: Run) -> Run:
    """Return a run with names as people see them."""
    return replace(
        run,
        name=printable(run.name),
        metric=printable(run.metric),
        x_name=printable(run.x_name),
        lr_name=None if run.lr_name is None else printable(run.lr_name),
        held_out=None if run.held_out is None else shown_run(run.held_out),
    )
