"""Samples with labels, which tell series apart and are never values: a run for each set of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Table, column

if TYPE_CHECKING:
    from collections.abc import Sequence

    Labels = tuple[tuple[str, str], ...]

TIME = "timestamp"


class Samples:
    """Collects samples as they are read, and makes a table for each set of labels."""

    def __init__(self) -> None:
        self._parts: dict[Labels, dict[str, tuple[list[int], list[float]]]] = {}

    def add(self, labels: Sequence[tuple[str, str]], name: str, row: int, value: float) -> None:
        """Add what a row says of one thing; its time has the name `TIME`."""
        rows, values = self._parts.setdefault(tuple(labels), {}).setdefault(name, ([], []))
        if not rows or rows[-1] < row:
            rows.append(row)
            values.append(value)

    def tables(self, *, whole: bool = False) -> list[Table]:
        """Return the tables; what all have in common is part of a ``whole`` name only."""
        parts = self._parts
        common = len(parts) > 1 and not whole
        shared = set.intersection(*map(set, parts)) if common else set()
        found: list[Table] = []
        for labels, series in parts.items():
            told = [f"{name}={value}" for name, value in labels if (name, value) not in shared]
            columns = [
                column(name, np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))
                for name, (rows, values) in series.items()
            ]
            size = max(len(rows) for rows, _ in series.values())
            found.append(Table(columns, size, ", ".join(told) or None, sparse=True))
        return found
