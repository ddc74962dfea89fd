"""How good a column is as x: steps before rounds and epochs, times where nothing else counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import CONSTANT_FROM, is_clock, is_counter, is_ramp, is_whole
from plateau.logs.names.quantities import (
    EXTREMES,
    FAST,
    MEANS,
    RESOURCES,
    is_slowness,
    metric_word,
)
from plateau.logs.names.words import vocabulary, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.columns import Column

FIRST_COLUMN = "column 1"
COLUMN_NUMBER = re.compile(r"column \d+")
STEPS = vocabulary(
    "step steps timestep timesteps iter iters iteration iterations iterate itr it update updates "
    "up batch batches minibatch minibatches"
)
STEP_ENDINGS = ("step", "steps", "iter")  # NSTEP
TIME_STEPS = (("time", "step"), ("time", "steps"))
RUNS = vocabulary("run runs fold folds seed trial repeat repetition rep split replicate experiment")
# "LP iter", "ItCnt": iterations of what is solved within a step, which are summed.
WITHIN, ABBREVIATED = vocabulary("lp simplex cg pcg krylov barrier"), ("it", "cnt")
AMOUNTS = vocabulary(
    "frame frames sample samples token tokens kimg image images sentences example examples seen "
    "interacts interactions"
)
ROUNDS = vocabulary(
    "round rounds tree trees boosting generation generations gen episode episodes trial tick ticks "
    "cycle"
)
EPOCHS = vocabulary("epoch epochs ep")
TIMES = vocabulary(
    "time timestamp timestamps stamp t date dates datetime wall clock elapsed seconds secs sec "
    "minutes hours hour days day ms relative"
)
IS_X = {("progress",), ("x", "value"), ("x", "values"), ("x", "axis")}
# Finer counters first: a step is what the detector counts in.
X_STEP, X_IMPLIED, X_AMOUNT, X_ROUND, X_EPOCH = 10.0, 9.0, 8.0, 7.0, 6.0
PATH = re.compile(r"[./]")
PER = re.compile(r"^(s|sec|secs|seconds?|ms|us|samples|tokens|images|imgs?|examples)/")  # s/it
X_GLOBAL, GLOBAL_WORDS = 0.5, {"global", "total", "current", "num"}  # does not restart
X_UNKNOWN = 3.0  # any column of whole numbers that counts up
X_STAMP = 3.5  # "124.4: sent=12 seq=7": the time of a line
X_SUM = 0.5  # of all that there was so far ("total requests"): a clock is better
SUMS = WITHIN | vocabulary("total totals count counts cnt num number sum bytes size cumulative")
# Of a record in a table, which says no more than its row.
KEYS = vocabulary("id ids rowid index idx pk")
X_BACK = -3.0  # where such a one goes back, and no epoch says why: a clock is better
X_TIME = 1.0  # only where nothing else counts
X_DISTINCT = 2.0  # per share of rows that x tells apart
X_ELSEWHERE = -3.0  # x that must be fetched from other lines
X_COARSE = -4.0  # per share of rows that it does not tell apart, where another on the row does
X_LEAST = 1.0
# "samples/sec", "steps per second", "time/step", "step size", "batch size", "steps remaining"
NO_X = FAST | vocabulary("per sec s rate speed size remaining left eta lr norm max len length id")
NO_COUNT = RESOURCES | EXTREMES | MEANS  # even where they go up
BACK_MOST = 0.5  # of the rows; above, a column does not count up
UP_LEAST = 0.9  # of the rows, for a column without a telling name
FEW_VALUES, MANY_ROWS = 3, 16  # a step of so few values in so many rows counts something else


def is_axis(column: Column) -> bool:
    """Whether numbers count, go up in equal steps, or grow in the first of unnamed columns."""
    values = column.values
    if is_counter(values) or is_ramp(values):
        return True
    change = np.diff(values)
    if COLUMN_NUMBER.fullmatch(column.name) and is_clock(values):
        return bool(np.all(change > 0) or np.all(change < 0))
    first = column.name == FIRST_COLUMN and len(values) > CONSTANT_FROM
    return first and bool(np.all(np.diff(values) > 0))


def x_points(column: Column) -> float:
    """Points of a column's name as x."""
    if "x" not in column.points:
        column.points["x"] = _x_points(column)
    return column.points["x"]


