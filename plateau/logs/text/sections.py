"""Sections of a log: lines such as "Eval begin..." say that the rows after them are held out."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Column
from plateau.logs.names import as_x

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plateau.logs.columns import Data
    from plateau.logs.text.shapes import LineTable

HELD_OUT = re.compile(
    r"^[^\d\n]{0,40}?\b(?:eval|valid|test)[^\d\n]{0,40}$", re.IGNORECASE | re.MULTILINE
)
TRAINING = re.compile(r"^[^\n]{0,40}?\b(?:epoch|train)[^\n]{0,40}$", re.IGNORECASE | re.MULTILINE)
SECTIONS = 2  # at least
BACK = 0.9  # of the sections begin with a smaller count than the rows before end with


def in_sections(tables: Sequence[LineTable], lines: list[str]) -> list[LineTable]:
    """Take the rows of held-out sections out of tables that have them among others.

    A section is one only if a counter starts again in it and after it: else the line may tell of
    something that is over.
    """
    counters = [_counter(table) for table in tables]
    marks = _marks(lines) if any(counters) else []
    if not any(held_out for _, held_out in marks):
        return list(tables)
    at = np.array([row for row, _ in marks])
    held = np.array([held_out for _, held_out in marks])
    return [
        part
        for table, counter in zip(tables, counters, strict=True)
        for part in (_parted(table, counter, at, held) if counter else [table])
    ]


def _counter(table: LineTable) -> Column | None:
    if any(item.held_out for item in table.columns):
        return None
    counters = (item for item in table.columns if as_x.x_points(item) > as_x.X_EPOCH)
    return next(counters, None)


def _marks(lines: list[str]) -> list[tuple[int, bool]]:
    """Rows of the lines that begin sections, and whether these are held out."""
    text = "\n".join(lines)
    held_out = [found.start() for found in HELD_OUT.finditer(text)]
    if len(held_out) < SECTIONS:
        return []
    begins = np.cumsum([0, *(len(line) + 1 for line in lines)])
    places = [(place, True) for place in held_out]
    places += [(found.start(), False) for found in TRAINING.finditer(text)]
    places.sort()
    return [(int(np.searchsorted(begins, at, side="right")) - 1, held) for at, held in places]


def _parted(
    table: LineTable, counter: Column, at: NDArray[np.int64], held_out: NDArray[np.bool_]
) -> list[LineTable]:
    """Take a table apart, given the rows of the marks and which of them begin held-out sections."""
    rows = counter.rows
    if (at[np.searchsorted(at, rows).clip(max=len(at) - 1)] == rows).any():
        others = ~np.isin(at, rows)  # its own lines are no marks
        at, held_out = at[others], held_out[others]
    held = np.insert(held_out, 0, False)[np.searchsorted(at, rows, side="right")]
    begins = np.flatnonzero(held[1:] & ~held[:-1]) + 1
    ends = np.flatnonzero(~held[1:] & held[:-1]) + 1
    x = counter.values
    if len(begins) < SECTIONS or len(ends) < len(begins) - 1 or not _start_again(x, begins, ends):
        return [table]
    return [_only(table, rows[~held], held_out=False), _only(table, rows[held], held_out=True)]


def _start_again(
    x: NDArray[np.float64], begins: NDArray[np.int64], ends: NDArray[np.int64]
) -> bool:
    return all(np.mean(x[places] < x[places - 1]) >= BACK for places in (begins, ends))


def _only(table: LineTable, rows: NDArray[np.int64], *, held_out: bool) -> LineTable:
    columns = [
        Column(item.name, partial(_at, item, rows), held_out=held_out, implied=item.implied)
        for item in table.columns
    ]
    return replace(table, columns=columns, size=len(rows))


def _at(item: Column, rows: NDArray[np.int64]) -> Data:
    keep = np.isin(item.rows, rows)
    return item.rows[keep], item.values[keep]
