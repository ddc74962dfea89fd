"""What a reader found in a log, and what the user asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateau.logs import choose
from plateau.logs.model import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from plateau.detectors import Mode
    from plateau.logs.columns import Column, Table

SHOWN = 12  # column names in a message


@dataclass(frozen=True, eq=False)
class Material:
    """Tables on their way to runs.

    Attributes
    ----------
    path, format : str
    tables : list of Table
        In order of appearance.
    numbers : NDArray[int64]
        Line in the file of each row.
    block : NDArray[int64] or None
        Block of each row where lines form blocks.
    warnings : list of str
        What the user should know; grows.
    metric, x, lr, mode : str or None
        The user's choice.
    """

    path: str
    format: str
    tables: list[Table]
    numbers: NDArray[np.int64]
    block: NDArray[np.int64] | None
    warnings: list[str]
    metric: str | None = None
    x: str | None = None
    lr: str | None = None
    mode: Mode | None = None

    def columns(self) -> Iterator[tuple[Table, Column]]:
        """Give all columns, each with its table."""
        for table in self.tables:
            for item in table.columns:
                yield table, item

    def names_for(self, what: str, wanted: str) -> set[str]:
        """Resolve the name that a user gave for ``what``, or tell which there are."""
        names = [item.name for _, item in self.columns()]
        found = choose.matching(wanted, names)
        if not found:
            raise LogError(
                f"{self.path}: no column {wanted!r} for {what}; there are {listed(names)}"
            )
        return found


def listed(names: Iterable[str]) -> str:
    """Write a few names, and how many more there are."""
    unique = [name for name in dict.fromkeys(names) if name]
    more = f" and {len(unique) - SHOWN} more" if len(unique) > SHOWN else ""
    return ", ".join(unique[:SHOWN]) + more
