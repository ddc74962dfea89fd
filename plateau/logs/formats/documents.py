"""JSON: one object a line, or one document with the series somewhere in it.

Python's own parser reads these: it accepts the bare ``NaN`` that training logs are full of and
objects of any shape; polars does neither.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import named
from plateau.logs.formats.separated import name_after_file
from plateau.logs.names.judge import is_unknown
from plateau.logs.numerals import number, numbers
from plateau.logs.records.labelled import tables_of, tells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from plateau.logs.columns import Data, Table
    from plateau.logs.files.lines import Source
    from plateau.logs.records.labelled import Labels

BARE = re.compile(r"(?<=[\s:\[,])([-+]?)(nan|inf(?:inity)?)(?:\(\w*\))?(?=[\s,\]}])", re.IGNORECASE)
NEAR = 32  # characters from where the parser gives up to what it cannot read
# "loss: 0.5": all between a word and a number is looked at once.
TOLD = re.compile(r"(?<=[A-Za-z]{2})(?=[^\w\s:=]*+[\s:=])\W++\d")
BAD_MOST = 0.5  # of these; above, the file is no JSON lines
SAMPLE = 200  # lines that tell what a file is
DEEPEST = 8
# A string may have no end; nothing of it is looked at twice.
MARKS = re.compile(r'"(?:[^"\\]++|\\[\s\S]?)*+"?|[][{},]')
CLOSING = {"[": "]", "{": "}"}
SOUND = 0.5  # of a damaged document; with less in front of the damage it is something else
FEW_NUMBERS = 4  # in a list that is no series but a value for each of several things
KEYS = 16  # that are looked for in the lines of a document
FEW = 64  # objects in a list that may hold a series each

PLACES = ("x", "step", "steps", "iteration", "iterations")
VALUES = ("y", "value", "values")
LABELS = ("name", "key", "tag", "metric", "label", "title")
MESSAGE_SHARE = 0.5  # of the records have a text with numbers in it

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Curve:
    """A series with its own places."""

    name: str
    axis: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def parse(text: str) -> Any:
    """Parse JSON, also with NaN and infinities in any spelling."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not BARE.search(text[max(error.pos - NEAR, 0) : error.pos + NEAR]):
            raise  # of a log that begins with "[", at once
        return json.loads(BARE.sub(_standard, text))


def _standard(match: re.Match[str]) -> str:
    if match[2].lower() == "nan":
        return "NaN"
    return "-Infinity" if match[1] == "-" else "Infinity"


# --- one object a line --------------------------------------------------------------------------


def is_lines(source: Source) -> bool:
    """Whether a file has one JSON object a line; one object may be a whole document on one line."""
    filled = list(islice((line for line in source.lines if line.strip()), SAMPLE))
    records = sum(_record(line) is not None for line in filled)
    return records >= (1 - BAD_MOST) * len(filled) and len(filled) > 1


def read_lines(source: Source) -> tuple[list[Table], list[int]]:
    """Tables of a file with one JSON object a line, and the line of each of them."""
    read = [(row, _record(line)) for row, line in enumerate(source.lines) if line.strip()]
    found = [(row, record) for row, record in read if record is not None]
    bad = [row for row, record in read if record is None]
    if bad:
        what = "line is" if len(bad) == 1 else "lines are"
        source.warnings.append(
            f"{len(bad)} {what} no JSON object and left out, "
            f"the first is line {source.numbers[bad[0]]}"
        )
    return tables_of_records([record for _, record in found]), [row for row, _ in found]


def message_field(source: Source) -> str | None:
    """Name the text in which records carry the lines of a log, where nothing else is a metric.

    Containers and structured loggers write such: {"log": "step 10 loss 0.5", "stream": …}.
    """
    filled = islice((line for line in source.lines if line.strip()), SAMPLE)
    records = [record for line in filled if (record := _record(line)) is not None]
    fields = [field for record in records for field in _flat(record)]
    if any(not is_unknown(named(name)) for name, value in fields if not isinstance(value, str)):
        return None
    told = Counter(name for name, value in fields if isinstance(value, str) and TOLD.search(value))
    name, count = max(told.items(), key=lambda item: item[1], default=("", 0))
    return name if count > MESSAGE_SHARE * len(records) else None


