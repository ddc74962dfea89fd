"""CSV, TSV and whitespace tables: find the layout, let polars read the cells."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choose import is_unknown, is_whole, x_points
from plateau.logs.columns import named, number
from plateau.logs.records import tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from plateau.logs.columns import Data, Table
    from plateau.logs.source import Source

    Cells = list[str] | pl.Series

SMALL = 8 << 20  # characters
MIXED = ",;\t"  # any of these, where a table has several
# "" is any white space.
SEPARATORS = {",": "csv", "\t": "tsv", ";": "csv", "": "table", MIXED: "csv"}
SAMPLE = 50  # rows that the layout is guessed from
EVEN = 0.9  # of the sampled rows have as many cells as the header
WIDEST = 4096  # columns
NUMERIC = 0.4  # of the cells are numbers, at least
ALL_NUMERIC = 0.95  # where only spaces part the cells: "Epoch 1 loss 2.5" is a sentence
MEASURED = re.compile(r"([-+]?\d\S*?)\s*(%|[A-Za-zµ°][A-Za-z/]*)")  # "51 %", "1024 MiB"
DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
UNIT = re.compile(r"[(\[]?[\w%°µ/^*·²³.-]{0,12}[)\]]?")  # "[degC]", below a name
LETTER = re.compile(r"[^\W\d_]|#")
HEADER_MOST = 3  # lines
REMARKS = "#%@"
SEPARATOR_TOLD = re.compile(r"sep=.\s*", re.IGNORECASE)  # the first line of what Excel opens well
BLANK = frozenset(["", "na", "n/a", "none", "null", "-", "--", "."])


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes
    ----------
    format : str
        "csv", "tsv" or "table".
    separator : str
        Empty for any white space.
    names : tuple of str
        One for each column; empty where the table has no header.
    width : int
        Number of columns.
    header : tuple of str
        The lines of the names, stripped.
    """

    format: str
    separator: str
    names: tuple[str, ...]
    width: int
    header: tuple[str, ...]


def find_layout(lines: list[str]) -> Layout | None:
    """Find how a table is written; None for lines that are no table."""
    plain = _rows(lines, SAMPLE + 1)
    remarks = [line for line in lines[: plain[0]] if line.strip()] if plain else []
    remark = remarks[-1].strip().lstrip("#% ") if remarks else ""
    for separator, kind in SEPARATORS.items():
        try:
            layout = _layout(lines, plain, remark, separator, kind)
        except csv.Error:  # a cell of absurd length
            continue
        if layout:
            return layout
    return None


def _layout(
    lines: list[str], plain: list[int], remark: str, separator: str, kind: str
) -> Layout | None:
    sample = [cells(lines[row], separator) for row in plain]
    above, header = _header(sample, separator)
    body = sample[above:]
    if len(body) < (1 if header else 2):
        return None
    widths = [len(row) for row in body]
    width = max(set(widths), key=widths.count)
    if (
        width > WIDEST
        or (width < 2 and not (header is None and separator == ""))
        or widths.count(width) < EVEN * len(body) - 1
        or (header and len(header) != width)
        or _numeric(body) < (NUMERIC if separator and header else ALL_NUMERIC)
    ):
        return None
    names = header or _remark_names(remark, separator, width)
    first = tuple(lines[row].strip() for row in plain[:above])
    return Layout(kind, separator, tuple(names), width, first)


def _header(sample: list[list[str]], separator: str) -> tuple[int, list[str] | None]:
    """Count the rows above the numbers, and take the names from them.

    The last one has the names. Others may stand above it with groups, as pandas writes them, or
    below with units; a sentence above a table is no name.
    """
    above = list(takewhile(_is_text, sample[:HEADER_MOST]))
    texts = [row for row in above if any(map(LETTER.search, row))]  # the others are rules
    if not texts:
        return 0, None
    if len(texts) == 1 or not separator:
        return len(above), texts[-1]
    width = len(sample[len(above)]) if len(above) < len(sample) else len(texts[0])
    rows = [row for row in texts if len(row) == width] or texts[:1]
    names = rows[0]
    for row in rows[1:]:
        if any(map(_is_telling, row)):
            groups = accumulate(names, _last_name)
            names = [" ".join(filter(None, pair)) for pair in zip(groups, row, strict=True)]
        elif not all(map(UNIT.fullmatch, row)):
            return above.index(row), names
    return len(above), names


