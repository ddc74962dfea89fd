"""What is measured of a run, from the rows of its log."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau_face.comparison.experiment import Experiment, Run

Rows = Sequence[Mapping[str, Any]]
Floats = NDArray[np.float64]

STEPWISE = ("plateau", "multistep", "reduce_on_plateau")
"""Schedules whose reductions can be counted; the others lower the rate in each step."""


class Measures(NamedTuple):
    """What came of a run."""

    accuracy: float
    """Of the verification after the last epoch; of several sets, their mean."""
    tar: float
    """True-accept rate at a false-accept rate of 1e-2, likewise."""
    loss: float
    """Mean training loss of the last epoch."""
    steps: int | None
    """Steps until the training loss has reached the given one; None if it never does."""
    reductions: int | None
    """Times the learning rate was lowered; None for schedules that do so in each step."""
    length: int
    """Steps of the run: fewer than planned where a plateau has ended it."""
    cpu: float | None
    """Seconds of a CPU that the steps took; None where the log does not say."""


class Losses(NamedTuple):
    """The rows of the training loss; each is the mean of the steps since the one before."""

    steps: NDArray[np.int64]
    epochs: NDArray[np.int64]
    values: Floats
    rates: Floats

    @property
    def widths(self) -> NDArray[np.int64]:
        """Number of steps of each row."""
        return np.diff(self.steps, prepend=0)


def measure(rows: Rows, run: Run, experiment: Experiment) -> Measures:
    """Return the measures of a finished run.

    Raises
    ------
    ValueError
        If its log does not reach the end.
    """
    losses = losses_of(rows)
    epochs = run.epochs
    if any("ends_at_step" in row for row in rows) and len(losses.epochs):
        epochs = int(losses.epochs[-1])
    last = (losses.epochs == epochs) & np.isfinite(losses.values)
    final: dict[str, float] = {}  # of the last verification
    for row in rows:
        if row["epoch"] == epochs and "loss" not in row:
            final |= row
    seconds = [row.get("cpu_s", np.nan) for row in rows if "loss" in row]
    accuracies = [value for name, value in final.items() if name.endswith("_accuracy")]
    tars = [value for name, value in final.items() if name.endswith("_tar_at_far_1e-2")]
    if not (last.any() and accuracies and tars):
        raise ValueError(f"{run.name}: its log has no loss or no verification of the last epoch")
    return Measures(
        float(np.mean(accuracies)),
        float(np.mean(tars)),
        float(np.average(losses.values[last], weights=losses.widths[last])),
        steps_to(losses, experiment.reach, experiment.over),
        reductions(losses, run) if counts_reductions(run) else None,
        int(losses.steps[-1]),
        None if np.isnan(seconds).any() else float(sum(seconds)),
    )


def counts_reductions(run: Run) -> bool:
    """Return whether a run lowers its rate at moments."""
    cools = run.config.schedule == "plateau" and run.config.at_plateau == "cool"
    return run.config.schedule in STEPWISE and not cools


def reductions(losses: Losses, run: Run) -> int:
    """Return how often the rate was lowered, without the finish of a plateau schedule."""
    rates = losses.rates
    if run.config.schedule == "plateau":
        steps = int(losses.steps[-1])
        rates = rates[losses.steps <= steps - round(run.config.finish * steps)]
    return int((np.diff(rates) < 0).sum())


def losses_of(rows: Rows) -> Losses:
    """Return the rows that have a loss."""
    table = [(r["step"], r["epoch"], r["loss"], r["lr"]) for r in rows if "loss" in r]
    steps, epochs, values, rates = zip(*table, strict=True) if table else ((), (), (), ())
    whole = np.int64
    return Losses(
        np.array(steps, whole), np.array(epochs, whole), np.array(values), np.array(rates)
    )


def smoothed(losses: Losses, over: int) -> Floats:
    """Return, at each row, the mean loss of the last `over` steps, NaN before there are so many.

    Where `over` ends within a row, that row counts as a whole. A row that is not finite, for a step
    that overflowed, counts for nothing: it would make all later ones NaN.
    """
    told = np.isfinite(losses.values)
    sums = np.append(0.0, np.cumsum(np.where(told, losses.values, 0.0) * losses.widths))
    counts = np.append(0, np.cumsum(losses.widths * told))
    ends = np.append(0, losses.steps)
    first = np.searchsorted(ends, losses.steps - over, side="right") - 1
    early, first = first < 0, first.clip(0)
    with np.errstate(invalid="ignore"):  # no finite row: 0/0 is NaN
        means = (sums[1:] - sums[first]) / (counts[1:] - counts[first])
    return np.where(early, np.nan, means)


def steps_to(losses: Losses, level: float, over: int) -> int | None:
    """Return the first step after which the smoothed loss is at most `level`."""
    reached = np.flatnonzero(smoothed(losses, over) <= level)
    return int(losses.steps[reached[0]]) if len(reached) else None
