"""Exit from a plateau: learning-rate drops, and change points of other processes."""

import numpy as np

from .changepoints import covering, f1
from .data import labelled
from .runs import edges

MARGIN = {"tcpd": 5, "skab": 60, "tep": 60}
"""Samples within which a change point counts as found: TCPD's own, and SKAB's own 60 s."""


def lr_drop(row):
    """What learning-rate drops find and do; nothing for rows that see the whole series.

    before : a plateau was declared since the previous drop.
    before, told : the same, when told of each drop.
    standing : a plateau stands at the drop.
    ended : that plateau stops before the next drop, or the end of the log.
    plateaus : all that are found in the logs; it takes few to end at every drop by chance.
    """
    if row.offline:
        return None
    found = {"drops": 0, "before": 0, "before, told": 0, "standing": 0, "ended": 0, "plateaus": 0}
    for one in labelled("lr_drop"):
        mode = "max" if "accuracy" in one.label["metric"].lower() else "min"
        drops = [drop for drop, _ in one.label["lr_drops"]]
        alone, told = row.find(one.x, (), mode), row.find(one.x, drops, mode)
        found["plateaus"] += len(alone)
        for before, drop, after in zip([0, *drops], drops, [*drops[1:], len(one.x)], strict=False):
            standing = [r for r in alone if r.declared < drop and (r.stop or len(one.x)) > drop]
            found["drops"] += 1
            found["before"] += any(before <= run.declared < drop for run in alone)
            found["before, told"] += any(before <= run.declared < drop for run in told)
            found["standing"] += len(standing)
            found["ended"] += any(run.stop is not None and run.stop <= after for run in standing)
    return found


def tcpd(row):
    """F1 and covering against five annotators each, mean over the series."""
    scores = []
    for one in labelled("tcpd"):
        x = one.x[0]
        cuts, people = edges(row.find(x, (), "both"), len(x)), one.label["annotations"].values()
        scores.append((f1(people, cuts, MARGIN["tcpd"]), covering(people, cuts, len(x))))
    return dict(zip(("F1", "covering"), np.mean(scores, axis=0).tolist(), strict=True))


def channels(row, name):
    """Process data: F1 and covering, mean over all channels; and what the exits are worth.

    Not every channel shows every change, so `answered` asks for one channel at least in which a
    plateau that stands at the change ends within the margin after it. `false exits` counts the
    other ends of plateaus, per 1,000 samples spent in one.
    """
    margin, scores = MARGIN[name], []
    answered = changes = false = inside = 0
    for one in labelled(name):
        label, n = one.label, one.x.shape[-1]
        truth = label["changepoints"] if name == "skab" else [label["change"] or 0]
        truth = [t for t in truth if t]
        runs = [row.find(x, (), "both") for x in one.x]
        cuts = [edges(found, n) for found in runs]
        scores += [(f1([truth], c, margin), covering([truth], c, n)) for c in cuts]
        flat = [run for found in runs for run in found]
        stops = [(run.declared, run.stop) for run in flat if run.stop is not None]
        changes += len(truth)
        answered += sum(any(d < t <= s <= t + margin for d, s in stops) for t in truth)
        false += sum(not any(d < t <= s <= t + margin for t in truth) for d, s in stops)
        inside += sum((n if run.stop is None else run.stop) - run.declared for run in flat)
    f, cover = np.mean(scores, axis=0).tolist()
    found = {"F1": f, "covering": cover}
    if not row.offline:
        found["answered"] = answered / changes
        found["false exits"] = 1000 * false / inside if inside else None
    return found
