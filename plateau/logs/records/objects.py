"""Records as JSON has them, nested ones too: their numbers and texts by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.files.documents import DEEPEST
from plateau.logs.numerals import number
from plateau.logs.records.labelled import tables_of, tells

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plateau.logs.columns import Table
    from plateau.logs.records.labelled import Labels

FEW_NUMBERS = 4  # in a list that is no series but a value for each of several things

Record = dict[str, Any]


def tables_of_records(records: Sequence[Record]) -> list[Table]:
    """Tables of the numbers in records, nested ones too."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    texts: dict[str, Labels] = {}
    for row, record in enumerate(records):
        for name, value in flat(record):
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


def flat(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, float | str]]:
    """Yield numbers and texts of an object and of the objects in it: "Loss/D/loss.mean"."""
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < DEEPEST:
            yield from flat(value, f"{name}.", depth + 1)
        elif isinstance(value, str):
            read = number(value)
            yield name, value if read is None else read
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield name, _float(value)
        elif isinstance(value, list) and _are_few_numbers(value):
            for index, item in enumerate(value):
                yield f"{name}.{index}" if len(value) > 1 else name, _float(item)


def _are_few_numbers(items: list[Any]) -> bool:
    return len(items) <= FEW_NUMBERS and holds_only(items, int | float)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf


def holds_only(items: list[Any], kind: Any) -> bool:
    """Whether a list holds nothing but this; a truth value is no number."""
    return all(isinstance(item, kind) and not isinstance(item, bool) for item in items)
