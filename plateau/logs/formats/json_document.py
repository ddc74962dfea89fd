"""One JSON document with the series somewhere in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.files.documents import DEEPEST
from plateau.logs.formats.answers import tables_of_answer
from plateau.logs.formats.separated import name_after_file
from plateau.logs.numerals import number, numbers
from plateau.logs.records.labelled import tables_of
from plateau.logs.records.objects import holds_only, tables_of_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from plateau.logs.columns import Data, Table
    from plateau.logs.files.lines import Source
    from plateau.logs.records.objects import Record

KEYS = 16  # that are looked for in the lines of a document
FEW = 64  # objects in a list that may hold a series each

PLACES = ("x", "step", "steps", "iteration", "iterations")
VALUES = ("y", "value", "values")
LABELS = ("name", "key", "tag", "metric", "label", "title")


@dataclass(frozen=True, eq=False)
class Curve:
    """A series with its own places."""

    name: str
    axis: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def recognise(source: Source) -> Contents | None:
    """Return the series of the document that the lines are; None where there are none."""
    if source.document is None or not (found := _series_in(source, source.document)):
        return None
    tables, rows = found
    return Contents("json", tables, source.numbers[np.array(rows, dtype=np.int64)])


def _series_in(source: Source, document: Any) -> tuple[list[Table], list[int]] | None:
    """Tables of the largest list of records, or of all lists of numbers, in a JSON document."""
    tables, points = tables_of_answer(document)
    if tables:
        return tables, [0] * points
    if curves := list(_curves(document)):
        return _along(curves)
    lists = list(_lists(document))
    records = max((found for _, found in lists if holds_only(found, dict)), key=len, default=[])
    plain = {name: found for name, found in lists if holds_only(found, int | float | str | None)}
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
        for item in node if len(node) <= FEW and holds_only(node, dict) else []:
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
    if not name or len(items) < 2 or not holds_only(items, dict):
        return None
    axis = next((key for key in PLACES if key in items[0]), None)
    value = next((key for key in VALUES if key in items[0]), None)
    if not axis or not value:
        return None
    points = [(item.get(axis), item.get(value)) for item in items]
    if not all(holds_only(list(point), int | float) for point in points):
        return None
    x, y = np.array(points, dtype=np.float64).T
    return Curve(name, axis, x, y) if np.all(np.diff(x) > 0) else None


def _is_series(node: Any) -> bool:
    return isinstance(node, list) and len(node) > 1 and holds_only(node, int | float)


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
        if len(node) <= FEW and holds_only(node, dict):
            for item in node:
                yield from _lists(item, name, depth + 1)


def _is_grid(items: list[Any]) -> bool:
    """Rows of equal length, all numbers."""
    return (
        holds_only(items, list)
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
