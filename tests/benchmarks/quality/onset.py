"""Onset of the steady state: how close, how early, how late, how often missed.

Two readings: the first plateau declared, and the one standing at the end. A series without one has
the error NEVER. The figures are those of the release's own measure.
"""

import numpy as np

from .bootstrap import interval
from .data import labelled

NEVER, TOLERANCE = 3000, 50


def judged(name):
    """Series of a data set that have a label to be scored by, and the group of each."""
    if name == "argon_md":
        chosen = labelled(name, "density")
        return chosen, [one.id for one in chosen]
    chosen = [
        one
        for one in labelled(name)
        if one.label.get("clustered", True) and one.label["steady_start"] is not None
    ]
    return chosen, [one.label["project"] for one in chosen]


def readings(runs):
    """First plateau declared, and the one standing at the end; None where there is none."""
    if not runs:
        return None, None
    return runs[0], runs[-1] if runs[-1].stop is None else None


def errors(declared, truth):
    """Distance of each onset from its label."""
    return np.array(
        [abs(d.onset - t) if d else NEVER for d, t in zip(declared, truth, strict=True)]
    )


def figures(declared, truth, groups):
    """All figures of one reading; shares with an interval by bootstrap over the groups.

    hit@50, late : of the series that come to rest after sample 100, where no early constant hits.
    """
    error = errors(declared, truth)
    pairs = list(zip(declared, truth, strict=True))
    early = np.array([bool(d) and d.declared < t - TOLERANCE for d, t in pairs])
    delay = [d.declared - t for d, t in pairs if d]
    late = np.asarray(truth) > 2 * TOLERANCE
    return {
        "hit@50": float(np.mean(error <= TOLERANCE)),
        "hit@50 interval": interval(error <= TOLERANCE, groups),
        "hit@50, late": float(np.mean(error[late] <= TOLERANCE)) if late.any() else None,
        "hit@100": float(np.mean(error <= 2 * TOLERANCE)),
        "median error": float(np.median(error)),
        "early": float(early.mean()),
        "early interval": interval(early, groups),
        "missed": float(np.mean(error == NEVER)),
        "delay": float(np.median(delay)) if delay else None,
    }


def by_group(declared, truth, groups):
    """Hits and series of each group: ``{group: [hits, series]}``."""
    hits = errors(declared, truth) <= TOLERANCE
    groups = np.asarray(groups)
    return {
        group: [int(hits[groups == group].sum()), int((groups == group).sum())]
        for group in sorted(set(groups.tolist()))
    }


def onset(row, name):
    """Figures of a row on one data set; both readings, of offline rows only the last."""
    chosen, groups = judged(name)
    truth = [one.label["steady_start"] for one in chosen]
    first, last = zip(*(readings(row.find(one.x, (), "both")) for one in chosen), strict=True)
    found = {"series": len(chosen), "standing": figures(last, truth, groups)}
    if not row.offline:
        found["first"] = figures(first, truth, groups)
    if name.startswith("jmh"):
        found["projects"] = by_group(last, truth, groups)
    if name == "jmh_cpssd":
        found["never steady"] = never_steady(row)
    return found


def never_steady(row):
    """Share of the series without a steady state that are called flat all the same."""
    chosen = [one for one in labelled("jmh_cpssd") if one.label["steady_start"] is None]
    found = [readings(row.find(one.x, (), "both")) for one in chosen]
    return {
        "series": len(chosen),
        "ever flat": float(np.mean([first is not None for first, _ in found])),
        "flat at the end": float(np.mean([last is not None for _, last in found])),
    }
