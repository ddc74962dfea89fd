"""Where the eye sees a plateau: stretches that two annotators marked in pictures of real series.

Flat is what both marked flat, moving what neither marked, slow what lies between. Every series
weighs the same, whatever its length. The figures are those of the release's own measure.
"""

import json
from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import folder

GRID = 1000
"""Places of a series at which is asked what it is."""

CLASSES = {
    "under 120 rows": (0, 120),
    "120 to 599": (120, 600),
    "600 to 2,999": (600, 3000),
    "from 3,000": (3000, np.inf),
}

KINDS = ("flat", "moving", "slow")


@dataclass(frozen=True)
class Marked:
    """A series with its marks."""

    log: str
    metric: str
    mode: str
    x: np.ndarray
    marks: list
    """For each annotator the stretches of each kind, in per cent of the length."""


@cache
def marked():
    """All series that were marked."""
    data = np.load(folder() / "marks" / "series.npz")
    labels = json.loads((folder() / "marks" / "marks.json").read_text())
    return [
        Marked(label["log"], label["metric"], label["mode"], data["values"][a:b], label["marks"])
        for label, a, b in zip(labels, data["offsets"], data["offsets"][1:], strict=False)
    ]


def within(mark, kind):
    """At which places an annotator saw this kind."""
    place = np.linspace(0, 100, GRID)
    seen = [(place >= a) & (place <= b) for a, b in mark[kind]]
    return np.any(seen or [np.zeros(GRID, bool)], axis=0)


def truth_of(marks):
    """Which places are flat, moving and slow by all of these annotators together."""
    flat = np.all([within(mark, "flat") for mark in marks], axis=0)
    moving = ~np.any([within(m, kind) for m in marks for kind in ("flat", "slow")], axis=0)
    return flat, moving, ~flat & ~moving


def stretches(row, x, mode):
    """Rows [start, stop) that a row calls flat; peers are given only those that are finite."""
    if row.flat:
        return row.flat(x, mode)
    places = np.flatnonzero(np.isfinite(x))
    runs = row.find(x[places], (), mode)
    return [(places[r.onset], len(x) if r.stop is None else places[r.stop]) for r in runs]


def covered(spans, n):
    """At which places one of the stretches lies."""
    place = np.linspace(0, n - 1, GRID)
    inside = [(place >= start) & (place < stop) for start, stop in spans]
    return np.any(inside or [np.zeros(GRID, bool)], axis=0)


def counts(called, truth):
    """Places of each kind that are called flat, then all places of each kind."""
    return [np.sum(kind & called) for kind in truth] + [np.sum(kind) for kind in truth]


def figures(rows):
    """Recall, precision and F1 of what is called flat, and how much of the rest is."""
    *called, flat, moving, slow = np.sum(rows, axis=0).tolist()
    recall, precision = called[0] / max(flat, 1), called[0] / max(sum(called), 1)
    return {
        "series": len(rows),
        "recall": recall,
        "precision": precision,
        "F1": 2 * recall * precision / max(recall + precision, 1e-9),
        "moving": called[1] / max(moving, 1),
        "slow": called[2] / max(slow, 1),
    }


def by_length(rows):
    """Figures of all series, and of those of each length, from the counts of each."""
    sizes = np.array([len(one.x) for one in marked()])
    rows = np.array(rows)
    found = {"all": figures(rows)}
    for name, (least, most) in CLASSES.items():
        found[name] = figures(rows[(least <= sizes) & (sizes < most)])
    return found


def marks(row):
    """Figures of a row by all lengths."""
    called = [covered(stretches(row, one.x, one.mode), len(one.x)) for one in marked()]
    return by_length(
        [counts(own, truth_of(one.marks)) for own, one in zip(called, marked(), strict=True)]
    )


def annotators():
    """Figures of each annotator against the other alone: what people agree on."""
    rows = [
        [counts(within(one.marks[own], "flat"), truth_of([one.marks[1 - own]])) for one in marked()]
        for own in (0, 1)
    ]
    return {
        f"annotator {own + 1} against the other, *offline*": {"marks": by_length(found)}
        for own, found in enumerate(rows)
    }
