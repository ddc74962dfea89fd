"""``plateau scan``."""

from plateau.commands.groups import ColumnOptions, RuleOptions, grouped
from plateau.commands.messages import console
from plateau.commands.options import (
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
)
from plateau.commands.results import check_files, draw, emit, gate
from plateau.commands.scanning import asking, scanned


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
    quiet: Quiet = False,
) -> None:
    """Find the plateaus of every run in saved logs."""
    check_files(output_format, output, plot)
    read_one = asking(columns, run)
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
