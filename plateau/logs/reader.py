"""Read a log of any format: find out which it is, and hand its columns to the assembly of runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plateau.logs.choosing.asked import Asked, Material
from plateau.logs.choosing.runs import assemble, select
from plateau.logs.columns import Contents
from plateau.logs.files.lines import UTF16, Source, source_of
from plateau.logs.files.stream import Stream, is_folder, is_local
from plateau.logs.formats.format import Head, Lines
from plateau.logs.formats.known import FILE_FORMATS, file_format, lines_of, read_folder
from plateau.logs.formats.layout import Layout
from plateau.logs.large.fast import FastTable, fast_text
from plateau.logs.large.parts import Parts, parts
from plateau.logs.model import Log, LogError, NoSeriesError

if TYPE_CHECKING:
    from os import PathLike

    from plateau.base import Mode
    from plateau.logs.choosing.runs import Selection
    from plateau.logs.columns import Table

HEAD = 16 << 20  # bytes; a longer log is read in parts
PLAIN_SEPARATORS = (",", "\t")
SAMPLE = 2 << 20  # bytes that tell which columns of a longer log matter

Told = Callable[[int, "int | None"], None]


def read_log(
    path: str | PathLike[str],
    *,
    metric: str | None = None,
    x: str | None = None,
    lr: str | None = None,
    mode: Mode | None = None,
    run: str | None = None,
    equals: bool = False,
    told: Told = lambda read, size: None,
) -> Log:
    """Read the metric of a saved training log.

    Text logs of any program, CSV, TSV and white-space tables, JSON lines and JSON documents,
    Parquet and Arrow, TensorBoard event files, SQLite databases, MLflow folders and offline files
    of W&B are read, text also compressed with gzip, xz, bzip2 and zstd. What is not named is
    chosen by name and by behaviour, see `plateau.logs.names`, and reported in the runs.

    Parameters
    ----------
    path : str or path
        The log: a file, a folder with the event files or the metrics of one run, a URL that fsspec
        opens, or ``-`` for standard input.
    metric, x, lr : str, optional
        Names of columns; case and punctuation may differ, and a unique ending is enough.
    mode : {"min", "max", "both"}, optional
        The direction of progress, where the metric's name tells it wrong.
    run : str, optional
        Keep the run of this name only.
    equals : bool
        Also give the runs of other metrics that are as good as the one that is chosen.
    told : callable, optional
        Hears how many bytes of a large log were read, and how many it has, None where unknown.

    Returns
    -------
    Log
        With at least one run, each of at least one row.

    Raises
    ------
    LogError
        Where the file cannot be read or holds no such series. The text is one line which names
        the file.
    """
    if mode not in (None, "min", "max", "both"):
        raise LogError(f"{path}: mode is {mode!r}, expected 'min', 'max' or 'both'")
    name = os.fspath(path)
    material = read_material(name, Asked(metric, x, lr, mode, equals), told)
    log = Log(name, material.contents.format, tuple(assemble(material)), tuple(material.warnings))
    return log if run is None else _only(log, run)


def read_material(path: str, asked: Asked, told: Told = lambda read, size: None) -> Material:
    """Read the columns of a log."""
    warnings: list[str] = []
    contents = _contents(path, asked, warnings, told)
    if not contents.tables:
        why = f"; {warnings[0]}" if warnings else ""
        telling = any(contents.format in one.names for one in FILE_FORMATS if one.telling)
        kind = LogError if telling else NoSeriesError
        raise kind(f"{path}: no series of numbers found{why}")
    asked = replace(asked, metric=asked.metric or contents.metric)
    return Material(path, contents, warnings, asked)


def _contents(path: str, asked: Asked, warnings: list[str], told: Told) -> Contents:
    if is_local(path) and is_folder(path):
        return read_folder(Path(path), warnings)
    with Stream(path, warnings) as stream:
        head = Head(stream.head(HEAD), path, is_local(path))
        if known := file_format(head):
            return known.read(stream, warnings)
        if stream.fits(HEAD) or head.data.startswith(UTF16):
            return _whole(stream, warnings)
        return _in_parts(stream, asked, warnings, told)


def _whole(stream: Stream, warnings: list[str]) -> Contents:
    source = source_of(stream.path, stream.whole(), warnings)
    return lines_of(source).read(source)


def _in_parts(stream: Stream, asked: Asked, warnings: list[str], told: Told) -> Contents:
    """Read a log that is too large for the memory."""
    path, head = stream.path, stream.head(HEAD)
    sample = head[: head.rfind(b"\n", 0, SAMPLE) + 1]
    source = source_of(path, sample or head, [])
    lines = lines_of(source)
    if not sample or not lines.format.in_parts:
        return _whole(stream, warnings)
    first = Material(path, lines.read(source), [], replace(asked, equals=False))
    if not first.contents.tables:
        raise NoSeriesError(f"{path}: no series of numbers found in its first {SAMPLE >> 20} MiB")
    selections = select(first)
    together = Parts(selections)
    fast_part, fast_lines = _fast(source, first, selections, lines, together.wanted)
    first_line = 0
    for part in parts(stream, told):
        count = part.count(b"\n")
        contents = fast_part(part, count) if fast_part else None
        if contents:
            contents = replace(contents, numbers=contents.numbers + first_line)
        else:
            source = source_of(path, part, warnings, last=stream.ended)
            source = replace(source, numbers=source.numbers + first_line)
            tables = fast_lines(source) if fast_lines and not source.cut else None
            if tables is None:
                contents = lines.read_part(source, {})
            else:
                contents = Contents(first.contents.format, tables, source.numbers)
        together.add(Material(path, contents, warnings, asked))
        first_line += count
    return together.contents(first.contents.format)


def _fast(
    source: Source,
    first: Material,
    selections: list[Selection],
    lines: Lines,
    wanted: set[str],
) -> tuple[
    Callable[[bytes, int], Contents | None] | None, Callable[[Source], list[Table] | None] | None
]:
    """Return faster readers of parts, of bytes or of lines, where the sample allows them."""
    if len(selections) > 1:
        return None, None
    if "csv" in lines.format.names:
        layout = Layout.of(lines.found)
        plain = layout.separator in PLAIN_SEPARATORS and len(first.tables) == 1
        return FastTable(layout, wanted).read if plain else None, None
    if "text" in lines.format.names:
        return None, fast_text(source, first.tables, wanted, selections[0].metric)
    return None, None


def _only(log: Log, run: str) -> Log:
    kept = tuple(one for one in log.runs if one.name == run)
    if not kept:
        names = ", ".join(dict.fromkeys(repr(one.name) for one in log.runs))
        raise LogError(f"{log.path}: no run {run!r}; there are {names}")
    return replace(log, runs=kept)
