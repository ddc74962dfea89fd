"""Constants chosen without the project that judges them."""

import numpy as np

from .onset import TOLERANCE, errors, figures, judged, readings


def left_out(rows, name="jmh_human5"):
    """Figures of the best of several rows, chosen for each project by all the others.

    The best is the one with the most hits of the plateau standing at the end. Also told is which
    row each project was given.
    """
    chosen, groups = judged(name)
    truth, groups = [one.label["steady_start"] for one in chosen], np.asarray(groups)
    found = [[readings(row.find(one.x, (), "both")) for one in chosen] for row in rows]
    hits = np.array([errors([last for _, last in own], truth) <= TOLERANCE for own in found])
    pick = {g: int(hits[:, groups != g].sum(axis=1).argmax()) for g in sorted(set(groups))}
    own = [found[pick[group]][i] for i, group in enumerate(groups)]
    first, last = zip(*own, strict=True)
    return {
        "standing": figures(last, truth, groups),
        "first": figures(first, truth, groups),
        "chosen": {str(group): rows[i].name for group, i in pick.items()},
    }
