"""Where results go: standard output, files, pictures, and the exit code."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from plateau.commands.messages import clear_errors, complain
from plateau.commands.options import FailOn, Format
from plateau.logs.files.stream import STDIN, resolved
from plateau.watching.tail import ROTATED

if TYPE_CHECKING:
    from plateau.export import Columns, LogScan

COMPANIONS = {"-wal", "-shm", "-journal"}


def emit(
    output_format: Format,
    output: Path | None,
    document: dict[str, Any],
    rows: list[dict[str, Any]],
    columns: "Columns",
    *,
    guard: bool,
) -> None:
    """Print results for programs, or write them to a file."""
    from plateau.export import rendered, write_whole

    data = rendered(output_format.value, document, rows, columns, guard=guard)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    with clear_errors(output):
        write_whole(output, data)


def write(path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all."""
    from plateau.export import write_whole

    with clear_errors(path):
        write_whole(path, text.encode())


def gate(scans: "list[LogScan]", fail_on: Sequence[FailOn] | None) -> None:
    """Exit with 1 if a run ends as it must not; say so of metrics that never can."""
    if FailOn.worsening in (fail_on or ()):
        tell_no_direction(scans)
    failings = {one for scan in scans for found in scan.runs for one in found.failings}
    if failings & {each.value for each in fail_on or ()}:
        raise typer.Exit(1)


def tell_no_direction(scans: "list[LogScan]") -> None:
    """Say which metrics have no better direction, and so cannot get worse."""
    from plateau.showing.wording import never_worsens

    named = {
        (scan.log.path, found.run.metric): None
        for scan in scans
        for found in scan.runs
        if found.run.mode == "both"
    }
    for path, metric in named:
        complain(f"{path}: {never_worsens(metric)}")


def draw(scans: "list[LogScan]", plot: Path) -> None:
    """Write the picture; say so if not every run fits."""
    with clear_errors(plot):
        from plateau.showing.plots import plot_scans  # refused where MPLBACKEND names no backend

        left_out = plot_scans(scans, plot)
    if left_out:
        complain(f"{plot}: {left_out} more runs are not shown, choose one with --run")


def keep_apart(logs: Iterable[str], outputs: Iterable[Path | None]) -> None:
    """Refuse to write over a log, or over another output."""
    taken = {resolved(log) for log in logs if log != STDIN}
    folders = {path for path in taken if path.is_dir()}
    taken |= {resolved(file) for folder in folders for file in folder.rglob("*")}
    for output in filter(None, outputs):
        there = resolved(output)
        if there in taken or (resolved(output.parent) / output.name) in taken:
            raise typer.TyperException(f"{output}: is a log or another output: name another file")
        if not folders.isdisjoint(there.parents):
            raise typer.TyperException(
                f"{output}: lies in the folder of a run that is read: name another file"
            )
        if any(_goes_with(there, log) for log in taken - folders):
            raise typer.TyperException(f"{output}: belongs to a log: name another file")
        taken.add(there)


def _goes_with(file: Path, log: Path) -> bool:
    """Whether a file has the name of what SQLite keeps beside a log, or of an older log."""
    rest = file.name.removeprefix(log.name)
    beside = file.parent == log.parent and rest != file.name
    return beside and (rest in COMPANIONS or ROTATED.fullmatch(rest) is not None)


def check_files(output_format: Format, output: Path | None, plot: Path | None) -> None:
    """Refuse files that could not be written, before the work."""
    if output and output_format is Format.table:
        raise typer.TyperException("--output needs --format json, jsonl, csv or parquet")
    if output_format is Format.parquet and not output and sys.stdout.isatty():
        raise typer.TyperException("parquet is no text: give a file with --output")
    if plot and plot.suffix.lower() not in (".png", ".svg"):
        raise typer.TyperException(f"--plot {plot}: the name must end in .png or .svg")
