"""Parquet and Arrow files.

Polars reads them, in a process of its own: on some damaged files it ends the process that it is
in, or never comes back.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.model import LogError
from plateau.logs.numerals import numbers_of
from plateau.logs.processes.worker import EndedError, Worker
from plateau.logs.records.labelled import tables_of, tells

if TYPE_CHECKING:
    import polars as pl

    from plateau.logs.columns import Data
    from plateau.logs.files.stream import Stream
    from plateau.logs.records.labelled import Labels

    Columns = tuple[int, dict[str, Data], dict[str, Labels]]

PARQUET, ARROW = b"PAR1", b"ARROW1"
MOST_CELLS = 1 << 26  # cells; so many may be packed into a few kilobytes
TOO_MANY = f"more than {MOST_CELLS:,} cells are not read"
LIMIT, SLOWEST = 60.0, 4 << 20  # seconds for any file, and bytes a second for a large one

worker = cache(Worker)
"""Return the process for all files, which takes half a second to start."""


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read all columns that hold numbers, or texts that tell rows apart."""
    del warnings  # a damaged file is not read at all
    path, data = stream.path, stream.whole()
    kind = "parquet" if data.startswith(PARQUET) else "arrow"
    limit = LIMIT + len(data) / SLOWEST
    try:
        size, series, texts = worker().call(columns_of, data, limit=limit)
    except EndedError:
        raise LogError(f"{path}: cannot be read: the {kind} file is damaged") from None
    except TimeoutError:
        took = f"reading it took more than {limit:.0f} s"
        raise LogError(f"{path}: cannot be read: {took}, the {kind} file may be damaged") from None
    except ValueError as error:
        raise LogError(f"{path}: cannot be read: {error}") from None
    return Contents(kind, tables_of(series, texts, size), np.arange(1, size + 1, dtype=np.int64))


def columns_of(data: bytes) -> Columns:
    """Count the rows of a file and take its columns of numbers and of texts."""
    import polars as pl

    file = io.BytesIO(data)
    try:
        if data.startswith(PARQUET):
            rows = pl.scan_parquet(file).select(pl.len()).collect().item()
            width = len(pl.read_parquet_schema(io.BytesIO(data)))
            if rows * width > MOST_CELLS:
                raise ValueError(f"it has {rows:,} rows of {width} columns: {TOO_MANY}")
            file.seek(0)
        return _columns(pl.read_parquet(file) if data.startswith(PARQUET) else pl.read_ipc(file))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ValueError((str(error) or "damaged").splitlines()[0]) from None


def _columns(frame: pl.DataFrame) -> Columns:
    """Take numbers and texts of a data frame, also of structs in it."""
    import polars as pl
    import polars.selectors as cs

    while nested := [name for name, type_ in frame.schema.items() if isinstance(type_, pl.Struct)]:
        frame = frame.unnest(nested, separator=".")
    frame = frame.with_columns(cs.temporal().cast(pl.Int64), cs.categorical().cast(pl.String))
    series: dict[str, Data] = {}
    texts: dict[str, Labels] = {}
    for column in frame.select(cs.numeric() | cs.string()):
        if column.dtype == pl.String:
            held = column.is_not_null().arg_true()
            if len(held) and tells(column.name, column[held[0]]):
                texts[column.name] = dict(zip(held, column.drop_nulls(), strict=True))
        elif len((data := numbers_of(column))[0]):
            series[column.name] = data
    return frame.height, series, texts
