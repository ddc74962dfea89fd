"""When to stop: what a rule would have saved on real validation curves, and what that costs.

saved : share of the curve that is not run.
regret : what the best value after the stop would still have gained, as a share of the gain of the
    whole curve.
plain, scaled : the most that patience could have saved with no more regret, chosen in hindsight for
    these very curves; plain without `min_delta`, scaled with shares of the gain so far.

The figures are those of the release's own measure.
"""

import json
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np

from .data import folder
from .rules import Patience

PATIENCE = (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60)
SHARES = (0.0, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05)

SOURCES = ("algoperf", "taskset")
CLASSES = {"20 to 49 values": (0, 50), "50 to 99": (50, 100), "from 100": (100, np.inf)}


@dataclass(frozen=True)
class Curve:
    """A validation curve."""

    source: str
    mode: str
    x: np.ndarray


@cache
def curves():
    """All curves."""
    data = np.load(folder() / "curves" / "curves.npz")
    labels = json.loads((folder() / "curves" / "curves.json").read_text())
    return [
        Curve(label["source"], label["mode"], data["values"][a:b])
        for label, a, b in zip(labels, data["offsets"], data["offsets"][1:], strict=False)
    ]


def patient_stops(x, mode, share):
    """Samples at which each `PATIENCE` stops; the last one where it never does."""
    rule, since = Patience(mode, 0, share), []
    for i, value in enumerate(x.tolist()):
        rule.update(value)
        since.append(i - rule.onset)
    over = np.array(since) >= np.reshape(PATIENCE, (-1, 1))
    return np.where(over.any(axis=1), over.argmax(axis=1), len(x) - 1).tolist()


def stop_of(row, x, mode):
    """Sample at which a row stops: where it first declares a plateau, if it has no other say."""
    if row.stop:
        return row.stop(x, mode)
    runs = row.find(x, (), mode)
    return runs[0].declared if runs else len(x) - 1


def outcome(x, mode, stop):
    """Saved and regret of a stop behind this sample."""
    x = -x if mode == "max" else x
    gain = x[0] - x.min()
    regret = (x[: stop + 1].min() - x.min()) / gain if gain > 0 else 0.0
    return 1 - (stop + 1) / len(x), regret


def outcomes(stop):
    """Saved and regret of ``stop(x, mode)`` on each curve, shape (curves, 2)."""
    return np.array([outcome(one.x, one.mode, stop(one.x, one.mode)) for one in curves()])


@cache
def patient():
    """Outcomes of every share and patience, shape (shares, patiences, curves, 2)."""
    found = [
        [
            [outcome(one.x, one.mode, stop) for stop in patient_stops(one.x, one.mode, share)]
            for one in curves()
        ]
        for share in SHARES
    ]
    return np.swapaxes(found, 1, 2)


def frontier(points, regret):
    """The most that is saved with no more regret by one of the rules or by a coin between two."""
    points = sorted([(0.0, 0.0), *((cost, saved) for saved, cost in points)])
    best = max(saved for cost, saved in points if cost <= regret)
    for (low, less), (high, more) in product(points, points):
        if low <= regret < high:
            best = max(best, less + (more - less) * (regret - low) / (high - low))
    return best


def groups():
    """Which curves are of each source and each length."""
    sources = np.array([one.source for one in curves()])
    sizes = np.array([len(one.x) for one in curves()])
    return {
        **{name: sources == name for name in SOURCES},
        **{name: (least <= sizes) & (sizes < most) for name, (least, most) in CLASSES.items()},
    }


def stopping(row):
    """Figures of a row by source and by length; nothing for rows that see the whole series."""
    if row.offline:
        return None
    own, others, found = outcomes(partial(stop_of, row)), patient(), {}
    for name, chosen in groups().items():
        saved, regret = own[chosen].mean(axis=0).tolist()
        peers = others[:, :, chosen].mean(axis=2)
        found[name] = {
            "curves": int(chosen.sum()),
            "saved": saved,
            "regret": regret,
            "plain": frontier(peers[0].tolist(), regret),
            "scaled": frontier(peers.reshape(-1, 2).tolist(), regret),
        }
    return found