def _x_points(column: Column) -> float:
    if column.implied:
        return X_IMPLIED
    if column.clock:
        return X_TIME
    if column.name == "x" or words(column.name) in IS_X:
        return X_AMOUNT
    if PER.match(column.name) or is_slowness(column.name, words(column.name)):
        return 0.0
    found = _own_words(column.name)
    needed = found[:1] == ("no",) and len(found) > 1  # "No Iterations 3": how many were needed
    if needed or WITHIN.intersection(found) or found == ABBREVIATED:
        return 0.0
    if found[-2:] in TIME_STEPS:
        return X_STEP
    kinds = (
        (STEPS, X_STEP),
        (AMOUNTS, X_AMOUNT),
        (ROUNDS, X_ROUND),
        (EPOCHS, X_EPOCH),
        (TIMES, X_TIME),
    )
    if len(found) > 1 and not column.name.startswith("t"):  # "T [K]" is a temperature
        found = tuple(word for word in found if word != "t")
    points = next((worth for known, worth in kinds if known.intersection(found)), 0.0)
    points = points or X_STEP * any(word.endswith(STEP_ENDINGS) for word in found)
    if points == X_TIME or not points:
        return points
    measures = any(map(metric_word, found))
    if NO_X.intersection(found) or TIMES.intersection(found) or measures:
        return 0.0
    return points + X_GLOBAL * bool(GLOBAL_WORDS.intersection(found))


def _own_words(name: str) -> tuple[str, ...]:
    """Words of a name; of a path such as "time/total_steps" the last part, if that is a counter."""
    last = words(PATH.split(name)[-1])
    counts = STEPS | AMOUNTS | ROUNDS | EPOCHS | TIMES
    own = counts.intersection(last) and (counts | GLOBAL_WORDS).issuperset(last)
    return last if own else words(name)


def x_behaviour(column: Column, x: NDArray[np.float64], *, first: bool = False) -> float:
    """Points of a column as x once its numbers are known; minus infinity where it cannot be.

    Numbers that are not whole may be x where they stand ``first``.
    """
    points = x_points(column)
    if len(x) > 1:
        if not np.isfinite(x).all():
            return -np.inf
        change = np.diff(x)
        if np.mean(change < 0) > BACK_MOST or not change.any():
            return -np.inf
        if column.implied and is_clock(x):  # "1738407607.25: epoch 3"
            points = X_TIME
        if not points:
            again = x[1:][change < 0]  # of an inner counter: each block counts from the same
            inner = len(again) > 1 and bool(np.all(again == x[0]) and change.all())
            counts = is_whole(x) and (np.mean(change > 0) >= UP_LEAST or inner)
            if is_clock(x):
                points = X_TIME
            elif column.stamps and (change > 0).all():
                points = X_STAMP
            elif counts and NO_COUNT.isdisjoint(words(column.name)):
                told = words(column.name)
                coarse = SUMS.intersection(told) or KEYS.issuperset(told)
                points = X_SUM if coarse else X_UNKNOWN
            else:
                points = X_LEAST if first and is_axis(column) else -np.inf
        distinct = 1 + np.count_nonzero(np.diff(np.sort(x)))  # np.unique would import numpy.ma
        few = distinct <= FEW_VALUES and len(x) >= MANY_ROWS and (change >= 0).all()
        if points > X_EPOCH and few:
            return -np.inf
        points += X_DISTINCT * distinct / len(x)
    return points


def tells_runs(column: Column) -> bool:
    """Whether a column numbers runs: "Fold 3", in which epochs start again, is no epoch."""
    found = _own_words(column.name)
    return bool(found) and RUNS.issuperset(found) and not column.implied


def counts_within(column: Column) -> bool:
    """Whether a name is that of steps or epochs, which count and tell no writers apart."""
    return not column.implied and x_points(column) in (X_STEP, X_EPOCH)


def counts_steps(x_name: str, x: NDArray[np.float64]) -> bool:
    """Whether x counts optimisation steps."""
    found = words(x_name)
    named = any(word in STEPS or word.endswith(STEP_ENDINGS) for word in found)
    return named and is_whole(x) and bool(np.all(np.diff(x) >= 0))