def _last_name(last: str, name: str) -> str:
    return name or last


def _is_text(row: list[str]) -> bool:
    """Whether some cells hold words, and none a number."""
    held = [cell for cell in row if cell.lower() not in BLANK]
    return bool(held) and all(number(cell) is None for cell in held)


def _is_telling(name: str) -> bool:
    return x_points(named(name)) > 0 or not is_unknown(named(name))


def _rows(lines: list[str], most: int | None = None) -> list[int]:
    """Lines that are neither empty nor a remark."""
    plain = (
        row
        for row, line in enumerate(lines)
        if (start := line.lstrip()[:1])
        and start not in REMARKS
        and not (row == 0 and SEPARATOR_TOLD.fullmatch(line))
    )
    return list(islice(plain, most))


def cells(line: str, separator: str) -> list[str]:
    """Split one line into cells, without quotes and padding."""
    if not separator:
        return line.split()
    if separator == ";":
        line = decimal_points(line)
    if separator == MIXED:
        line, separator = unmixed(line), ","
    if '"' in line:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    return [cell.strip() for cell in line.rstrip("\r\n").split(separator)]


def unmixed(line: str) -> str:
    """Make all separators of a line the same."""
    return line.replace(";", ",").replace("\t", ",")


def decimal_points(line: str) -> str:
    """Where semicolons part the cells, a comma between digits is a decimal mark."""
    return DECIMAL_COMMA.sub(".", line)


def _numeric(body: list[list[str]]) -> float:
    """Share of numbers among the cells that hold anything."""
    held = [cell for row in body for cell in row if cell.lower() not in BLANK]
    return sum(number(cell) is not None for cell in held) / len(held) if held else 0.0


def _remark_names(remark: str, separator: str, width: int) -> list[str]:
    """Names from a header behind "#", which may have another separator than the rows."""
    for mark in (separator, ",", ""):
        names = cells(remark, mark) if remark and not _is_json(remark) else []
        if len(names) == width:
            return names
        if mark == "," and 1 < len(names) < width:
            # A name stands for several columns, nobody says how many: sure are the first two.
            return names[:2] + [f"column {index}" for index in range(3, width + 1)]
    return []


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def read_table(source: Source, layout: Layout) -> tuple[list[Table], list[int]]:
    """Read the columns of a table, and give the line (an index) of each of its rows."""
    rows = [row for row in _rows(source.lines) if source.lines[row].strip() not in layout.header]
    if source.cut and len(rows) > 1 and rows[-1] == len(source.lines) - 1:
        last = cells(source.lines[rows[-1]], layout.separator)
        if len(last) < layout.width:
            line = source.numbers[rows.pop()]
            source.warnings.append(f"line {line} is cut off and was left out")
    columns = _columns([source.lines[row] for row in rows], layout)
    if len(columns[0]) != len(rows):  # a quoted cell with a line end in it
        rows = (rows + [rows[-1]] * len(columns[0]))[: len(columns[0])]
    names = layout.names or tuple(f"column {index + 1}" for index in range(layout.width))
    series: dict[str, Data] = {}
    texts: dict[str, list[str | None]] = {}
    for name, text in zip(names, columns, strict=True):
        data, labels = _told(text) if isinstance(text, list) else _told_by_polars(text)
        if len(data[0]):
            series.setdefault(name, data)
        if 2 * len(data[0]) < len(labels) - labels.count(None):
            texts[name] = labels
    _tell_lost(source, series, rows)
    if not layout.names:
        series = name_after_file(series, source.path)
    return tables_of(series, texts, len(rows)), rows


