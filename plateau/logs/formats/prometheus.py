"""Samples with labels, as Prometheus prints them: ``req_seconds{quantile="0.5",path="/a"} 0.13``.

A label tells series apart and is never a value: the samples of the same labels are a run.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Contents, Table, column
from plateau.logs.numerals import number
from plateau.logs.text.blocks import blocks

if TYPE_CHECKING:
    from plateau.logs.files.lines import Source

    Labels = tuple[tuple[str, str], ...]
    Samples = dict[str, tuple[list[int], list[float]]]

SAMPLE = re.compile(r"([A-Za-z_:][\w:.]*)(?:\{([^{}]*)\})?\s+([-+.\w]+)(?:\s+(\d{9,}(?:\.\d+)?))?")
LABEL = re.compile(r'(?<!\w)([A-Za-z_]\w*+)\s*+=~?\s*+"((?:[^"\\]++|\\.)*+)"')
LOOKED_AT, ENOUGH = 200, 0.9  # lines; of them are samples
TIME = "timestamp"
UNNAMED = {"le"}  # labels that are bounds of a histogram's bins
NO_SERIES = ("_bucket", "_sum", "_count", "_created", "_info")  # endings of what is no measurement


def recognise(source: Source) -> dict[str, str] | None:
    """Take lines that are samples, some with labels; nothing else is to be found out about them."""
    lines = [line.strip() for line in source.lines if line.strip()[:1] not in ("", "#")]
    some = list(islice(lines, LOOKED_AT))
    found = [SAMPLE.fullmatch(line) for line in some]
    told = [match for match in found if match and number(match[3]) is not None]
    labelled = any(match[2] and LABEL.search(match[2]) for match in told)
    return {} if labelled and len(told) >= ENOUGH * len(some) else None


def read(source: Source, found: dict[str, str]) -> Contents:
    """Read samples: a table for each set of labels; what all share is no part of a name."""
    del found
    parts: dict[Labels, Samples] = {}
    for row, line in enumerate(source.lines):
        match = SAMPLE.fullmatch(line.strip())
        value = number(match[3]) if match else None
        if not match or value is None or match[1].endswith(NO_SERIES):
            continue
        labels = tuple(LABEL.findall(match[2] or ""))
        if UNNAMED.intersection(name for name, _ in labels):
            continue
        series = parts.setdefault(labels, {})
        _add(series, match[1], row, value)
        if match[4]:
            _add(series, TIME, row, float(match[4]))
    shared = set.intersection(*map(set, parts)) if len(parts) > 1 else set()
    tables = [_table(labels, series, shared) for labels, series in parts.items()]
    return Contents("prometheus", tables, source.numbers, blocks(source.lines))


def _add(series: Samples, name: str, row: int, value: float) -> None:
    rows, values = series.setdefault(name, ([], []))
    rows.append(row)
    values.append(value)


def _table(labels: Labels, series: Samples, shared: set[tuple[str, str]]) -> Table:
    told = [f"{name}={value}" for name, value in labels if (name, value) not in shared]
    columns = [
        column(name, np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))
        for name, (rows, values) in series.items()
    ]
    size = max(len(rows) for rows, _ in series.values())
    return Table(columns, size, ", ".join(told) or None, sparse=True)
