"""CSV, TSV and white-space tables: numbers, and texts that tell rows apart, column by column."""

from __future__ import annotations

from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.behaviour import is_whole
from plateau.logs.columns import Contents
from plateau.logs.formats.layout import Layout, find_layout, rows_of, split, unmixed
from plateau.logs.numerals import number, odd_numbers
from plateau.logs.records.labelled import tables_of, tells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plateau.logs.columns import Data, Table
    from plateau.logs.files.lines import Source
    from plateau.logs.records.labelled import Labels


def recognise(source: Source) -> dict[str, Any] | None:
    """Return the fields of the layout that the lines of a table have; None for other lines."""
    layout = find_layout(source.lines)
    return asdict(layout) if layout else None


def read(source: Source, found: dict[str, Any]) -> Contents:
    """Read the columns of a table."""
    layout = Layout.of(found)
    tables, rows = _read(source, layout)
    return Contents(layout.format, tables, source.numbers[np.array(rows, dtype=np.int64)])


def _read(source: Source, layout: Layout) -> tuple[list[Table], list[int]]:
    """Give the columns, and the line (an index) of each row."""
    rows = [row for row in rows_of(source.lines) if source.lines[row].strip() not in layout.header]
    _drop_cut_row(source, layout, rows)
    if not rows:
        return tables_of({}, {}, 0), rows
    lines = [source.lines[row] for row in rows]
    columns = _plain(lines, layout)
    if columns is None:
        cells, begins = split(lines, layout.separator)
        rows = [rows[begin] for begin in begins]
        columns = [_told(column) for column in _columns(cells, layout.width)]
    names = layout.names or tuple(f"column {index + 1}" for index in range(layout.width))
    series, texts = _named(names, columns)
    _tell_lost(source, series, rows)
    if not layout.names:
        series = name_after_file(series, source.path)
    return tables_of(series, texts, len(rows)), rows


def series_of(
    names: Sequence[str], rows: list[list[str]]
) -> tuple[dict[str, Data], dict[str, Labels]]:
    """Give the columns of numbers and those of texts, of rows that are as wide as the names."""
    return _named(names, [_told(column) for column in _columns(rows, len(names))])


def _named(
    names: Sequence[str], columns: Sequence[tuple[Data, Labels]]
) -> tuple[dict[str, Data], dict[str, Labels]]:
    series: dict[str, Data] = {}
    texts: dict[str, Labels] = {}
    for name, (data, labels) in zip(names, columns, strict=True):
        if len(data[0]):
            series[_unlike(name, series)] = data
        if 2 * len(data[0]) < len(labels) and tells(name, next(iter(labels.values()))):
            texts[name] = labels
    return series, texts


def _unlike(name: str, others: Iterable[str]) -> str:
    """Return the name, with a number if others have it."""
    named = (name if number == 1 else f"{name} ({number})" for number in count(1))
    return next(one for one in named if one not in others)


def _drop_cut_row(source: Source, layout: Layout, rows: list[int]) -> None:
    """Leave out a last line that was cut in the middle, and say so."""
    if not source.cut or len(rows) < 2 or rows[-1] != len(source.lines) - 1:
        return
    (last,), _ = split([source.lines[rows[-1]]], layout.separator)
    if len(last) < layout.width:
        line = source.numbers[rows.pop()]
        source.warnings.append(f"line {line} is cut off and was left out")


def _plain(lines: Sequence[str], layout: Layout) -> list[tuple[Data, Labels]] | None:
    """Read a table of nothing but numbers several times faster; None for others."""
    lines, separator = unmixed(lines, layout.separator)
    try:
        # Characters that are no number, and rows of another width, are errors to it.
        values = np.loadtxt(lines, delimiter=separator or None, comments=None, ndmin=2)
    except ValueError:
        return None
    if values.shape != (len(lines), layout.width):
        return None
    rows = np.arange(len(lines))
    return [((rows, column), {}) for column in np.ascontiguousarray(values.T)]


def _columns(cells: list[list[str]], width: int) -> Iterable[Sequence[str]]:
    """Turn rows into columns; those that are too short or too long are made to fit."""
    full = [row if len(row) == width else (row + [""] * width)[:width] for row in cells]
    return zip(*full, strict=True)


def _told(cells: Sequence[str]) -> tuple[Data, Labels]:
    """Take the cells that are numbers; all cells, where some are none.

    A wrong cell costs itself, not the column.
    """
    try:
        return (np.arange(len(cells)), np.array(list(map(float, cells)))), {}
    except ValueError:
        labels = {row: label for row, cell in enumerate(cells) if (label := cell.strip())}
    rows, held = list(labels), list(labels.values())
    found = [_number(label) for label in held]
    odd = [index for index, value in enumerate(found) if value is None]
    usual = 2 * len(odd) >= len(held)  # "5s" among plain numbers is a remark, no number
    read = odd_numbers if usual else _odd_alone
    for index, value in zip(odd, read([held[index] for index in odd]), strict=True):
        found[index] = value
    present = [index for index, value in enumerate(found) if value is not None]
    values = [value for value in found if value is not None]
    at = np.array(rows, dtype=np.int64)[present]
    return (at, np.array(values, dtype=np.float64)), labels


def _odd_alone(cells: Sequence[str]) -> list[float | None]:
    return [number(cell) for cell in cells]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _tell_lost(source: Source, series: dict[str, Data], rows: list[int]) -> None:
    """Warn of lines without any number."""
    full = np.zeros(len(rows), dtype=bool)
    for at, _ in series.values():
        full[at] = True
    lost = np.flatnonzero(~full)
    if len(lost):
        source.warnings.append(
            f"{len(lost)} lines hold no numbers and were left out, "
            f"the first is line {source.numbers[rows[lost[0]]]}"
        )


def name_after_file(series: dict[str, Data], path: str) -> dict[str, Data]:
    """Name the one series of a table without header after its file, as in ``metrics/loss``."""
    measured = [
        name
        for name, (_, values) in series.items()
        if not (is_whole(values) and np.all(np.diff(values) > 0))
    ]
    if len(measured) != 1:
        return series
    stem = Path(path).name.split(".")[0]
    return {stem if name in measured else name: data for name, data in series.items()}
