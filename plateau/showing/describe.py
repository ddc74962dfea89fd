"""What was found in a log and why it was chosen, for people."""

from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from plateau.logs.choosing.asked import Material
from plateau.logs.choosing.metrics import Candidate, ranked
from plateau.logs.choosing.runs import assemble
from plateau.logs.columns import Column
from plateau.logs.model import Run
from plateau.logs.names import judge
from plateau.showing import wording
from plateau.showing.printing import printable

SHOWN = 24
"""Columns of a log that are listed."""

WIDE = 110
"""Characters of a line from which remarks stand beside the numbers, not below the name."""

DIRECTIONS = {"min": "lower is better", "max": "higher is better", "both": "no direction"}


def show_columns(console: Console, material: Material) -> None:
    """Print the columns of a log with their points, what was chosen, and what was odd."""
    candidates = ranked(material)
    runs = assemble(material)
    console.print(Text(f"{printable(material.path)} ({material.contents.format})", style="bold"))
    training = judge.is_training(item for _, item in material.columns())
    wide = console.width >= WIDE
    console.print(_table(candidates, runs[0], training=training, wide=wide))
    if len(candidates) > SHOWN:
        console.print(f"and {len(candidates) - SHOWN} more columns")
    for line in _choices(candidates, runs):
        console.print(printable(line), soft_wrap=True, markup=False)
    for warning in material.warnings:
        console.print(Text(f"warning: {printable(warning)}", style="yellow"), soft_wrap=True)


def _table(candidates: Sequence[Candidate], run: Run, *, training: bool, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("column", no_wrap=wide, min_width=20, overflow="fold")
    for title in ("rows", "first", "last", "as metric", "as x", "as rate"):
        table.add_column(title, justify="right", no_wrap=True)
    if wide:
        table.add_column("remarks", overflow="fold")
    for one in candidates[:SHOWN]:
        values = one.column.values
        ends = [_shown(one.column, float(value)) for value in (values[0], values[-1])]
        x, lr = judge.x_points(one.column), judge.lr_points(one.column)
        points = (f"{one.points:.1f}", f"{x:.1f}" if x else "", f"{lr:.1f}" if lr else "")
        roles = _roles(one.column, run)
        said = [
            remark for remark in judge.remarks(one.column, training=training) if not (roles and lr)
        ]
        style = "green" if roles else ""
        name = printable(one.column.name) or "(no name)"
        told = ", ".join(roles + said)
        below = f"\n  {told}" if told and not wide else ""
        cells: list[RenderableType] = [Text(name + below), f"{len(values):,}", *ends, *points]
        table.add_row(*cells, *([Text(told)] if wide else []), style=style)
    return table


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
