"""A row of the tables: one way to find plateaus."""

from collections.abc import Callable
from dataclasses import dataclass

from .runs import Find, Run, piecewise, stream


@dataclass(frozen=True)
class Row:
    """A named way to find plateaus."""

    name: str
    find: Find
    offline: bool = False
    """Whether it sees the whole series: then only the places it finds count, not the times."""
    make: Callable | None = None
    """The detector it runs, ``make(mode=...)``, if it is one that has verdicts."""
    peer: bool = True
    """Whether its results may be kept on disk: they change only with the peer's version."""

    flat: Callable | None = None
    """``flat(x, mode)``: stretches [start, stop) that it calls flat, if these are not its runs."""
    stop: Callable | None = None
    """``stop(x, mode)``: the sample at which it stops, if that is not its first declaration."""
    parts: tuple | None = None
    """Parts that it is measured in; None for all that it can be."""

    @property
    def title(self):
        """Its name in the tables."""
        return f"{self.name}, *offline*" if self.offline else self.name


def row_of_detector(name, make, peer=False):
    """Row of a class or factory of detectors: ``make(mode="both")`` gives a fresh one.

    It has `update`, `in_plateau`, `onset`, `verdict` and `changed`.
    """
    return Row(
        name, lambda x, changes, mode: stream(make(mode=mode), x, changes), make=make, peer=peer
    )


def row_of_function(name, function, offline=False, peer=False):
    """Row of a function from an array to a list of (onset, declared, stop or None).

    Where others are told of changes, it starts afresh.
    """

    def find(x, changes, mode):
        return piecewise(lambda piece: [Run(*run) for run in function(piece)], x, changes)

    return Row(name, find, offline=offline, peer=peer)
