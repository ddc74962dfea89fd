"""What every engine must do: many keys, NaN and shifts, killed in the middle, the events of one.

Messages are those of `messages`, in order; `expected` is what one process says of them.
"""

import functools
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np

from plateau import Detector
from plateau_streams import record

KEYS = int(os.environ.get("PLATEAU_STREAM_KEYS", "100"))
"""How many keys, at least 10; with 1000 the contract takes minutes."""
SAMPLES = 500
ENOUGH = 600.0
"""Seconds after which what is awaited does not come any more."""


@functools.cache
def samples():
    """A row of samples for each key: noise around levels that shift, some of them NaN."""
    rng = np.random.default_rng(24)
    shifts = 5.0 * rng.normal(size=(KEYS, 3)).repeat([150, 150, 200], axis=1)
    found = shifts + 0.05 * rng.normal(size=(KEYS, SAMPLES))
    found[rng.random(found.shape) < 0.01] = np.nan
    return found


def messages():
    """Yield key and sample in an order in which the keys take turns."""
    rng = np.random.default_rng(25)
    for column in samples().T:
        for key in rng.permutation(KEYS).tolist():
            yield f"host-{key}", float(column[key])


@functools.cache
def expected():
    """The records of one process, by key."""
    return {
        f"host-{key}": [record(f"host-{key}", event) for event in Detector().events(row)]
        for key, row in enumerate(samples())
    }


def by_key(records):
    found = {key: [] for key in expected()}
    for each in records:
        found[each["key"]].append(each)
    return found


def in_order(records):
    """Sort events of each key as one process tells them: an end before what begins with it."""
    kinds = ["ended", "plateau", "resumed", "worsening", "nonfinite"]
    return sorted(records, key=lambda each: (each["index"], kinds.index(each["event"])))


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(condition, what):
    deadline = time.monotonic() + ENOUGH
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)
    return found


def serve(*arguments, **more):
    """Start ``plateau stream``."""
    command = [sys.executable, "-m", "plateau", "stream", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)


def killed(process, condition, what):
    """Kill a process without a warning once something is so."""
    until(lambda: condition() or process.poll() is not None, what)
    assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGKILL)
    process.communicate()


def ended(process):
    """Wait for an end of its own; return the lines that it said, but for those of an engine."""
    _, said = process.communicate(timeout=ENOUGH)
    assert process.returncode == 0, said
    return [line for line in said.splitlines() if line.startswith("plateau: ")]
