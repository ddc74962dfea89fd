"""``plateau scan``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    Shifted,
    UnitOption,
    option,
)
from plateau.commands.results import check_files, draw, emit, gate
from plateau.commands.scanning import as_bytes, asking, scanned

if TYPE_CHECKING:
    from plateau.export import LogScan


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
    shifted: Shifted = None,
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
    _check_rate(shifted, output_format)
    read_one = asking(columns, run)
    if archive is not None:
        if output_format is not Format.table or plot or fail_on:
            raise typer.TyperException("--archive takes no --format, --plot and --fail-on")
        from plateau.archive import Asked
        from plateau.commands.archive import scan_archive

        asked = Asked(read_one, settings.rule(), unit.value if unit else None, as_bytes(memory))
        scan_archive(paths, archive, asked, dask, shifted, quiet=quiet)
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
        from plateau.scanning import Scan

        document = scan_document(scans, None if shifted is None else Scan(scans).shifted(shifted))
        emit(output_format, output, document, scan_rows(scans), SCAN_COLUMNS, guard=guard)
    elif not quiet:
        from plateau.showing.summary import is_long, show_summary
        from plateau.showing.terminal import show_scan

        show = show_summary if is_long(scans) else show_scan
        show(console(), scans)
        if shifted is not None:
            _show_shifted(scans, shifted)
    if plot:
        draw(scans, plot)
    gate(scans, fail_on)


def _check_rate(shifted: float | None, output_format: Format) -> None:
    if shifted is None:
        return
    if not 0 < shifted < 1:
        raise typer.TyperException(f"--shifted {shifted}: the share must be above 0 and below 1")
    if output_format not in (Format.table, Format.json):
        raise typer.TyperException("--shifted needs --format table or json, which tell of each run")


def _show_shifted(scans: "list[LogScan]", rate: float) -> None:
    from plateau.export import evidence_of
    from plateau.scanning import Scan
    from plateau.showing.shifts import show_shifted

    whole = Scan(scans)
    paths = {found: one.log.path for one in scans for found in one.runs}
    rows = [
        {
            "path": paths[found],
            "run": found.run.name,
            "metric": found.run.metric,
            "e_value": evidence_of(found),
        }
        for found in whole.shifted(rate)
    ]
    show_shifted(console(), rows, len(whole), rate)
