"""Settings chosen without the project that judges them.

``PLATEAU_DATA=FOLDER python -m tests.benchmarks.quality.leave_one_out``
"""

from functools import partial
from itertools import product

import numpy as np

from plateau import Detector

from .onset import TOLERANCE, errors, figures, judged, readings
from .rows import row_of_detector


def left_out(rows, name="jmh_human5"):
    """Figures of the best of several rows, chosen for each project by all the others.

    The best is the one with the most hits of the plateau standing at the end, the first of equals.
    Also told are which row each project was given, and what equals make of the share of such hits:
    the least, the mean of a choice by lot, and the most.
    """
    chosen, groups = judged(name)
    truth, groups = [one.label["steady_start"] for one in chosen], np.asarray(groups)
    found = [[readings(row.find(one.x, (), "both")) for one in chosen] for row in rows]
    hits = np.array([errors([last for _, last in own], truth) <= TOLERANCE for own in found])
    others = {g: hits[:, groups != g].sum(axis=1) for g in sorted(set(groups))}
    pick = {group: int(count.argmax()) for group, count in others.items()}
    equals = [hits[n == n.max()][:, groups == g].sum(axis=1) for g, n in others.items()]
    own = [found[pick[group]][i] for i, group in enumerate(groups)]
    first, last = zip(*own, strict=True)
    return {
        "standing": figures(last, truth, groups),
        "first": figures(first, truth, groups),
        "equals": [sum(of(n) for n in equals) / len(truth) for of in (np.min, np.mean, np.max)],
        "chosen": {str(group): rows[i].name for group, i in pick.items()},
    }


def main():
    """Print the figures of the calibrated detector, its parameters chosen by the other projects."""
    grid = product((None, 400, 600, 800), (0.03, 0.05, 0.07), (1e5, 1e6, 1e7, 1e8))
    settings = [
        dict(zip(("horizon", "min_change", "run_length"), one, strict=True)) for one in grid
    ]
    found = left_out([row_of_detector(str(one), partial(Detector, **one)) for one in settings])
    for reading in ("standing", "first"):
        figures_of = found[reading]
        print(f"{reading}: hit@50 {figures_of['hit@50']:.2f}, early {figures_of['early']:.2f}")
    least, mean, most = found["equals"]
    print(f"standing, of equally good settings: hit@50 {least:.2f} to {most:.2f}, mean {mean:.2f}")
    for project, chosen in found["chosen"].items():
        print(f"{project}: {chosen}")


if __name__ == "__main__":
    main()
