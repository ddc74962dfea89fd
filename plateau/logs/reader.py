"""Read a log of any format: find out which it is, and hand its columns to the assembly of runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choosing.asked import Asked, Material
from plateau.logs.choosing.in_force import blocks
from plateau.logs.choosing.runs import assemble, select
from plateau.logs.columns import Contents
from plateau.logs.files.lines import UTF16, Source, source_of
from plateau.logs.files.stream import STDIN, URL, Stream
from plateau.logs.formats import sqlite, wandb
from plateau.logs.formats.arrays import NPY, ZIP, holds_arrays, read_arrays
from plateau.logs.formats.columnar import ARROW, PARQUET, read_arrow
from plateau.logs.formats.documents import (
    document_of,
    is_lines,
    message_field,
    messages,
    read_document,
    read_lines,
    tables_of_records,
)
from plateau.logs.formats.folders import EVENTS, read_folder, read_whole
from plateau.logs.formats.frames import is_framed
from plateau.logs.formats.layout import find_layout
from plateau.logs.formats.mlflow import is_metric_file, read_metric
from plateau.logs.formats.notebook import cells_of, read_notebook
from plateau.logs.formats.prometheus import is_exposition, read_exposition
from plateau.logs.formats.separated import read_table
from plateau.logs.formats.tensorboard import read_events
from plateau.logs.large.fast import FastTable, fast_text
from plateau.logs.large.parts import Parts, parts
from plateau.logs.model import Log, LogError, NoSeriesError
from plateau.logs.text.shapes import mine

if TYPE_CHECKING:
    from os import PathLike

    from plateau.base import Mode
    from plateau.logs.choosing.runs import Selection
    from plateau.logs.columns import Table
    from plateau.logs.formats.layout import Layout
    from plateau.logs.text.shapes import Headed

REFUSED = {  # what a user may well hand us, and how to say what it is
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x89HDF": "an HDF5 file, which is not read: save its curves with pandas' to_csv",
    b"MATLAB 5.0": "a MATLAB file, which is not read: save its curves with writematrix",
    b"FEA1": "a Feather file of version 1, which is not read",
    **{bytes([0x80, n]): "a pickle, which is never loaded: is not text" for n in range(2, 6)},
}
HEAD = 16 << 20  # bytes; a longer log is read in parts
BINARY = ("tensorboard", "wandb", "sqlite")  # formats that nothing else looks like
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
    chosen by name and by behaviour, see :mod:`plateau.logs.names.judge`, and reported in the runs.

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
    if _is_local(path) and is_metric_file(Path(path)):
        own, contents = read_metric(Path(path), warnings)
        asked = replace(asked, metric=asked.metric or own)
    else:
        contents = _contents(path, asked, warnings, told)
    if not contents.tables:
        why = f"; {warnings[0]}" if warnings else ""
        kind = LogError if contents.format in BINARY else NoSeriesError
        raise kind(f"{path}: no series of numbers found{why}")
    return Material(path, contents, warnings, asked)


def _is_local(path: str) -> bool:
    return path != STDIN and not URL.match(path) and "\0" not in path


def _contents(path: str, asked: Asked, warnings: list[str], told: Told) -> Contents:
    if _is_local(path) and os.path.isdir(path):  # noqa: PTH112 - as in plateau.logs.several.find
        return read_folder(Path(path), warnings)
    with Stream(path, warnings) as stream:
        head = stream.read(HEAD)
        if head.startswith((NPY, ZIP)):
            head = read_whole(stream, head)
            if head.startswith(NPY) or holds_arrays(head):
                return read_arrays(path, head, warnings)
        for magic, what in REFUSED.items():
            if head.startswith(magic):
                raise LogError(f"{path}: the file is {what}")
        if head.startswith(sqlite.MAGIC):
            in_place = _is_local(path) and not stream.compressed
            data = None if in_place else read_whole(stream, head)
            return sqlite.read_database(path, data, warnings)
        if head.startswith((PARQUET, ARROW)):
            return read_arrow(path, read_whole(stream, head))
        if head.startswith(wandb.MAGIC):
            records = wandb.read_wandb(read_whole(stream, head), warnings)
            return Contents("wandb", tables_of_records(records), np.arange(1, len(records) + 1))
        if is_framed(head) or EVENTS in Path(path).name:
            data = read_whole(stream, head)
            return Contents("tensorboard", *read_events([(Path(path).name, data)], warnings))
        if stream.ended or head.startswith(UTF16):
            source = source_of(path, read_whole(stream, head), warnings)
            return with_lines(source, kind_of(source))
        return _in_parts(stream, head, asked, warnings, told)


def _in_parts(
    stream: Stream, head: bytes, asked: Asked, warnings: list[str], told: Told
) -> Contents:
    """Read a log that is too large for the memory."""
    path = stream.path
    sample = head[: head.rfind(b"\n", 0, SAMPLE) + 1]
    source = source_of(path, sample or head, [])
    kind = kind_of(source)
    if not sample or kind.name in ("json", "notebook"):
        source = source_of(path, read_whole(stream, head), warnings)
        return with_lines(source, kind_of(source))
    first = Material(path, with_lines(source, kind), [], replace(asked, equals=False))
    if not first.contents.tables:
        raise NoSeriesError(f"{path}: no series of numbers found in its first {SAMPLE >> 20} MiB")
    selections = select(first)
    together = Parts(selections)
    fast_part, fast_lines = _fast(source, kind, first, selections, together.wanted)
    first_line = 0
    for part in parts(stream, head, told):
        lines = part.count(b"\n")
        contents = fast_part(part, lines) if fast_part else None
        if contents:
            contents = replace(contents, numbers=contents.numbers + first_line)
        else:
            source = source_of(path, part, warnings, last=stream.ended)
            source = replace(source, numbers=source.numbers + first_line)
            tables = fast_lines(source) if fast_lines and not source.cut else None
            if tables is None:
                contents = with_lines(source, kind, part=True)
            else:
                contents = Contents(kind.name, tables, source.numbers)
        together.add(Material(path, contents, warnings, asked))
        first_line += lines
    return together.contents(kind.name)


def _fast(
    source: Source, kind: Kind, first: Material, selections: list[Selection], wanted: set[str]
) -> tuple[
    Callable[[bytes, int], Contents | None] | None, Callable[[Source], list[Table] | None] | None
]:
    """Return faster readers of parts, of bytes or of lines, where the sample allows them."""
    if len(selections) > 1:
        return None, None
    if kind.layout and kind.layout.separator in PLAIN_SEPARATORS and len(first.tables) == 1:
        return FastTable(kind.layout, wanted).read, None
    if kind.name == "text":
        return None, fast_text(source, first.tables, wanted, selections[0].metric)
    return None, None


def with_lines(
    source: Source, kind: Kind, *, part: bool = False, headed: Headed | None = None
) -> Contents:
    """Read lines, of which it is known what they are; ``headed`` as in `mine`."""
    if part and kind.name == "text" and not source.cut:
        # What comes once in a part may well recur in the log; a part may lie within one block.
        block = blocks(source.lines)
        whole = bool(len(block)) and block[-1] > 0
        return Contents(
            kind.name, list(mine(source, 1, headed)), source.numbers, block if whole else None
        )
    if kind.contents:
        return kind.contents
    tables, rows = kind.read(source)
    if rows is None:
        return Contents(kind.name, list(tables), source.numbers, blocks(source.lines))
    return Contents(kind.name, list(tables), source.numbers[np.array(rows, dtype=np.int64)])


@dataclass(frozen=True)
class Kind:
    """What the lines of a log are, and how to read them, or what was read already."""

    name: str
    read: Callable[[Source], tuple[Sequence[Table], list[int] | None]] = lambda _: ([], None)
    layout: Layout | None = None
    contents: Contents | None = None


def kind_of(source: Source) -> Kind:
    """Find out what the lines of a log are."""
    first = next((line.lstrip()[0] for line in source.lines if line.strip()), "")
    if first == "{" and is_lines(source):
        if field := message_field(source):
            return Kind("jsonl", lambda part: (mine(messages(part, field)), None))
        return Kind("jsonl", read_lines)
    if first in "{[" and (document := document_of(source)) is not None:
        if (cells := cells_of(document)) is not None:
            return Kind("notebook", contents=read_notebook(source, cells))
        if found := read_document(source, document):
            return Kind("json", lambda _: found)
    if is_exposition(source):
        return Kind("prometheus", lambda part: (read_exposition(part), None))
    return lines_of(find_layout(source.lines))


def lines_of(layout: Layout | None) -> Kind:
    """Return how to read the lines of a table, or of a text where there is no layout."""
    if layout:
        return Kind(layout.format, partial(read_table, layout=layout), layout)
    return Kind("text", lambda source: (mine(source), None))


def _only(log: Log, run: str) -> Log:
    kept = tuple(one for one in log.runs if one.name == run)
    if not kept:
        names = ", ".join(repr(one.name) for one in log.runs)
        raise LogError(f"{log.path}: no run {run!r}; there are {names}")
    return replace(log, runs=kept)
