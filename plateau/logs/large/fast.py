"""Parts of large logs, read many times faster once it is known what the lines look like.

What these cannot read as the thorough readers would, they leave to them.
"""

from __future__ import annotations

import io
import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choosing.metrics import same
from plateau.logs.columns import Column, Contents, Table
from plateau.logs.files.lines import Source
from plateau.logs.numerals import numbers_of
from plateau.logs.text.shapes import IS_NUMBER, LineTable, mine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

    import polars as pl
    from numpy.typing import NDArray

    from plateau.logs.columns import Data
    from plateau.logs.formats.layout import Layout
    from plateau.logs.text.slots import Slot

    Rows = NDArray[np.int64]

ODD_MOST = 0.2  # of the lines; above, the thorough reader is as fast
NUMBER = (
    r"[-+]?(?:[0-9][0-9.,]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|[nN][aA][nN]|[iI][nN][fF](?:inity)?)"
)
DIGITS = re.compile(r"\d+")
SPACES = re.compile(r"\s+")


class FastTable:
    """Reads the columns that matter of a table with separators, straight into numbers."""

    def __init__(self, layout: Layout, wanted: Set[str]) -> None:
        self._layout = layout
        self._at = {layout.names.index(name): name for name in layout.names if name in wanted}

    def read(self, data: bytes, lines: int) -> Contents | None:
        """Give the columns of so many lines; None where a cell of them is no plain number."""
        import polars as pl

        first = data.split(b"\n", len(self._layout.header))[: len(self._layout.header)]
        told = [line.decode(errors="replace").strip() in self._layout.header for line in first]
        skip = len(told) if all(told) else 0
        types = [pl.Float64 if i in self._at else pl.String for i in range(self._layout.width)]
        try:
            frame = pl.read_csv(
                io.BytesIO(data),
                has_header=False,
                skip_rows=skip,
                separator=self._layout.separator,
                schema={f"{i}": type_ for i, type_ in enumerate(types)},
                columns=sorted(self._at),
            )
        except pl.exceptions.PolarsError:
            return None
        lines += (not data.endswith(b"\n")) - skip
        if frame.height != lines:  # remarks, empty lines, or cells that hold line ends
            return None
        columns = [Column(self._at[int(cells.name)], partial(numbers_of, cells)) for cells in frame]
        numbers = np.arange(skip + 1, skip + 1 + lines)
        return Contents(self._layout.format, [Table(columns, lines, sparse=True)], numbers)


class FastText:
    """Reads the lines of a few shapes with one expression for each shape.

    Parameters
    ----------
    tables : list of LineTable
        The shapes that hold the metric.
    wanted : set of str
        Names of the columns that matter.
    metric : Column
        The metric.
    """

    def __init__(self, tables: Sequence[LineTable], wanted: Set[str], metric: Column) -> None:
        self._metric = metric
        self._telling = rf"{re.escape(metric.name)}|\b(?i:lr|learning.rate)\b"
        self._shapes = [
            (table, _expression(table, slots), slots)
            for table in tables
            if (slots := [slot for slot in table.slots if slot.name in wanted])
        ]

    def read(self, source: Source) -> list[Table] | None:
        """Give the tables of a part; None where too many lines look otherwise."""
        import polars as pl

        lines = pl.Series(source.lines, dtype=pl.String)
        missed = pl.Series([True]).new_from_index(0, len(lines))
        tables: list[Table] = []
        for table, expression, slots in self._shapes:
            found = lines.str.extract_groups(expression).struct.unnest()
            hit = found.to_series(0).is_not_null()
            rows = hit.arg_true().to_numpy().astype(np.int64)
            columns = _columns(found.filter(hit), slots, rows)
            tables.append(LineTable(columns, len(rows), literals=table.literals))
            missed &= ~hit
        odd = missed & lines.str.contains(self._telling)
        rest = odd.arg_true().to_numpy().astype(np.int64)
        if len(rest) > ODD_MOST * len(lines):
            return None
        return tables + _mined(source, rest)

    def agrees(self, source: Source, tables: Sequence[LineTable], wanted: Set[str]) -> bool:
        """Whether it reads a sample as the thorough reader did."""
        mine = self.read(source)
        return mine is not None and all(
            _equal(_together(mine, name, self._metric), _together(tables, name, self._metric))
            for name in wanted
        )


def fast_text(
    source: Source, tables: Sequence[Table], wanted: Set[str], metric: Column
) -> Callable[[Source], list[Table] | None] | None:
    """Return a fast reader of such lines, if there can be one."""
    shapes = [
        table
        for table in tables
        if isinstance(table, LineTable) and any(same(item, metric) for item in table.columns)
    ]
    plain = all(shape.plain and metric.name in "".join(shape.literals) for shape in shapes)
    there = {item.name for shape in shapes for item in shape.columns}
    elsewhere = {item.name for table in tables for item in table.columns} - there
    if not shapes or not plain or wanted & elsewhere:
        return None
    wanted = wanted & there
    made = FastText(shapes, wanted, metric)
    return made.read if made.agrees(source, shapes, wanted) else None


def _expression(table: LineTable, slots: Sequence[Slot]) -> str:
    taken = {slot.index for slot in slots}
    parts = ["^", _literal(table.literals[0], inside=False)]
    for index, token in enumerate(table.tokens):
        number = IS_NUMBER.fullmatch(token)
        body = NUMBER if number else DIGITS.sub("[0-9]+", re.escape(token))
        parts.append(f"({body})" if index in taken else f"(?:{body})")
        inside = index + 1 < len(table.tokens)
        parts.append(_literal(table.literals[index + 1], inside=inside))
    return "".join([*parts, r"\s*$"])


def _literal(text: str, *, inside: bool) -> str:
    """Match a normal literal, whose padding is gone."""
    if not text.strip():
        return r"\s+" if inside else r"\s*"
    return r"\s+".join(map(re.escape, SPACES.split(text))) + r"\s*"


def _columns(found: pl.DataFrame, slots: Sequence[Slot], rows: Rows) -> list[Column]:
    return [
        Column(slot.name, partial(_slot, cells, rows), held_out=slot.held_out, implied=slot.implied)
        for slot, cells in zip(slots, found, strict=True)
    ]


def _slot(cells: pl.Series, rows: Rows) -> Data:
    at, values = numbers_of(cells)
    return rows[at], values


def _mined(source: Source, rows: Rows) -> list[Table]:
    """Read a few lines of other shapes thoroughly."""
    if not len(rows):
        return []
    lines = [source.lines[row] for row in rows]
    some = Source(source.path, lines, source.numbers[rows], source.cut, source.warnings)
    return [
        LineTable(
            [
                Column(item.name, partial(_back, item, rows), held_out=item.held_out)
                for item in table.columns
            ],
            table.size,
            literals=table.literals,
        )
        for table in mine(some, least=1)
    ]


def _back(item: Column, rows: Rows) -> Data:
    return rows[item.rows], item.values


def _together(tables: Sequence[Table], name: str, metric: Column) -> Data:
    """All values of a name, in the order of their rows."""
    found = [
        item
        for table in tables
        if any(same(other, metric) for other in table.columns)
        for item in table.columns
        if item.name == name
    ]
    rows = np.concatenate([item.rows for item in found]) if found else np.empty(0, dtype=np.int64)
    values = np.concatenate([item.values for item in found]) if found else np.empty(0)
    order = np.argsort(rows, kind="stable")
    return rows[order], values[order]


def _equal(one: Data, other: Data) -> bool:
    return np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1], equal_nan=True)
