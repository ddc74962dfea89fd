"""A log that is still being written, and what a watch of it tells."""

import json
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from tempfile import TemporaryFile
from unittest.mock import patch

import numpy as np
import pytest
from processes import PLATEAU

from plateau import cli
from plateau.logs.choosing.asked import Asked
from plateau.offline import scan_run
from plateau.rule import Rule
from plateau.watching.columns import Columns
from plateau.watching.lines import LineLog
from plateau.watching.runs import Runs


def staircase(steps=9000, seed=0):
    """A log of a loss with two plateaus, a NaN between, and a learning rate that drops."""
    rng = np.random.default_rng(seed)
    at = np.arange(steps)
    level = np.where(at < 5000, 1 + 8 * np.exp(-at / 300), 0.2 + 0.8 * np.exp(-(at - 5000) / 200))
    loss = level + 0.02 * rng.normal(size=steps)
    lines = [
        f"step {10 * i} | loss {v:.4f} | lr {0.1 if i < 5000 else 0.01}\n"
        for i, v in enumerate(loss)
    ]
    lines[4321:4322] = ["step 43210 | loss nan | lr 0.1\n"] * (steps > 4321)
    return "starting up\n" + "".join(lines)


def watch(*arguments, stdin=b""):
    """Watch to the end in this process, which has all that a new one would have to import."""
    command = ["plateau", "watch", *map(str, arguments)]
    with ExitStack() as stack:
        files = [
            stack.enter_context(TemporaryFile("w+", encoding="utf-8", errors=errors))
            for errors in ("strict", "strict", "backslashreplace")
        ]
        files[0].buffer.write(stdin)
        files[0].buffer.seek(0)
        streams = dict(zip(("stdin", "stdout", "stderr"), files, strict=True))
        with patch.multiple(sys, argv=command, **streams), pytest.raises(SystemExit) as ended:
            cli.main()
        for file in files:
            file.seek(0)
        said = [file.buffer.read() for file in files[1:]]
    return subprocess.CompletedProcess(command, ended.value.code, *said)


def begin(*arguments, **more):
    """Begin a watch in a process of its own, which can be killed."""
    command = [*PLATEAU, "watch", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def events_of(data):
    return [json.loads(line) for line in data.splitlines()]


def until(holds, seconds=60):
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def folded(events):
    """The plateaus that events tell of: start, declared and stop of each, by run."""
    runs = {}
    for event in events:
        spans = runs.setdefault(event["run"], [])
        if event["event"] in ("plateau", "resumed"):
            while spans and spans[-1][1] >= event["start"] and event["event"] == "resumed":
                spans.pop()
            spans.append([event["start"], event["declared"], None])
        elif event["event"] == "ended":
            spans[-1][2] = event["stop"]
    for spans in runs.values():  # each is over where the next one begins
        for span, (start, *_) in pairwise(spans):
            span[2] = start if span[2] is None else min(span[2], start)
    return {run: spans for run, spans in runs.items() if spans}


def scanned(log, rule=Rule()):
    """What a scan finds that knows the past only, as `folded` does it for events."""
    found = {run.name: scan_run(run, rule, past=True).plateaus for run in log.runs}
    return {
        name: [[p.start, p.declared, p.stop if p.closed else None] for p in plateaus]
        for name, plateaus in found.items()
        if plateaus
    }


class Chunks:
    """Gives a log in pieces of any size."""

    renewed = False

    def __init__(self, data, sizes):
        self.data, self.sizes, self.ended = data, sizes, False

    def read(self):
        size = next(self.sizes)
        piece, self.data = self.data[:size], self.data[size:]
        self.ended = not self.data
        return piece


def in_chunks(data, sizes, path="run.log", rule=Rule()):
    """Watch a log that comes in pieces; return the events as programs read them."""
    columns = Columns(path, Asked(), lambda message: None)
    log, runs, told = LineLog(Chunks(data, sizes), columns), None, []
    while not log.ended:
        log.read()
        rows = log.rows()
        if runs is None and columns.chosen:
            runs = Runs(rule, columns.chosen, None)
        told += runs.take(rows) if rows else []
    return [event.record(i, run=run) for i, (run, event) in enumerate(told, 1)]


def random_sizes(seed, most):
    rng = random.Random(seed)
    while True:
        yield rng.randint(1, most)
