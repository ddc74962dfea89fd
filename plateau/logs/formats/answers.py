"""Answers of monitoring systems in JSON: series, each with its labels and its points in time.

Prometheus gives ``{"metric": {"host": "a"}, "values": [[1700000000, "0.5"], …]}`` for each,
Graphite ``{"target": "cpu", "datapoints": [[0.5, 1700000000], …]}``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.behaviour import is_clock
from plateau.logs.files.documents import DEEPEST
from plateau.logs.numerals import number
from plateau.logs.records.objects import holds_only
from plateau.logs.records.samples import TIME, Samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateau.logs.columns import Table

LABELS = ("metric", "target", "labels", "tags")
POINTS = ("values", "datapoints", "points")
NAME, UNNAMED = "__name__", "value"
PAIR = 2

Points = list[tuple[float, float]]


def tables_of_answer(document: Any) -> tuple[list[Table], int]:
    """Return a table for each series, and the number of all points; none of other documents."""
    samples, row = Samples(), 0
    for told, points in _series(document):
        named = told if isinstance(told, dict) else {NAME: str(told)}
        labels = [(str(key), str(text)) for key, text in named.items() if key != NAME]
        for time, value in points:
            samples.add(labels, str(named.get(NAME, UNNAMED)), row, value)
            samples.add(labels, TIME, row, time)
            row += 1
    return (samples.tables() if row else []), row


def _series(node: Any, depth: int = 0) -> Iterator[tuple[Any, Points]]:
    """All objects that hold labels and points, with both."""
    if depth > DEEPEST or not isinstance(node, dict | list):
        return
    if isinstance(node, dict):
        told = next((node[key] for key in LABELS if isinstance(node.get(key), dict | str)), None)
        points = next((found for key in POINTS if (found := _points(node.get(key)))), None)
        if told is not None and points:
            yield told, points
            return
    inside = node.values() if isinstance(node, dict) else node
    for item in inside if isinstance(node, dict) or holds_only(node, dict) else ():
        yield from _series(item, depth + 1)


def _points(node: Any) -> Points | None:
    """Return times and values of a list of pairs; None where there are no times."""
    if not isinstance(node, list) or len(node) < PAIR or not holds_only(node, list):
        return None
    pairs = [[number(str(cell)) for cell in pair] for pair in node if len(pair) == PAIR]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(pairs) < len(node) or len(known) < PAIR:
        return None
    one, other = (np.array(column) for column in zip(*known, strict=True))
    if is_clock(one):
        return known
    return [(time, value) for value, time in known] if is_clock(other) else None
