"""States that were tampered with: the longer search of tests/tamper.py, for some seconds.

Without the kernels for long rows, which take most of the time to be compiled and which the longer
search has too.
"""

import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from tamper import as_bytes, as_json

from plateau import Detector, DetectorBank, Ema, Haar, Schedule, Stopper, ThresholdDetector
from plateau._state import VERSION

SECONDS = 3


def test_no_state_leads_outside_of_an_array():
    """In a process of its own, whose kernels look at every index."""
    program = Path(__file__).with_name("tamper.py")
    done = subprocess.run(
        [sys.executable, str(program), "--seconds", str(SECONDS)],
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "PLATEAU_FAST": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(done.stdout.split()[0]) > 10


def one_of_each(patience):
    rule = ThresholdDetector(Ema(0.2), 0.1, patience)
    yield rule
    yield ThresholdDetector(Haar(4), 0.1, patience)
    yield DetectorBank(rule, 64)
    yield DetectorBank(ThresholdDetector(Haar(4), 0.1, patience), 3)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("run", 4), ("run", 5000), ("run", 2**53), ("last_fire", 31), ("since", 31), ("fires", 31)],
)
@pytest.mark.parametrize("one", [*one_of_each(patience=3)], ids=repr)
def test_what_counts_is_at_most_what_can_be(one, cell, value):
    one.reset()
    one.update_many(np.zeros((30, one.streams) if isinstance(one, DetectorBank) else 30))
    numbers = one._table().copy()
    numbers[-1, one._layout.names.index(cell)] = value
    before = one.to_bytes()
    with pytest.raises(ValueError, match=r"its numbers contradict each other|not a count"):
        one.load_state_dict(json.loads(json.dumps(as_json(one, numbers))))
    with pytest.raises(ValueError, match="damaged"):
        type(one).from_bytes(as_bytes(one, numbers))
    assert one.to_bytes() == before


@pytest.mark.parametrize("cell", ["last_fire", "fire_length", "declared", "onset", "left_onset"])
def test_no_place_lies_behind_the_last_sample(cell):
    detector = Detector(horizon=60)
    detector.update_many(np.random.default_rng(0).normal(size=400))
    saved = detector.state_dict()
    saved["state"][cell] = 401
    with pytest.raises(ValueError, match="its numbers contradict each other"):
        detector.load_state_dict(saved)


@pytest.mark.parametrize(
    "description",
    [
        {"type": "Haar", "window": 10**9, "smooth": 1},
        {"type": "Haar", "window": 2, "smooth": 2**53},
        DetectorBank(ThresholdDetector(Ema(0.5), 0.1, 3), 1)._describe() | {"streams": 10**8},
        DetectorBank(Detector(), 1)._describe() | {"streams": 2**53},
    ],
    ids=["window", "smooth", "streams", "more streams than memory"],
)
def test_a_few_bytes_do_not_take_much_memory(description):
    body = json.dumps(description).encode()
    body = b"plateau\0" + struct.pack("<2I", VERSION, len(body)) + body + struct.pack("<I", 0)
    kind = DetectorBank if description["type"] == "DetectorBank" else Haar
    with pytest.raises(ValueError, match="parameters and numbers do not fit"):
        kind.from_bytes(body + struct.pack("<I", zlib.crc32(body)))


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("make", [Schedule, Stopper])
@pytest.mark.parametrize("depth", [100, 100_000])
def test_lists_within_lists_are_no_state_of_a_schedule(make, depth):
    one = make(ThresholdDetector(Haar(4), 0.1, 3))
    saved = one.state_dict()
    for where in saved:
        with pytest.raises(ValueError, match="damaged"):
            one.load_state_dict({**saved, where: nested(depth)})
    with pytest.raises(ValueError, match="damaged"):
        one.load_state_dict(nested(depth))
    one.load_state_dict(saved)


@pytest.mark.parametrize("depth", [100, 990, 100_000])
@pytest.mark.parametrize("where", ["level", "ring", "params", "type"])
def test_lists_within_lists_are_no_state(where, depth):
    detector = ThresholdDetector(Haar(4), 0.1, 3)
    saved = detector.state_dict()
    if where == "params":
        saved["params"] = {**saved["params"], "slope_filter": nested(depth)}
    elif where == "type":
        saved["type"] = nested(depth)
    else:
        saved["state"][where] = nested(depth)
    with pytest.raises(ValueError, match=r"damaged|was saved with"):
        detector.load_state_dict(saved)
