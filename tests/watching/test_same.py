"""A log that is watched while it grows gives the plateaus of a scan that knows the past only.

The logs are made up: of every kind of movement, with what readers and detectors have to bear.
"""

import numpy as np
import pytest
from following import folded, in_chunks, random_sizes, scanned

from plateau.logs import read_log
from plateau.rule import Rule

FORMS = ("text", "csv", "jsonl", "blocks", "epochs")
RULES = {
    "calibrated": Rule(),
    "horizon": Rule(horizon=150),
    "haar": Rule("haar", window=40, threshold=1e-3, patience=60),
    "ema": Rule("ema", alpha=0.02, beta=0.02, threshold=1e-3, patience=100),
}


def series(rng, rows):
    """A metric and its learning rate: descents, plateaus, jumps, returns, drifts, gaps."""
    level, rate = 1 + 9 * rng.random(), 0.1
    values, rates = [], []
    while len(values) < rows:
        count = int(rng.integers(60, 900))
        at = np.arange(count)
        kind = rng.integers(5)
        if kind == 0:
            part = level * (0.3 + 0.7 * np.exp(-at / rng.uniform(10, 200)))
        elif kind == 1:
            part = level - level * rng.choice([0.05, 0.3, -0.2]) * at / count
        elif kind == 2:  # an excursion that returns
            part = np.full(count, level)
            part[count // 2 : count // 2 + int(rng.integers(1, 40))] *= rng.choice([1.3, 0.6])
        else:
            part = np.full(count, level)
        rate = rate * rng.choice([1.0, 0.1, 0.5]) if rng.random() < 0.5 else rate
        level = part[-1]
        values += part.tolist()
        rates += [rate] * count
    values = np.array(values[:rows]) + 0.02 * rng.choice([0.1, 1, 5]) * rng.normal(size=rows)
    for start in rng.integers(100, rows, size=int(rng.integers(0, 4))):
        values[start : start + int(rng.integers(1, 6))] = rng.choice([np.nan, np.inf])
    return values, np.array(rates[:rows])


def written(form, rng):
    """A log in a form, of one run or two, with steps that skip."""
    lines = ["step,loss,lr"] if form == "csv" else []
    for _ in range(int(rng.integers(1, 3))):
        values, rates = series(rng, int(rng.integers(800, 1600)))
        step = np.cumsum(rng.choice([10, 10, 10, 30], size=len(values)))
        for i, (v, r, s) in enumerate(zip(values, rates, step.tolist(), strict=True)):
            lines.append(
                {
                    "text": f"[{i % 60:02d}:{i // 60 % 60:02d}] step {s} | loss {v:.5f} | lr {r:g}",
                    "csv": f"{s},{v:.5f},{r:g}",
                    "jsonl": f'{{"step": {s}, "loss": {v:.5f}, "lr": {r:g}}}'.replace(
                        "inf", "Infinity"
                    ).replace("nan", "NaN"),
                    "blocks": f"----------\n| loss | {v:.5f} |\n| lr | {r:g} |\n| step | {s} |",
                    "epochs": f"epoch {i // 100} batch {i % 100} loss {v:.5f} lr {r:g}",
                }[form]
            )
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("form", FORMS)
def test_a_watch_tells_the_plateaus_of_a_scan(tmp_path, form, rule):
    rng = np.random.default_rng([FORMS.index(form), [*RULES].index(rule)])
    path = tmp_path / "run.log"
    path.write_bytes(data := written(form, rng))
    events = in_chunks(data, random_sizes(form, len(data) // 10), rule=RULES[rule])
    assert folded(events) == scanned(read_log(path), RULES[rule])
