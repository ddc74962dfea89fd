"""What was found in a log and why it was chosen, as plain data: another process reads the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plateau.logs.choosing.by_words import names_apart
from plateau.logs.choosing.metrics import ranked
from plateau.logs.choosing.runs import assemble
from plateau.logs.names import as_metric, as_rate, as_x
from plateau.logs.reader import read_material
from plateau.showing import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateau.logs.choosing.asked import Asked
    from plateau.logs.choosing.metrics import Candidate
    from plateau.logs.columns import Column
    from plateau.logs.model import Run

SHOWN = 24
"""Columns of a log that are listed."""

DIRECTIONS = {"min": "lower is better", "max": "higher is better", "both": "no direction"}


@dataclass(frozen=True)
class Line:
    """A column, as it is listed."""

    name: str
    cells: tuple[str, ...]
    """Rows, the first and the last value, and what it is worth as metric, as x and as rate."""
    told: str
    """Remarks."""
    chosen: bool


@dataclass(frozen=True)
class Described:
    """What was found in a log."""

    path: str
    format: str
    columns: list[Line]
    more: int
    """Columns that are not listed."""
    choices: list[str]
    warnings: list[str]


def described(path: str, asked: Asked) -> Described:
    """Read a log, and say what is in it and what is chosen.

    Raises
    ------
    LogError
        If it cannot be read, or no series is in it.
    """
    material = read_material(path, asked)
    candidates = ranked(material)
    runs = assemble(material)
    training = as_metric.is_training(item for _, item in material.columns())
    shown = candidates[:SHOWN]
    apart = names_apart(material, shown)
    return Described(
        path,
        material.contents.format,
        [_line(one, runs[0], apart.get(one.column), training=training) for one in shown],
        max(len(candidates) - SHOWN, 0),
        _choices(candidates, runs),
        material.warnings,
    )


def _line(one: Candidate, run: Run, apart: str | None, *, training: bool) -> Line:
    item = one.column
    ends = [_shown(item, float(value)) for value in (item.values[0], item.values[-1])]
    x, lr = as_x.x_points(item), as_rate.lr_points(item)
    points = f"{one.points:.1f}", f"{x:.1f}" if x else "", f"{lr:.1f}" if lr else ""
    roles = _roles(item, run)
    said = [remark for remark in as_metric.remarks(item, training=training) if not (roles and lr)]
    cells = f"{len(item.values):,}", *ends, *points
    own = [f"run {apart!r}"] if apart else []
    return Line(item.name, cells, ", ".join(own + roles + said), bool(roles))


def _shown(item: Column, value: float) -> str:
    return wording.clock(value)[: wording.CLOCK_TEXT] if item.clock else f"{value:.6g}"


def _roles(item: Column, run: Run) -> list[str]:
    """Tell what a column was chosen for."""
    told = {run.metric: "the metric", run.lr_name: "the learning rate"}
    told |= dict.fromkeys(run.x_name.split(", "), "x")
    role = told.get(item.name)
    return [role] if role and not (role == "the metric" and item.held_out) else []


def _choices(candidates: Sequence[Candidate], runs: Sequence[Run]) -> list[str]:
    """Say what was chosen, and how clear it was."""
    run, best = runs[0], candidates[0]
    others = [one for one in candidates if one.column.name != best.column.name]
    clear = f"; next {others[0].column.name!r} with {others[0].points:.1f}" if others else ""
    lines = [f"metric: {run.metric} with {best.points:.1f} points{clear}; {DIRECTIONS[run.mode]}"]
    counts = "counts steps" if run.counts_steps else "does not count steps"
    lines.append(f"x: {run.x_name}, {counts}")
    lines.append(f"learning rate: {run.lr_name or 'none found'}")
    rows = ", ".join(f"{len(each.values):,}" for each in runs[:8])
    more = f" and {len(runs) - 8} more" if len(runs) > 8 else ""
    lines.append(f"runs: {len(runs)}, of {rows} rows{more}")
    return lines
