"""What the made-up logs are made of: a loss, an accuracy, a rate; and what they should read as."""

import math
import os
from dataclasses import dataclass

N = 40
STEPS = range(1, N + 1)


def loss(i):
    return 0.5 + 4 * math.exp(-i / 15) + 0.01 * (i * 7 % 5)


def acc(i):
    return 0.9 - 0.8 * math.exp(-i / 15) + 0.005 * (i * 7 % 5)


def rate(i):
    return 0.1 if i <= N // 2 else 0.01


def clock(i):
    return f"{i // 60:02d}:{i % 60:02d}"


@dataclass(frozen=True)
class Case:
    """A log, and what it should read as."""

    text: str
    metric: str
    x: str
    points: int = N
    mode: str = "min"
    lr: str | None = None
    name: str = "run.log"


def each(line, steps=STEPS):
    return "".join(line(i) + "\n" for i in steps)


def check(read, case):
    """Read a log with nothing but its path."""
    (run,) = read(case.text, case.name).runs
    assert (run.metric, run.x_name, run.mode) == (case.metric, case.x, case.mode)
    assert len(run.values) == case.points
    assert run.lr_name == case.lr
    if case.lr and case.points == N:
        assert run.lr.tolist() == [rate(i) for i in STEPS]


DEADLY = "deadly.log"


def read_or_die(path):
    """Read a log, as another process would: one of them ends it."""
    if path == DEADLY:
        os.abort()
    return path
