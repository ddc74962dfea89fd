"""The results of an experiment: a document for programs, and tables for people."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np

from plateau.export import write_whole
from plateau_face.comparison.curves import Curve, draw
from plateau_face.comparison.experiment import PLACES, Experiment
from plateau_face.comparison.folder import RunFolder
from plateau_face.comparison.measures import Measures, losses_of, measure
from plateau_face.comparison.statistics import (
    Estimate,
    Spread,
    estimate,
    half_of_difference,
    residual_spread,
)

VERSION = 1
"""Of the JSON document."""
DOCUMENT, TABLE, CURVES = "results.json", "results.md", "curves.svg"
MARGIN = 0.01
"""A loss of accuracy that does not count."""


@dataclass(frozen=True)
class Cell:
    """The finished runs of a schedule and a budget."""

    schedule: str
    epochs: int
    seeds: tuple[int, ...]
    measures: tuple[Measures, ...]
    """One for each seed."""

    def accuracies(self, seeds: Sequence[int]) -> list[float]:
        """Return the accuracies with these seeds."""
        return [self.measures[self.seeds.index(seed)].accuracy for seed in seeds]


@dataclass(frozen=True)
class Difference:
    """How much more accurate a cell is than the best with the full budget, seed by seed."""

    values: tuple[float, ...]
    own: Estimate
    """With the spread of these differences alone."""
    pooled: Estimate
    """With the spread of all cells together."""

    @property
    def within(self) -> str:
        """Return whether the cell loses less than `MARGIN`, by the pooled interval."""
        mean, half = self.pooled
        if half is None or mean - half <= -MARGIN <= mean + half:
            return "open"
        return "yes" if mean > -MARGIN else "no"


def write_results(experiment: Experiment, out: Path) -> str:
    """Write document, tables and curves of the finished runs into `out`, and return the tables.

    Raises
    ------
    ValueError
        If there are none, or they were trained otherwise than the experiment says.
    """
    cells, curves = [], []
    for epochs in experiment.epochs:
        for schedule in experiment.schedules:
            cell, curve = _read(experiment, out, schedule, epochs)
            if cell.seeds:
                cells.append(cell)
                curves.append(curve)
    if not cells:
        raise ValueError(f"{out}: no run of this experiment is finished")
    found = document(experiment, cells)
    text = "\n".join(markdown(found)) + "\n"
    write_whole(out / DOCUMENT, json.dumps(found, indent=1).encode() + b"\n")
    write_whole(out / TABLE, text.encode())
    draw(experiment.title, curves, out / CURVES)
    return text


def _read(experiment: Experiment, out: Path, schedule: str, epochs: int) -> tuple[Cell, Curve]:
    seeds, measures, losses = [], [], []
    for run in experiment.runs:
        folder = RunFolder(out / run.name)
        if (run.schedule, run.epochs) != (schedule, epochs) or not folder.is_finished():
            continue
        folder.compare(run.config, but_for=PLACES)
        rows = folder.rows()
        seeds.append(run.seed)
        measures.append(measure(rows, run, experiment))
        losses.append(losses_of(rows))
    cell = Cell(schedule, epochs, tuple(seeds), tuple(measures))
    accuracies = [found.accuracy for found in measures]
    return cell, Curve(schedule, epochs, losses, accuracies, experiment.over)


def document(experiment: Experiment, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the results as plain data."""
    shared = [seed for seed in experiment.seeds if all(seed in cell.seeds for cell in cells)]
    spread = residual_spread(
        np.array([cell.accuracies(shared) for cell in cells]).reshape(len(cells), len(shared))
    )
    best = best_of(
        [cell for cell in cells if cell.schedule in experiment.best_of], experiment.epochs[0]
    )
    return {
        "version": VERSION,
        "title": experiment.title,
        "schedules": list(experiment.schedules),
        "epochs": list(experiment.epochs),
        "seeds": list(experiment.seeds),
        "reach": {"loss": experiment.reach, "over": experiment.over},
        "best": {"schedule": best.schedule, "epochs": best.epochs} if best else None,
        "spread": spread._asdict() if spread else None,
        "cells": [_record(cell, best, spread) for cell in cells],
    }


def best_of(cells: Sequence[Cell], epochs: int) -> Cell | None:
    """Return the most accurate of the cells with that budget, the first of equals."""
    full = [cell for cell in cells if cell.epochs == epochs]
    return max(full, key=lambda cell: np.mean(cell.accuracies(cell.seeds)), default=None)