def _columns(lines: list[str], layout: Layout) -> Sequence[Cells]:
    """All cells as text, column by column; a wrong cell then costs itself, not the file.

    A small table is done before polars would be imported.
    """
    if not layout.separator:
        lines = ["\t".join(line.split()) for line in lines]
    if layout.separator == MIXED:
        lines = [unmixed(line) for line in lines]
    if layout.separator == ";":
        lines = [decimal_points(line) for line in lines]
    separator = layout.separator[:1] or "\t"
    if sum(map(len, lines)) < SMALL and not any('"' in line for line in lines):
        return _split(lines, separator, layout.width)
    return _frame(lines, separator, layout.width).get_columns()


def _frame(lines: list[str], separator: str, width: int) -> pl.DataFrame:
    import polars as pl

    schema = {f"{index}": pl.String for index in range(width)}
    try:
        frame = pl.read_csv(
            io.BytesIO("\n".join(lines).encode(errors="replace")),
            has_header=False,
            separator=separator,
            schema=schema,
            truncate_ragged_lines=True,
        )
    except pl.exceptions.PolarsError:  # quotes that do not pair, a first row of another width
        frame = pl.DataFrame(_split(lines, separator, width), schema=schema)
    return frame.select(pl.all().str.strip_chars(' "').replace("", None))


def _split(lines: list[str], separator: str, width: int) -> list[list[str]]:
    """Split lines one by one; rows that are too short or too long are made to fit."""
    rows = [line.split(separator) for line in lines]
    full = [row if len(row) == width else (row + [""] * width)[:width] for row in rows]
    return [list(column) for column in zip(*full, strict=True)] or [[]] * width


def _told(cells: list[str]) -> tuple[Data, list[str | None]]:
    """Take the cells that are numbers; all cells, where some are none."""
    try:
        return (np.arange(len(cells)), np.array(list(map(float, cells)))), []
    except ValueError:
        labels = [cell.strip(' "\r') or None for cell in cells]
    rows = [row for row, label in enumerate(labels) if label is not None]
    held = [label for label in labels if label is not None]
    found = [_plain(label) for label in held]
    odd = [index for index, value in enumerate(found) if value is None]
    for index, value in zip(odd, _odd([held[index] for index in odd]), strict=True):
        found[index] = value
    present = [index for index, value in enumerate(found) if value is not None]
    values = [value for value in found if value is not None]
    at = np.array(rows, dtype=np.int64)[present]
    return (at, np.array(values, dtype=np.float64)), labels


def _told_by_polars(cells: pl.Series) -> tuple[Data, list[str | None]]:
    data = numbers_of(cells)
    return data, [] if 2 * len(data[0]) >= len(cells) - cells.null_count() else cells.to_list()


def _plain(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def numbers_of(cells: pl.Series) -> Data:
    """Take the cells that are numbers; polars reads the usual ones, `number` the odd rest."""
    import polars as pl

    parsed = cells.cast(pl.Float64, strict=False)
    odd = (parsed.is_null() & cells.is_not_null()).arg_true()
    if len(odd):
        parsed = parsed.scatter(odd, _odd(cells.gather(odd).cast(pl.String).to_list()))
    present = parsed.is_not_null()
    rows = present.arg_true().to_numpy().astype(np.int64)
    return rows, parsed.drop_nulls().to_numpy().astype(np.float64)


def _odd(cells: list[str]) -> list[float | None]:
    """Read numbers in odd spellings, or with one unit behind all of them."""
    found = [number(cell) for cell in cells]
    if any(value is not None for value in found):
        return found
    measured = [MEASURED.fullmatch(cell) for cell in cells]
    units = {match[2] for match in measured if match}
    if len(units) != 1 or not all(measured):
        return found
    return [number(match[1]) for match in measured if match]


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
