"""Read a log of any format: find out which it is, and hand its columns to the assembly of runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.assemble import assemble
from plateau.logs.documents import read_document, read_lines
from plateau.logs.join import blocks
from plateau.logs.material import Material
from plateau.logs.model import Log, LogError
from plateau.logs.source import Source, open_source
from plateau.logs.tables import find_layout, read_table
from plateau.logs.text import mine

if TYPE_CHECKING:
    from os import PathLike

    from plateau.base import Mode
    from plateau.logs.columns import Table


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

    Text logs of any program, CSV, TSV and white-space tables, JSON lines and JSON documents are
    read, also compressed with gzip. What is not named is chosen by name and by behaviour, see
    :mod:`plateau.logs.choose`, and reported in the runs.

    Parameters
    ----------
    path : str or path
        The log.
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
    source = open_source(Path(path))
    kind, tables, rows = _tables(source)
    if not tables:
        raise LogError(f"{path}: no series of numbers found in {len(source.lines)} lines")
    numbers = source.numbers if rows is None else source.numbers[np.array(rows, dtype=np.int64)]
    block = blocks(source.lines) if rows is None else None
    material = Material(source.path, tables, numbers, block, source.warnings,
                        metric, x, lr, mode)  # fmt: skip
    log = Log(source.path, kind, tuple(assemble(material)), tuple(source.warnings))
    return log if run is None else _only(log, run)


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
