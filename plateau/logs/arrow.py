"""Parquet and Arrow files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.contents import Contents
from plateau.logs.model import LogError
from plateau.logs.records import tables_of
from plateau.logs.tables import numbers_of

if TYPE_CHECKING:
    import polars as pl

    from plateau.logs.columns import Data

PARQUET, ARROW, FEATHER = b"PAR1", b"ARROW1", b"FEA1"


def read_arrow(path: str, data: bytes) -> Contents:
    """Read all columns that hold numbers, or texts that tell rows apart."""
    import polars as pl

    try:
        if data.startswith(PARQUET):
            kind, frame = "parquet", pl.read_parquet(io.BytesIO(data))
        else:
            kind, frame = "arrow", pl.read_ipc(io.BytesIO(data))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else "damaged"
        raise LogError(f"{path}: cannot be read: {reason}") from None
    return contents_of(kind, frame)


def contents_of(kind: str, frame: pl.DataFrame) -> Contents:
    """Tables of a data frame."""
    import polars as pl
    import polars.selectors as cs

    while nested := [name for name, type_ in frame.schema.items() if isinstance(type_, pl.Struct)]:
        frame = frame.unnest(nested, separator=".")
    frame = frame.with_columns(cs.temporal().cast(pl.Int64), cs.categorical().cast(pl.String))
    series: dict[str, Data] = {}
    texts: dict[str, list[str | None]] = {}
    for column in frame.select(cs.numeric() | cs.string()):
        if column.dtype == pl.String:
            texts[column.name] = column.to_list()
            continue
        found = numbers_of(column)
        if len(found[0]):
            series[column.name] = found
    tables = tables_of(series, texts, frame.height)
    return Contents(kind, tables, np.arange(1, frame.height + 1, dtype=np.int64))