def difference(cell: Cell, best: Cell, spread: Spread | None) -> Difference | None:
    """Compare a cell with the best; None where they have no seed in common."""
    shared = [seed for seed in cell.seeds if seed in best.seeds]
    if not shared:
        return None
    pairs = zip(cell.accuracies(shared), best.accuracies(shared), strict=True)
    values = tuple(one - other for one, other in pairs)
    own = estimate(values)
    half = half_of_difference(spread, len(shared)) if spread else None
    return Difference(values, own, Estimate(own.mean, half))


def _record(cell: Cell, best: Cell | None, spread: Spread | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "schedule": cell.schedule,
        "epochs": cell.epochs,
        "seeds": list(cell.seeds),
    }
    for name in Measures._fields:
        values = [getattr(found, name) for found in cell.measures]
        missing = None in values  # a mean of those that have one would flatter
        record[name] = {"values": values} | (
            {"mean": None, "half": None} if missing else estimate(values)._asdict()
        )
    if best is None or cell is best:
        return record | {"difference": None}
    found = difference(cell, best, spread)
    return record | {
        "difference": found
        and {
            "values": list(found.values),
            "mean": found.own.mean,
            "half": found.own.half,
            "half_pooled": found.pooled.half,
            "within": found.within,
        }
    }


ACCURACIES = (
    "schedule", "epochs", "accuracy %", "TAR % at FAR 1 %", "difference, own spread",
    "pooled spread", "within 1",
)  # fmt: skip
TRAININGS = (
    "schedule", "epochs", "training loss", "steps to loss {:g}", "reductions", "steps",
    "CPU s",
)  # fmt: skip


def markdown(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of two tables, each narrow enough for a page, and what belongs to them."""
    seeds, reach = len(found["seeds"]), found["reach"]
    yield from _table(ACCURACIES, [_accuracies(cell, seeds) for cell in found["cells"]])
    yield ""
    yield from _remark(found)
    yield ""
    headings = [heading.format(reach["loss"]) for heading in TRAININGS]
    yield from _table(headings, [_training(cell, seeds) for cell in found["cells"]])


def _remark(found: dict[str, Any]) -> Iterator[str]:
    text = f"Mean and 95 % interval over {len(found['seeds'])} seeds, by Student's t."
    if best := found["best"]:
        text += (
            f" Differences: points of accuracy to {best['schedule']} with {best['epochs']} epochs, "
            "the best with the full budget, seed by seed."
        )
    if spread := found["spread"]:
        text += (
            f" Pooled: by the spread that all cells have in common, "
            f"{100 * spread['deviation']:.2f} points at {spread['freedom']} degrees of freedom."
        )
    yield from wrap(text, 100)


def _table(headings: Sequence[str], rows: Sequence[Iterator[str]]) -> Iterator[str]:
    yield _line(headings)
    yield _line([":--", *["--:"] * (len(headings) - 1)])
    yield from map(_line, rows)


def _place(cell: dict[str, Any], seeds: int) -> Iterator[str]:
    finished = len(cell["seeds"])
    yield cell["schedule"] if finished == seeds else f"{cell['schedule']} ({finished} of {seeds})"
    yield str(cell["epochs"])


def _accuracies(cell: dict[str, Any], seeds: int) -> Iterator[str]:
    yield from _place(cell, seeds)
    yield _shown(cell["accuracy"], 100, 2)
    yield _shown(cell["tar"], 100, 1)
    gap = cell["difference"]
    if gap is None:
        yield from ("", "", "")
    else:
        yield _shown(gap, 100, 2, sign="+")
        yield "" if gap["half_pooled"] is None else f"± {100 * gap['half_pooled']:.2f}"
        yield gap["within"]


def _training(cell: dict[str, Any], seeds: int) -> Iterator[str]:
    yield from _place(cell, seeds)
    yield _shown(cell["loss"], 1, 2)
    steps = cell["steps"]["values"]
    reached = sum(count is not None for count in steps)
    yield _shown(cell["steps"], 1, 0) or f"in {reached} of {len(steps)} runs"
    yield _shown(cell["reductions"], 1, 1)
    yield _shown(cell["length"], 1, 0)
    yield _shown(cell["cpu"], 1, 0)


def _shown(value: dict[str, Any], scale: float, digits: int, sign: str = "") -> str:
    if value["mean"] is None:
        return ""
    rounded = round(scale * value["mean"], digits) + 0.0  # which makes 0 of −0
    mean = f"{rounded:{sign}.{digits}f}".replace("-", "−")
    return mean if value["half"] is None else f"{mean} ± {scale * value['half']:.{digits}f}"


def _line(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
