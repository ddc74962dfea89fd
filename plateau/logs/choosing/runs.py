"""From tables of columns to runs: pick metric, x and learning rate, and split where x goes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs import behaviour
from plateau.logs.choosing.asked import UNNAMED_METRIC, listed
from plateau.logs.choosing.axis import choose_x, count_along, goes_back, is_time
from plateau.logs.choosing.by_words import told_apart
from plateau.logs.choosing.held_out import held_out_in, held_out_of, paired
from plateau.logs.choosing.metrics import by_run, choose_metrics, same, with_optional_fields
from plateau.logs.choosing.rates import choose_lr, of_runs
from plateau.logs.choosing.several_writers import (
    find_writer,
    first_of_equals,
    name_of,
    rows_of,
    say_the_same,
)
from plateau.logs.model import Run
from plateau.logs.names import as_x, quantities
from plateau.logs.text.shapes import LineTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.choosing.asked import Material
    from plateau.logs.choosing.axis import Axis
    from plateau.logs.choosing.held_out import HeldOut
    from plateau.logs.columns import Column, Table

    Pieces = list[NDArray[np.int64]]

RUNS_TOLD = 8  # run boundaries told one by one


@dataclass(frozen=True, eq=False)
class Selection:
    """The columns that make the runs of one table."""

    table: Table
    metric: Column
    axis: Axis | None
    rate: tuple[Table, Column] | None
    writer: Column | None
    """Tells apart the rows that share x."""
    told: dict[str, int]
    """Numbers within the words of the lines that it began with."""


@np.errstate(over="ignore", invalid="ignore")  # differences may be larger than any number
def assemble(material: Material) -> list[Run]:
    """Make all runs of the chosen metric."""
    runs: list[Run] = []
    if material.contents.every > 1:
        material.warnings.append(
            f"the log is large: each row of a run is the mean of {material.contents.every} rows"
        )
    there = {} if material.asked.metric else held_out_in(material)
    for selection in select(material):
        made = _runs(material, selection)
        runs += paired(made, _held_out(material, selection, there)) if there else made
    return runs


def _held_out(material: Material, selection: Selection, there: HeldOut) -> list[Run]:
    """Make the runs of the same metric on held-out data; what is odd about them is not told."""
    quiet = replace(material, warnings=[])
    found = held_out_of(there, selection.table, selection.metric)
    return _runs(quiet, _select(quiet, *found)) if found else []


@np.errstate(over="ignore", invalid="ignore")  # differences may be larger than any number
def select(material: Material) -> list[Selection]:
    """Choose the metric, and the other columns of each of its tables."""
    chosen = choose_metrics(material)
    if len(chosen) > 1 and not material.asked.equals:
        names = listed(repr(one.column.name) for one in chosen[1:])
        material.warnings.append(
            f"{chosen[0].column.name!r} was taken as the metric; as good: {names}"
        )
        chosen = chosen[:1]
    parts = [
        part
        for one in chosen
        for part in told_apart(material, one.table, one.column)
        or by_run(material, one.table, one.column)
    ]
    return [_select(material, *part) for part in parts]


def _select(material: Material, table: Table, metric: Column) -> Selection:
    axis = choose_x(material, table, metric)
    told = table.told if isinstance(table, LineTable) else {}
    table = with_optional_fields(material, table, metric, axis)
    metric = next(item for item in table.columns if same(item, metric))
    axis = axis.within(table) if axis else None
    if axis and goes_back(axis, metric, material.block):
        axis = None  # only its numbers said that it counts, and those of more lines say otherwise
    writer = table.writer
    if axis and not writer:
        x, _ = count_along(axis, metric.rows, material.block)
        writer = find_writer(table.without(metric), metric, x)
    return Selection(table, metric, axis, choose_lr(material, table, metric), writer, told)


def _runs(material: Material, selection: Selection) -> list[Run]:
    metric, axis, writer = selection.metric, selection.axis, selection.writer
    rows, own = np.arange(len(metric.rows)), selection.table.run
    if not axis:
        return _split(material, selection, rows.astype(np.float64), [rows], own)
    x, starts = count_along(axis, metric.rows, material.block)
    if not writer:
        order = behaviour.in_time(x) if len(starts) and is_time(axis.columns[-1]) else None
        if order is not None:
            _tell_order(material, x, axis)
            return _split(material, selection, x, [order], own)
        if (first := first_of_equals(metric, x)) is not None:
            material.warnings.append(
                f"{len(x) / len(first):.3g} rows at each {axis.name} say the same: "
                "the first was taken"
            )
            return _split(material, selection, x, _pieces(x, first), own)
        return _split(material, selection, x, np.split(rows, starts), own)
    parts = rows_of(writer)
    told = f"several rows at each {axis.name}, told apart by {name_of(writer)!r}"
    if say_the_same(metric, x):
        material.warnings.append(f"{told}: all say the same, the first of {len(parts)} was taken")
        first = next(iter(parts.values()))
        return _split(material, selection, x, _pieces(x, first), own)
    material.warnings.append(f"{told}: {len(parts)} runs")
    runs: list[Run] = []
    for name, part in parts.items():
        runs += _split(material, selection, x, _pieces(x, part), name)
    return runs


def _pieces(x: NDArray[np.float64], rows: NDArray[np.int64]) -> Pieces:
    """Split rows where their x goes back."""
    return np.split(rows, np.flatnonzero(behaviour.restarts(x[rows])) + 1)


def _split(
    material: Material,
    selection: Selection,
    x: NDArray[np.float64],
    pieces: Pieces,
    name: str | None,
) -> list[Run]:
    """Make a run of each piece of the rows."""
    metric, axis, rate = selection.metric, selection.axis, selection.rate
    rows, values = metric.rows, metric.values
    x_name = axis.name if axis else "row"
    pieces = _without_echoes(material, pieces, x, metric)
    _tell_splits(material, pieces, x, rows, x_name)
    lr: list[NDArray[np.float64] | None] = [None] * len(pieces)
    if rate:
        lr = of_runs(material, rate, rows, x, axis, pieces)
    if not metric.name:
        told = f"unsure: the log does not name its metric; taken as {UNNAMED_METRIC!r}"
        material.warnings.append(told)
    return [
        Run(
            name=_run_name(name, index, len(pieces)),
            metric=metric.name or UNNAMED_METRIC,
            x_name=x_name,
            mode=material.asked.mode or metric.mode or quantities.direction(metric.meaning, values),
            values=values[piece],
            x=x[piece],
            lr=lr_piece,
            lr_name=rate[1].name if rate and lr_piece is not None else None,
            lines=material.numbers[rows[piece]],
            counts_steps=as_x.counts_steps(x_name, x[piece]),
            every=material.contents.every,
            clock=axis is not None and is_time(axis.columns[-1]),
        )
        for index, (piece, lr_piece) in enumerate(zip(pieces, lr, strict=True))
    ]


def _run_name(own: str | None, index: int, count: int) -> str:
    if own is None:
        return str(index + 1)
    return own if count == 1 else f"{own} {index + 1}"


def _tell_order(material: Material, x: NDArray[np.float64], axis: Axis) -> None:
    back = behaviour.restarts(x)
    newest = np.mean(back) >= behaviour.NEWEST_FIRST
    often = f"{axis.name} goes back {np.count_nonzero(back)} times"
    told = "the newest rows come first" if newest else often
    material.warnings.append(f"{told}: rows were put in the order of their times")


def _without_echoes(
    material: Material, pieces: Pieces, x: NDArray[np.float64], metric: Column
) -> Pieces:
    """Leave out a single row that repeats an earlier one, such as "best iteration" at the end."""
    kept: Pieces = []
    for piece in pieces:
        if len(piece) == 1 and kept:
            repeated = (x[kept[-1]] == x[piece]) & (metric.values[kept[-1]] == metric.values[piece])
            if repeated.any():
                line = material.numbers[metric.rows[piece[0]]]
                material.warnings.append(f"line {line} repeats an earlier row and was left out")
                continue
        kept.append(piece)
    return kept


def _tell_splits(
    material: Material,
    pieces: Pieces,
    x: NDArray[np.float64],
    rows: NDArray[np.int64],
    x_name: str,
) -> None:
    for before, after in list(pairwise(pieces))[:RUNS_TOLD]:
        line = material.numbers[rows[after[0]]]
        material.warnings.append(
            f"{x_name} goes back from {x[before[-1]]:.10g} to {x[after[0]]:.10g} at line {line}: "
            "another run starts there"
        )
    if len(pieces) - 1 > RUNS_TOLD:
        material.warnings.append(f"{len(pieces) - 1 - RUNS_TOLD} more runs start later")