def messages(source: Source, name: str) -> Source:
    """Return the lines of text that records carry in that field."""
    records = (_record(line) or {} for line in source.lines)
    texts = (dict(_flat(record)).get(name, "") for record in records)
    return replace(source, lines=[" ".join(str(text).split("\n")).rstrip() for text in texts])


def _record(line: str) -> Record | None:
    try:
        record = parse(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def tables_of_records(records: Sequence[Record]) -> list[Table]:
    """Tables of the numbers in records, nested ones too."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    texts: dict[str, Labels] = {}
    for row, record in enumerate(records):
        for name, value in _flat(record):
            if isinstance(value, str):
                if name in texts or tells(name, value):
                    texts.setdefault(name, {})[row] = value
            else:
                rows, values = found.setdefault(name, ([], []))
                rows.append(row)
                values.append(value)
    series = {
        name: (np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))
        for name, (rows, values) in found.items()
    }
    return tables_of(series, texts, len(records))


def _flat(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, float | str]]:
    """Numbers and texts of an object and of the objects in it: "Loss/D/loss.mean"."""
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < DEEPEST:
            yield from _flat(value, f"{name}.", depth + 1)
        elif isinstance(value, str):
            read = number(value)
            yield name, value if read is None else read
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, _float(value)
        elif isinstance(value, list) and len(value) <= FEW_NUMBERS and _all(value, int | float):
            for index, item in enumerate(value):
                yield f"{name}.{index}" if len(value) > 1 else name, _float(item)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf


# --- one document -------------------------------------------------------------------------------


def document_of(source: Source) -> Any:
    """Parse a file as one JSON document, up to where it is damaged; None where it is none."""
    text = "\n".join(source.lines)
    try:
        return parse(text)
    except json.JSONDecodeError as error:
        return _before_damage(text, error, source)
    except (ValueError, RecursionError):
        return None


def read_document(source: Source, document: Any) -> tuple[list[Table], list[int]] | None:
    """Tables of the largest list of records, or of all lists of numbers, in a JSON document."""
    if curves := list(_curves(document)):
        return _along(curves)
    lists = list(_lists(document))
    records = max((found for _, found in lists if _all(found, dict)), key=len, default=[])
    plain = {name: found for name, found in lists if _all(found, int | float | str | None)}
    grids = max((found for _, found in lists if _is_grid(found)), key=len, default=[])
    series = {
        name: data
        for name, found in plain.items()
        if len((data := numbers(range(len(found)), map(str, found)))[0]) > 1
    }
    longest = max((len(data[0]) for data in series.values()), default=0)
    if len(records) >= max(longest, len(grids), 1):
        return tables_of_records(records), _record_rows(source.lines, records)
    if grids and len(grids) >= longest:
        columns = [
            numbers(range(len(grids)), map(str, column)) for column in zip(*grids, strict=True)
        ]
        named = {f"column {index}": data for index, data in enumerate(columns, start=1)}
        return tables_of(name_after_file(named, source.path), {}, len(grids)), [0] * len(grids)
    if isinstance(document, dict) and not series:
        return tables_of_records([document]), [0]
    if series:
        return tables_of(series, {}, longest), [0] * max(map(len, plain.values()))
    return None


def _along(curves: list[Curve]) -> tuple[list[Table], list[int]]:
    """Put curves on one axis, so that each row has what was logged at that place."""
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    series: dict[str, Data] = {curves[0].axis: (np.arange(len(x)), x)}
    for curve in curves:
        series.setdefault(curve.name, (np.searchsorted(x, curve.x), curve.y))
    return tables_of(series, {}, len(x)), [0] * len(x)


def _curves(node: Any, name: str = "", depth: int = 0) -> Iterator[Curve]:
    """All objects that hold a list of places and a list of values: {"x": [...], "y": [...]}."""
    if depth > DEEPEST or not isinstance(node, dict | list):
        return
    if isinstance(node, list):
        if curve := _curve_of_points(node, name):
            yield curve
            return
        for item in node if len(node) <= FEW and _all(node, dict) else []:
            label = next((item[key] for key in LABELS if isinstance(item.get(key), str)), "")
            yield from _curves(item, ".".join(filter(None, (name, label))), depth + 1)
        return
    axis = next((key for key in PLACES if _is_series(node.get(key))), None)
    values = next((key for key in VALUES if _is_series(node.get(key))), None)
    if axis and values and len(node[axis]) == len(node[values]):
        x, y = (np.array(node[key], dtype=np.float64) for key in (axis, values))
        if np.all(np.diff(x) > 0):
            yield Curve(name or values, axis, x, y)
            return
    for key, value in node.items():
        yield from _curves(value, f"{name}.{key}" if name else key, depth + 1)


def _curve_of_points(items: list[Any], name: str) -> Curve | None:
    """Read a list of points, [{"step": 1, "value": 0.5}, ...], under a name."""
    if not name or len(items) < 2 or not _all(items, dict):
        return None
    axis = next((key for key in PLACES if key in items[0]), None)
    value = next((key for key in VALUES if key in items[0]), None)
    if not axis or not value:
        return None
    points = [(item.get(axis), item.get(value)) for item in items]
    if not all(_all(list(point), int | float) for point in points):
        return None
    x, y = np.array(points, dtype=np.float64).T
    return Curve(name, axis, x, y) if np.all(np.diff(x) > 0) else None


def _is_series(node: Any) -> bool:
    return isinstance(node, list) and len(node) > 1 and _all(node, int | float)


def _before_damage(text: str, error: json.JSONDecodeError, source: Source) -> Any:
    """Read a document that is cut or damaged up to the last whole value; None without one."""
    if error.pos < SOUND * len(text) or error.msg == "Extra data":
        return None
    stack: list[str] = []
    end, closing = 0, ""
    for mark in MARKS.finditer(text, 0, error.pos):
        if mark[0] in CLOSING:
            stack.append(CLOSING[mark[0]])
        elif mark[0] == ",":
            end, closing = mark.start(), "".join(reversed(stack[-DEEPEST:]))
        elif mark[0] in "]}" and stack:
            stack.pop()
    try:
        found = parse(text[:end] + closing)
    except (ValueError, RecursionError):
        return None
    line = source.numbers[min(error.lineno, len(source.numbers)) - 1]
    source.warnings.append(
        f"the JSON document is cut or damaged at line {line}: it was read up to there"
    )
    return found


def _lists(node: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """All lists of a document with their paths; objects keyed 0, 1, 2 … are lists too."""
    if depth > DEEPEST:
        return
    if isinstance(node, dict):
        if len(node) > 1 and all(key.isdigit() for key in node):
            yield from _lists(list(node.values()), name, depth)
            return
        for key, value in node.items():
            yield from _lists(value, f"{name}.{key}" if name else key, depth + 1)
    elif isinstance(node, list) and node:
        yield name, node
        if len(node) <= FEW and _all(node, dict):
            for item in node:
                yield from _lists(item, name, depth + 1)


def _all(items: list[Any], kind: Any) -> bool:
    return all(isinstance(item, kind) and not isinstance(item, bool) for item in items)


def _is_grid(items: list[Any]) -> bool:
    """Rows of equal length, all numbers."""
    return (
        _all(items, list)
        and len({len(row) for row in items}) == 1
        and all(number(str(cell)) is not None for row in items for cell in row)
    )


def _record_rows(lines: list[str], records: list[Record]) -> list[int]:
    """Find the line of each record, by a key that stands in each of them and nowhere else."""
    for key in islice(records[0], KEYS):
        quoted = re.compile(re.escape(json.dumps(key)) + r"\s*:")
        at = [row for row, line in enumerate(lines) for _ in quoted.finditer(line)]
        if len(at) == len(records):
            return at
    return [0] * len(records)
