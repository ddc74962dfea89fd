"""A new process, until it has done something and ended."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from . import peers
from .timing import Candidate, Group

NUMBA = "import numba"
PLATEAU = "plateau, imported"
DETECTOR = "from plateau import Detector"
RULE = """
from plateau import EmaHaar, ThresholdDetector
ThresholdDetector(EmaHaar(1e-3, 1e-3), 5e-5, 100).update(1.0)
"""
CALIBRATED = f"{DETECTOR}; d = Detector(); [d.update(float(i % 7)) for i in range(100)]"
WAYS = """
import numpy as np
from plateau import Detector, DetectorBank, find_plateaus
xs = np.random.default_rng(0).normal(size=3000)
for take in (Detector().update_many, Detector().record, Detector().until_fire, find_plateaus):
    take(xs)
one, bank = Detector(), DetectorBank(Detector(), 2)
for x in xs.tolist():
    one.update(x)
bank.update(xs[:2])
bank.update_many(xs.reshape(-1, 2))
"""
FIRST_ANSWER = "plateau, first answer of a calibrated detector"
ALL_WAYS = "plateau, all ways of a calibrated detector"
FIRST_RULE = "plateau, first update of a threshold rule"
FIRST_UPDATES = {
    FIRST_RULE: RULE,
    "plateau, first blocks of a calibrated detector": CALIBRATED,
}
PEERS = {
    peers.ADWIN: ("river", "from river.drift import ADWIN; ADWIN().update(1.0)"),
    "torch, imported": ("torch", "import torch"),
}


CACHES = tempfile.TemporaryDirectory(prefix="plateau-speed-")
WARM, COLD, BYTECODE = (Path(CACHES.name) / name for name in ("warm", "cold", "bytecode"))


def process(code, cache):
    """Return a call that runs the code in a new process, with bytecode as after an installation."""
    own = {"NUMBA_CACHE_DIR": str(cache), "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own
    return lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def emptied(code, cache):
    """The same without anything in numba's cache."""
    shutil.rmtree(cache, ignore_errors=True)
    return process(code, cache)


def warm(sizes):
    """With the compiled code in numba's cache on disk."""
    codes = {"python": "pass", NUMBA: "import numba", PLATEAU: DETECTOR}
    codes |= FIRST_UPDATES
    found = [
        Candidate(name, 1, lambda code=code: process(code, WARM)) for name, code in codes.items()
    ]
    for name, (package, code) in PEERS.items():
        found.append(Candidate(name, 1, lambda code=code: process(code, WARM), package))
    return Group("a new process", NUMBA, found, unit="ms", scale=1e6)


def cold(sizes):
    """With nothing in the cache: what the very first run after an installation costs."""
    long = {
        FIRST_ANSWER: f"{DETECTOR}; Detector().update(1.0)",
        **FIRST_UPDATES,
        ALL_WAYS: WAYS,
    }
    codes = long if sizes.rounds is None else dict.fromkeys(long, "pass") | {FIRST_RULE: RULE}
    found = [
        Candidate(name, 1, lambda code=code: emptied(code, COLD)) for name, code in codes.items()
    ]
    return Group(
        "the very first process", FIRST_RULE, found, unit="ms", scale=1e6, least=2, warm_up=False
    )


GROUPS = {"a new process": warm, "the very first process": cold}
