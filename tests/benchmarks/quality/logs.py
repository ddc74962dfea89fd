"""Real logs of which something is known."""

import numpy as np

from plateau import Verdict
from plateau.logs import read_log

from .data import folder

NOISY = "openai-logger-kpd/progress.csv"
FLAT = "rl-atari-a2c/progress.csv"
SPIKES = "mmdet-spikes-freeanchor/20210312_095808.log.json.gz"
DIVERGING = "caffe-diverge-crash/caffenet128_lsuv_bs32_lr008.log"
STAIRCASES = (
    "mxnet-resnet18/resnet-18.log.gz",
    "caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz",
    "mmdet-faster-rcnn-1x/20210218_221611.log.json.gz",
    "fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz",
)


def first_run(path):
    """Finite values of a log's first run, their learning rates, and its mode."""
    run = read_log(folder() / "logs" / path).runs[0]
    finite = np.isfinite(run.values)
    return run.values[finite], None if run.lr is None else run.lr[finite], run.mode


def found_in(row, path):
    """Plateaus of a log, the series, and its learning rates."""
    x, lr, mode = first_run(path)
    return row.find(x, (), mode), x, lr


def noisy_progress(row):
    """Share of a steadily improving run that is called flat, from declaration to stop."""
    runs, x, _ = found_in(row, NOISY)
    flat = sum((len(x) if run.stop is None else run.stop) - run.declared for run in runs)
    return {"flat share": flat / len(x), "ok": flat <= 0.05 * len(x)}


def flat_from_the_start(row):
    """A run that learns nothing is one plateau."""
    runs, _, _ = found_in(row, FLAT)
    one = len(runs) == 1 and runs[0].stop is None
    return {"plateaus": len(runs), "ok": one, "runs": [list(run) for run in runs]}


def spikes(row):
    """No plateau stops within 100 samples after a spike.

    The loss stays near 2 but for 17 values from 4 to 1,160 within its first 212.
    """
    runs, x, _ = found_in(row, SPIKES)
    at = np.flatnonzero(x > 4)
    broken = [run for run in runs if run.stop and any((at <= run.stop) & (run.stop <= at + 100))]
    return {"plateaus": len(runs), "broken": len(broken), "ok": not broken}


def drops_of(lr):
    """Samples at which the learning rate falls to less than 0.6 of what it was.

    The first one that a log states in mid-run is such a fall too.
    """
    falls = lr[1:] < 0.6 * lr[:-1]
    stated = np.isnan(lr[:-1]) & ~np.isnan(lr[1:])
    return (np.flatnonzero(falls | stated) + 1).tolist()


def staircase(row, path):
    """What each learning-rate drop does to the plateau that stands at it.

    ``outside``: there is none; ``ended``: it stops before the next drop or the end; ``through``.
    """
    runs, x, lr = found_in(row, path)
    drops = drops_of(lr)
    counts = {"drops": len(drops), "outside": 0, "ended": 0, "through": 0, "delays": []}
    for drop, after in zip(drops, [*drops[1:], len(x)], strict=True):
        standing = [r for r in runs if r.declared < drop and (r.stop is None or r.stop > drop)]
        if not standing:
            counts["outside"] += 1
        elif standing[0].stop is not None and standing[0].stop <= after:
            counts["ended"] += 1
            counts["delays"].append(standing[0].stop - drop)
        else:
            counts["through"] += 1
    return {**counts, "plateaus": len(runs), "ok": not counts["through"]}


def diverging(row):
    """A loss that leaves its level for good: a made one, which also must be WORSENING, and a real.

    The made one rests at 2 with noise 0.1 for 1,500 samples and then grows by 0.5 % a sample. The
    real one jumps from 8 to 50 at its second sample and creeps up.
    """
    real, _, _ = first_run(DIVERGING)
    t = np.arange(2000)
    made = 2 * np.exp(0.005 * np.maximum(t - 1500, 0))
    made += 0.1 * np.random.default_rng(0).normal(size=len(t))
    standing = {
        name: any(run.stop is None for run in row.find(x, (), "min"))
        for name, x in (("made", made), ("real", real))
    }
    verdict = last_verdict(row, made)
    return {
        "flat at the end": standing,
        "verdict": verdict,
        "ok": not any(standing.values()) and verdict in (None, Verdict.WORSENING.name),
    }


def last_verdict(row, x):
    """Name of the verdict after a series, None for rows without verdicts."""
    if row.make is None:
        return None
    detector = row.make(mode="min")
    for value in x.tolist():
        detector.update(value)
    return Verdict(detector.verdict).name


def logs(row):
    """All facts; nothing for rows that see the whole series."""
    if row.offline:
        return None
    return {
        NOISY.split("/")[0]: noisy_progress(row),
        FLAT.split("/")[0]: flat_from_the_start(row),
        SPIKES.split("/")[0]: spikes(row),
        **{path.split("/")[0]: staircase(row, path) for path in STAIRCASES},
        "diverging": diverging(row),
    }
