"""``plateau scan``."""

from pathlib import Path
from typing import Annotated

import typer

from plateau.commands.groups import ColumnOptions, RuleOptions, grouped
from plateau.commands.messages import console
from plateau.commands.options import (
    OUTPUT,
    Fail,
    Format,
    Guard,
    Memory,
    Output,
    OutputFile,
    Paths,
    Plot,
    Quiet,
    RunName,
    UnitOption,
    option,
)
from plateau.commands.results import check_files, draw, emit, gate
from plateau.commands.scanning import as_bytes, asking, scanned


@grouped
def scan(
    paths: Paths,
    columns: ColumnOptions,
    settings: RuleOptions,
    run: RunName = None,
    unit: UnitOption = None,
    output_format: Output = Format.table,
    output: OutputFile = None,
    plot: Plot = None,
    fail_on: Fail = None,
    memory: Memory = None,
    guard: Guard = True,
    archive: Annotated[
        Path | None,
        option(
            OUTPUT,
            "Folder that takes the results of any number of logs as Parquet, part by part; what is "
            "there is not done again.",
            "--archive",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        option(OUTPUT, "With --archive: scheduler of Dask, or local for one of this machine."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Find the plateaus of every run in saved logs."""
    check_files(output_format, output, plot)
    read_one = asking(columns, run)
    if archive is not None:
        if output_format is not Format.table or plot or fail_on:
            raise typer.TyperException("--archive takes no --format, --plot and --fail-on")
        from plateau.archive import Asked
        from plateau.commands.archive import scan_archive

        asked = Asked(read_one, settings.rule(), unit.value if unit else None, as_bytes(memory))
        scan_archive(paths, archive, asked, dask, quiet=quiet)
        return
    if dask is not None:
        raise typer.TyperException("--dask needs --archive FOLDER")
    shown_by = "plateau.showing.terminal" if output_format is Format.table and not quiet else None
    outputs = [output, plot]
    scans = scanned(
        *(paths, read_one, settings.rule, unit, outputs),
        quiet=quiet,
        shown_by=shown_by,
        memory=memory,
    )
    if output_format is not Format.table:
        from plateau.export import SCAN_COLUMNS, scan_document, scan_rows

        rows = scan_rows(scans)
        emit(output_format, output, scan_document(scans), rows, SCAN_COLUMNS, guard=guard)
    elif not quiet:
        from plateau.showing.summary import is_long, show_summary
        from plateau.showing.terminal import show_scan

        show = show_summary if is_long(scans) else show_scan
        show(console(), scans)
    if plot:
        draw(scans, plot)
    gate(scans, fail_on)
