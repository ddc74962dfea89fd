"""Where the runs of a report stand at their ends: what a reader wants to know first."""

from collections.abc import Sequence
from typing import NamedTuple

from plateau.base import Verdict
from plateau.showing import wording
from plateau.showing.names import Named

NAMED = 12
"""Runs of a group that are named."""

ORDER = (
    *("worsening", "still moving", "in a slow plateau"),
    *("flat", "undecided", "warming up"),
)
"""Groups in the order in which they are told."""


class Place(NamedTuple):
    """A run within its group."""

    number: int
    """Of the run in the report, from 1."""
    name: str
    said: str
    """Since when, and what going on would bring."""


class Group(NamedTuple):
    """Runs that stand alike."""

    name: str
    runs: int
    places: list[Place]
    """The first of them."""


def standing(runs: Sequence[Named]) -> list[Group]:
    """Group the runs of a report by where they stand at their ends."""
    groups: dict[str, list[Place]] = {name: [] for name in ORDER}
    for number, run in enumerate(runs, 1):
        groups[_group_of(run)].append(Place(number, run.name, _said(run)))
    return [Group(name, len(places), places[:NAMED]) for name, places in groups.items() if places]


def _group_of(run: Named) -> str:
    found = run.found
    if found.verdict == Verdict.PLATEAU:
        return "flat" if found.plateaus[-1].kind == "flat" else "in a slow plateau"
    return wording.now(found)


def _said(run: Named) -> str:
    parts = []
    if run.found.verdict == Verdict.PLATEAU:
        parts.append(wording.since(run.found))
    if run.found.gain is not None:
        parts.append(wording.outlook(run.found.gain))
    return "; ".join(parts)
