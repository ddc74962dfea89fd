"""Runs that can be drawn together: the same metric over the same x."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plateau.showing.names import Named, metric

HUES = 6
"""Colours in the style sheet; further runs have dashes."""

DASHES = {"solid": "solid", "dash": "dashed", "dot": "dotted"}
"""What the script and the style sheet call the same line."""


@dataclass(frozen=True)
class Group:
    """Some runs, their levels to be drawn in one picture."""

    metric: str
    x_name: str
    names: list[str]
    places: list[int]
    """Of the runs in the report."""
    positive: bool
    """Whether a logarithmic scale shows them all."""
    log: bool
    """Whether it shows them better."""

    def lines(self) -> list[dict[str, Any]]:
        """Return how each run is drawn: its name, its place, a hue and a dash."""
        dashes = list(DASHES)
        return [
            {
                "name": name,
                "run": place,
                "hue": i % HUES,
                "dash": dashes[i // HUES % len(dashes)],
            }
            for i, (name, place) in enumerate(zip(self.names, self.places, strict=True))
        ]


def groups(runs: Sequence[Named], charts: Sequence[dict[str, Any]]) -> list[Group]:
    """Group the runs of a report; one that is like no other is in none."""
    alike: dict[tuple[str, str], list[int]] = {}
    for place, run in enumerate(runs):
        alike.setdefault((metric(run.found.run), run.found.run.x_name), []).append(place)
    return [
        Group(
            *key,
            _names([runs[place] for place in places]),
            places,
            positive := all(charts[place]["positive"] for place in places),
            positive and any(charts[place]["log"] for place in places),
        )
        for key, places in alike.items()
        if len(places) > 1
    ]


def _names(runs: Sequence[Named]) -> list[str]:
    """Name runs of one log by what they are within it."""
    one_log = len({run.path for run in runs}) == 1
    return [run.part if one_log else run.name for run in runs]
