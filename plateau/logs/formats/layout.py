"""How a table is written: what parts its cells, where its names stand, how wide it is."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from itertools import accumulate, islice, takewhile
from typing import TYPE_CHECKING, Any

from plateau.logs.columns import named
from plateau.logs.formats.captions import TECPLOT, goes_on, names_told
from plateau.logs.names.as_metric import is_unknown
from plateau.logs.names.as_x import x_points
from plateau.logs.numerals import is_measured, number
from plateau.logs.records.dates import is_time_of_day, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIXED = ",;\t"  # any of these, where a table has several
# "" is any white space.
SEPARATORS = {",": "csv", "\t": "tsv", ";": "csv", "": "table", MIXED: "csv"}
SAMPLE = 50  # rows that the layout is guessed from
EVEN = 0.9  # of the sampled rows have as many cells as the header
WIDEST = 4096  # columns
NUMERIC = 0.4  # of the cells are numbers, at least
ALL_NUMERIC = 0.95  # where only spaces part the cells: "Epoch 1 loss 2.5" is a sentence
DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
UNIT = re.compile(r"[(\[]?[\w%°µ/^*·²³.-]{0,12}[)\]]?")  # "[degC]", below a name
WIDE_GAP = re.compile(r"\s{2,}|\t")
LETTER = re.compile(r"[^\W\d_]|#")
HEADER_MOST = 3  # lines
HALF = 0.5
REMARKS = "#%@"
CAPTION = 'TVZtvz"'  # first letters of title, variables, zone; a quoted name
FIELDS = re.compile(r"\W*(?:fields|columns|variables)\b\W*", re.IGNORECASE)  # "#! FIELDS a b"
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

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Layout:
        """Return the layout of these fields, as JSON keeps them."""
        kept = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**{**fields, **kept})


def find_layout(lines: list[str]) -> Layout | None:
    """Find how a table is written; None for lines that are no table."""
    plain = rows_of(lines, SAMPLE + 1)
    remarks = [line for line in lines[: plain[0]] if line.strip()] if plain else []
    for separator, kind in SEPARATORS.items():
        if layout := _layout(lines, plain, remarks, separator, kind):
            return layout
    return None


def _names_in(remark: str) -> str:
    remark = remark.strip().lstrip("#% ")
    told = FIELDS.match(remark)
    return remark[told.end() :] if told else remark


def _last_of(remarks: list[str]) -> str:
    """Return the last remark; where it has units, of which some stand twice, the names above."""
    above, units = ([], *(_names_in(line).split() for line in remarks[-2:]))[-2:]
    repeats = len(set(units)) < len(units) == len(above) == len(set(above))
    return remarks[-2] if repeats else remarks[-1]


def _layout(
    lines: list[str], plain: list[int], remarks: list[str], separator: str, kind: str
) -> Layout | None:
    sample = _cells([lines[row] for row in plain], separator)
    titles = _titles(sample) if separator else 0
    above, header = _header(sample[titles:], separator)
    above += titles
    body = sample[above:]
    if len(body) < (1 if header else 2):
        return None
    widths = [len(row) for row in body]
    width = max(set(widths), key=widths.count)
    even = widths.count(width) >= EVEN * len(body) - 1
    if header and not separator and len(header) > width:  # names may hold single spaces
        header = WIDE_GAP.split(lines[plain[sample.index(header)]].strip())
    if header and separator and len(header) == width - 1:  # "type      total, rate"
        split_up = [name for cell in header for name in WIDE_GAP.split(cell)]
        header = split_up if len(split_up) == width else header
    if header:
        header, width = _without_end(header, body, width)
    if (
        not even
        or width > WIDEST
        or (width < 2 and not (header is None and separator == ""))
        or (header and len(header) != width)
    ):
        return None
    remark = _names_in(_last_of(remarks)) if remarks else ""
    names = header or names_told(remarks, width) or _remark_names(remark, separator, width)
    if _numeric(body, clocks=bool(separator)) < (NUMERIC if separator and names else ALL_NUMERIC):
        return None
    first = tuple(lines[row].strip() for row in plain[:above])
    return Layout(kind, separator, tuple(names), width, first)


def _titles(sample: list[list[str]]) -> int:
    """Count the rows above the names of a table: what it is about, also as pairs."""
    widths = [len(row) for row in sample]
    width = max(set(widths), key=widths.count, default=0)
    named = [_is_names(row, width) for row in sample]
    after = zip(named, sample[1:], strict=False)
    found = (index for index, (is_named, row) in enumerate(after) if is_named and _is_numeric(row))
    last = next(found, 0)
    first = last
    while first and named[first - 1]:
        first -= 1
    above, own = sample[:first], sample[first : last + 1]
    if not first or any(len(row) == width and _is_numeric(row) for row in above):
        return 0
    below = (row for row in sample[last + 1 :] if row not in own and 2 * len(row) >= width)
    return first if all(map(_is_numeric, below)) else 0  # names and titles may come again


def _is_names(row: list[str], width: int) -> bool:
    """Whether a row may be the header of a table of that width; a name may be missing."""
    fits = width > 1 and width - 1 <= len(row) <= width and any(row[width // 2 :])
    return fits and number(row[0]) is None and number(row[-1]) is None and _is_text(row)


def _is_numeric(row: list[str]) -> bool:
    """Whether most of the cells are numbers, or times."""
    return _numeric([row], clocks=True) > HALF


def _without_end(header: list[str], body: list[list[str]], width: int) -> tuple[list[str], int]:
    """Leave out an empty last cell, where a separator stands behind all rows or the names."""
    if len(header) == width - 1 and not any(row[-1] for row in body if len(row) == width):
        return header, width - 1
    if len(header) == width + 1 and not header[-1]:
        return header[:-1], width
    return header, width


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
    words = {cell for cell in held if cell.endswith("%") or not _is_measure(cell)}  # "95%"
    return bool(words) and all(cell in words or cell.isalpha() for cell in held)  # "Primal Inf"


def _is_telling(name: str) -> bool:
    return x_points(named(name)) > 0 or not is_unknown(named(name))


def rows_of(lines: list[str], most: int | None = None) -> list[int]:
    """Lines that are neither empty nor a remark."""
    return list(islice(_plain_rows(lines), most))


def _plain_rows(lines: list[str]) -> Iterator[int]:
    names = False  # of Tecplot, which may go on
    for row, line in enumerate(lines):
        start = line.lstrip()[:1]
        if not start or start in REMARKS or (row == 0 and SEPARATOR_TOLD.fullmatch(line)):
            continue
        if start in CAPTION and (TECPLOT.match(line) or (names and goes_on(line))):
            names = True
            continue
        names = False
        yield row


def split(lines: Sequence[str], separator: str) -> tuple[list[list[str]], Sequence[int]]:
    """Split lines into rows of cells, and tell on which line (an index) each row begins.

    A cell in quotes may hold separators and line ends. Quotes that do not pair are left out.
    """
    lines, mark = unmixed(lines, separator)
    if not mark:
        return [line.split() for line in lines], range(len(lines))
    if not any('"' in line for line in lines):
        return [line.split(mark) for line in lines], range(len(lines))
    try:
        return _quoted(lines, mark)
    except csv.Error:
        return [_alone(line, mark) for line in lines], range(len(lines))


def unmixed(lines: Sequence[str], separator: str) -> tuple[Sequence[str], str]:
    """Make all separators the same, and decimal marks points; return lines and separator."""
    if separator == MIXED:
        return [line.replace(";", ",").replace("\t", ",") for line in lines], ","
    if separator == ";":  # a comma between digits is a decimal mark then
        return [DECIMAL_COMMA.sub(".", line) for line in lines], separator
    return lines, separator


def _quoted(lines: Sequence[str], mark: str) -> tuple[list[list[str]], list[int]]:
    rows: list[list[str]] = []
    begins = [0]
    reader = csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=True)
    for row in reader:
        rows.append(row)
        begins.append(reader.line_num)
    return rows, begins[:-1]


def _alone(line: str, mark: str) -> list[str]:
    try:
        return _quoted([line], mark)[0][0]
    except csv.Error:
        return line.replace('"', "").split(mark)


def _cells(lines: Sequence[str], separator: str) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in split(lines, separator)[0]]


def _numeric(body: list[list[str]], *, clocks: bool) -> float:
    """Share of numbers, also with units, and times among the cells that hold anything.

    Lines with nothing but times are no table: "2024-05-06 07:08:09,123 - loss 0.5" has a comma.
    Cells that hold nothing but the time of a day count with ``clocks``.
    """
    held = [cell for row in body for cell in row if cell.lower() not in BLANK]
    if not any(map(_is_number, held)):
        return 0.0
    told = sum(_is_measure(cell) or (clocks and is_time_of_day(cell)) for cell in held)
    return told / len(held)


def _is_measure(cell: str) -> bool:
    return _is_number(cell) or seconds(cell) is not None


def _is_number(cell: str) -> bool:
    return number(cell) is not None or is_measured(cell)


def _remark_names(remark: str, separator: str, width: int) -> list[str]:
    """Names from a header behind "#", which may have another separator than the rows."""
    for mark in (separator, ",", ""):
        names = _cells([remark], mark)[0] if remark and not _is_json(remark) else []
        if not mark and len(names) > width:  # names may hold single spaces
            names = WIDE_GAP.split(remark.strip())
        if len(names) == width:
            return names
        if mark == "," and 1 < len(names) < width:
            # A name stands for several columns, nobody says how many: sure are the first two.
            return names[:2] + [f"column {index}" for index in range(3, width + 1)]
    return []


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
