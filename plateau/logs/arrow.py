"""Parquet and Arrow files.

Polars reads them, in a process of its own: on some damaged files it ends the process that it is in.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import numbers_of
from plateau.logs.contents import Contents
from plateau.logs.model import LogError
from plateau.logs.records import tables_of

if TYPE_CHECKING:
    import polars as pl

PARQUET, ARROW = b"PAR1", b"ARROW1"
TOLD = 3  # exit code where the reason is the last line on standard error
PROCESS = "import sys; sys.path[:] = {path!r}; from plateau.logs.arrow import convert; convert()"


def read_arrow(path: str, data: bytes) -> Contents:
    """Read all columns that hold numbers, or texts that tell rows apart."""
    kind = "parquet" if data.startswith(PARQUET) else "arrow"
    command = [sys.executable, "-c", PROCESS.format(path=sys.path)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        told = done.stderr.decode(errors="replace").splitlines()[-1:]
        reason = told[0] if done.returncode == TOLD and told else f"the {kind} file is damaged"
        raise LogError(f"{path}: cannot be read: {reason}")
    with np.load(io.BytesIO(done.stdout)) as arrays:
        size, names, texts = json.loads(arrays["told"].tobytes())
        series = {
            name: (arrays[f"rows{index}"], arrays[f"values{index}"])
            for index, name in enumerate(names)
        }
    return Contents(kind, tables_of(series, texts, size), np.arange(1, size + 1, dtype=np.int64))


def convert() -> None:
    """Turn a file on standard input into arrays on standard output."""
    import polars as pl

    data = io.BytesIO(sys.stdin.buffer.read())
    try:
        parquet = data.getvalue().startswith(PARQUET)
        arrays = arrays_of(pl.read_parquet(data) if parquet else pl.read_ipc(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        sys.stderr.write((str(error) or "damaged").splitlines()[0])  # for read_arrow
        sys.exit(TOLD)
    np.savez(sys.stdout.buffer, **arrays)


def arrays_of(frame: pl.DataFrame) -> dict[str, Any]:
    """Numbers and texts of a data frame, also of structs in it."""
    import polars as pl
    import polars.selectors as cs

    while nested := [name for name, type_ in frame.schema.items() if isinstance(type_, pl.Struct)]:
        frame = frame.unnest(nested, separator=".")
    frame = frame.with_columns(cs.temporal().cast(pl.Int64), cs.categorical().cast(pl.String))
    arrays: dict[str, Any] = {}
    names: list[str] = []
    texts: dict[str, list[str | None]] = {}
    for column in frame.select(cs.numeric() | cs.string()):
        if column.dtype == pl.String:
            texts[column.name] = column.to_list()
            continue
        rows, values = numbers_of(column)
        if len(rows):
            arrays |= {f"rows{len(names)}": rows, f"values{len(names)}": values}
            names.append(column.name)
    told = json.dumps([frame.height, names, texts]).encode()
    return {**arrays, "told": np.frombuffer(told, dtype=np.uint8)}
