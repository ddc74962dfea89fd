"""What a reader found in a log, and what the user asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateau.logs.model import LogError
from plateau.logs.names.words import matching

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from plateau.base import Mode
    from plateau.logs.columns import Column, Contents, Table

UNNAMED_METRIC = "loss"  # what a metric is called that the log does not name
SHOWN = 12  # column names in a message


@dataclass(frozen=True)
class Asked:
    """What the user wants; None where it is to be chosen.

    ``equals`` also asks for the metrics that are as good as the one that is chosen, ``run`` for one
    of the series that words tell apart, where only one is followed.
    """

    metric: str | None = None
    x: str | None = None
    lr: str | None = None
    mode: Mode | None = None
    equals: bool = False
    run: str | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """Tables on their way to runs.

    Attributes
    ----------
    path : str
        For messages.
    contents : Contents
        What was read.
    warnings : list of str
        What the user should know; grows.
    asked : Asked
        The user's choice.
    """

    path: str
    contents: Contents
    warnings: list[str]
    asked: Asked

    @property
    def tables(self) -> list[Table]:
        """The tables, in order of appearance."""
        return self.contents.tables

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Line in the file of each row."""
        return self.contents.numbers

    @property
    def block(self) -> NDArray[np.int64] | None:
        """Block of each row where lines form blocks."""
        return self.contents.block

    def columns(self) -> Iterator[tuple[Table, Column]]:
        """Give all columns, each with its table."""
        for table in self.tables:
            for item in table.columns:
                yield table, item

    def names_for(self, what: str, wanted: str) -> set[str]:
        """Resolve the name that a user gave for ``what``, or tell which there are."""
        names = [item.name for _, item in self.columns()]
        found = matching(wanted, names)
        if not found and wanted == UNNAMED_METRIC and "" in names:
            return {""}  # printed under this name
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
