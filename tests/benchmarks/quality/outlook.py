"""How often the interval of `plateau.Gain` holds: ``python -m tests.benchmarks.quality.outlook``.

Each validation curve is cut at half and at a third of its length, asked what as many samples again
would bring, and compared with what they brought: the level of the last eighth behind them.
"""

import json
from collections import defaultdict

import numpy as np

from plateau.base import SIGNS
from plateau.outlook import FEWEST, gain_of
from tests.benchmarks.quality.data import folder


def main() -> None:
    place = folder() / "curves"
    labels = json.loads((place / "curves.json").read_text())
    data = np.load(place / "curves.npz")
    found = defaultdict(list)
    for label, begin, end in zip(labels, data["offsets"], data["offsets"][1:], strict=False):
        values, sign = data["values"][begin:end].astype(float), SIGNS[label["mode"]]
        for n in (len(values) // 2, len(values) // 3):
            gain = gain_of(values[:n], sign) if n >= FEWEST else None
            if gain is not None:
                eighth = max(n // 8, 2)
                last, later = values[n - eighth : n], values[2 * n - 2 * eighth : 2 * n]
                brought = sign * (later.mean() - last.mean())
                found[label["source"]].append((gain.low <= brought, brought <= gain.high))
    for source, held in sorted(found.items()):
        low, high = np.array(held).T
        beyond = f"worse {1 - low.mean():.2f}, better {1 - high.mean():.2f}"
        print(
            f"{source}, {len(held)} times: the interval holds {np.mean(low & high):.2f}; {beyond}"
        )


if __name__ == "__main__":
    main()
