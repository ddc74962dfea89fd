"""``plateau report``."""

from pathlib import Path
from typing import Annotated

import typer

from plateau.commands.groups import ColumnOptions, RuleOptions, grouped
from plateau.commands.options import (
    OUTPUT,
    Fail,
    Memory,
    Paths,
    Quiet,
    ReportFormat,
    RunName,
    UnitOption,
    option,
)
from plateau.commands.results import gate, write
from plateau.commands.scanning import asking, scanned


@grouped
def report(
    paths: Paths,
    columns: ColumnOptions,
    settings: RuleOptions,
    run: RunName = None,
    unit: UnitOption = None,
    output_format: Annotated[
        ReportFormat, option(OUTPUT, "A page, or a summary for a comment.", "--format")
    ] = ReportFormat.html,
    output: Annotated[
        Path | None,
        option(
            OUTPUT,
            "Where to write it. Default: report.html; Markdown is printed.",
            *("--output", "-o"),
        ),
    ] = None,
    fail_on: Fail = None,
    memory: Memory = None,
    quiet: Quiet = False,
) -> None:
    """Write curves and plateaus of saved logs as one page that opens without a network."""
    if output_format is ReportFormat.html:
        output = output or Path("report.html")
    read_one = asking(columns, run)
    scans = scanned(
        *(paths, read_one, settings.rule, unit, [output]),
        quiet=quiet,
        shown_by="plateau.showing.report",
        memory=memory,
    )
    from plateau.showing.report import html, markdown

    text = html(scans) if output_format is ReportFormat.html else markdown(scans)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write(output, text)
        if not quiet:
            typer.echo(f"Report written to {output}")
    gate(scans, fail_on)
