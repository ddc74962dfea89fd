"""The five people who marked `jmh_human5`, each against the median of the other four."""

import numpy as np

from .onset import by_group, figures, judged
from .runs import Run


def people():
    """Figures of each person: of the plateau standing at the end, as they saw the whole series."""
    chosen, groups = judged("jmh_human5")
    found = {}
    for name in sorted(chosen[0].label["annotators"]):
        marks = [one.label["annotators"] for one in chosen]
        truth = [np.median([m[other] for other in m if other != name]) for m in marks]
        own = [Run(mark[name], mark[name], None) for mark in marks]
        found[f"person: {name}, *offline*"] = {
            "jmh_human5": {
                "series": len(chosen),
                "standing": figures(own, truth, groups),
                "projects": by_group(own, truth, groups),
            }
        }
    return found
