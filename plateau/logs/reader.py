"""Read a log of any format: find out which it is, and hand its columns to the assembly of runs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import databases, wandb
from plateau.logs.arrow import ARROW, PARQUET, read_arrow
from plateau.logs.assemble import assemble
from plateau.logs.contents import Contents
from plateau.logs.documents import read_document, read_lines, tables_of_records
from plateau.logs.events import read_events
from plateau.logs.folders import read_folder, read_whole
from plateau.logs.frames import is_framed
from plateau.logs.join import blocks
from plateau.logs.material import Material
from plateau.logs.mlflow import is_metric_file, read_metric
from plateau.logs.model import Log, LogError, NoSeriesError
from plateau.logs.opening import STDIN, URL, Stream
from plateau.logs.source import Source, source_of
from plateau.logs.tables import find_layout, read_table
from plateau.logs.text import mine

if TYPE_CHECKING:
    from os import PathLike

    from plateau.detectors import Mode
    from plateau.logs.columns import Table

REFUSED = {  # what a user may well hand us, and how to say what it is
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x89HDF": "an HDF5 file, which is not read",
    b"FEA1": "a Feather file of version 1, which is not read",
    **{bytes([0x80, n]): "a pickle, which is never loaded: is not text" for n in range(2, 6)},
}
HEAD = 32 << 20  # bytes; a longer log is read in parts


def read_log(
    path: str | PathLike[str],
    *,
    metric: str | None = None,
    x: str | None = None,
    lr: str | None = None,
    mode: Mode | None = None,
    run: str | None = None,
) -> Log:
    """Read the metric of a saved training log.

    Text logs of any program, CSV, TSV and white-space tables, JSON lines and JSON documents,
    Parquet and Arrow, TensorBoard event files, SQLite databases, MLflow folders and offline files
    of W&B are read, text also compressed with gzip, xz, bzip2 and zstd. What is not named is
    chosen by name and by behaviour, see :mod:`plateau.logs.choose`, and reported in the runs.

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
    material = read_material(name, metric, x, lr, mode)
    log = Log(name, material.format, tuple(assemble(material)), tuple(material.warnings))
    return log if run is None else _only(log, run)


def read_material(
    path: str, metric: str | None, x: str | None, lr: str | None, mode: Mode | None
) -> Material:
    """Read the columns of a log."""
    warnings: list[str] = []
    if _is_local(path) and is_metric_file(Path(path)):
        own, contents = read_metric(Path(path), warnings)
        metric = metric or own
    else:
        contents = _contents(path, warnings)
    if not contents.tables:
        raise NoSeriesError(f"{path}: no series of numbers found")
    return Material(path, contents.format, contents.tables, contents.numbers, contents.block,
                    warnings, metric, x, lr, mode)  # fmt: skip


def _is_local(path: str) -> bool:
    return path != STDIN and not URL.match(path) and "\0" not in path


def _contents(path: str, warnings: list[str]) -> Contents:
    if _is_local(path) and Path(path).is_dir():
        return read_folder(Path(path), warnings)
    with Stream(path, warnings) as stream:
        head = stream.read(HEAD)
        for magic, what in REFUSED.items():
            if head.startswith(magic):
                raise LogError(f"{path}: the file is {what}")
        if head.startswith(databases.MAGIC):
            in_place = _is_local(path) and not stream.compressed
            data = None if in_place else read_whole(stream, head)
            return databases.read_database(path, data, warnings)
        if head.startswith((PARQUET, ARROW)):
            return read_arrow(path, read_whole(stream, head))
        if head.startswith(wandb.MAGIC):
            records = wandb.read_wandb(read_whole(stream, head), warnings)
            return Contents("wandb", tables_of_records(records), np.arange(1, len(records) + 1))
        if is_framed(head):
            data = read_whole(stream, head)
            return Contents("tensorboard", *read_events([(Path(path).name, data)], warnings))
        data = read_whole(stream, head)
    return _text_contents(source_of(path, data, warnings))


def _text_contents(source: Source) -> Contents:
    kind, tables, rows = _tables(source)
    if rows is None:
        return Contents(kind, tables, source.numbers, blocks(source.lines))
    return Contents(kind, tables, source.numbers[np.array(rows, dtype=np.int64)])


def _tables(source: Source) -> tuple[str, list[Table], list[int] | None]:
    """Format, tables, and the line of each row where rows are not the lines themselves."""
    first = next((line.lstrip()[0] for line in source.lines if line.strip()), "")
    if first == "{" and (found := read_lines(source)):
        return "jsonl", *found
    if first in "{[" and (found := read_document(source)):
        return "json", *found
    layout = find_layout(source.lines)
    if layout:
        return layout.format, *read_table(source, layout)
    return "text", mine(source), None


def _only(log: Log, run: str) -> Log:
    kept = tuple(one for one in log.runs if one.name == run)
    if not kept:
        names = ", ".join(repr(one.name) for one in log.runs)
        raise LogError(f"{log.path}: no run {run!r}; there are {names}")
    return replace(log, runs=kept)
