"""The metric on held-out data, where a log has it beside that of the training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.names.words import HELD_OUT, TRAINING, side, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plateau.logs.choosing.asked import Material
    from plateau.logs.columns import Column, Table
    from plateau.logs.model import Run

    HeldOut = dict[tuple[str, tuple[str, ...]], list[tuple[Table, Column]]]

LEAST = 4  # rows
LATER = {"test", "testing"}  # validation is looked at while the training goes on


def held_out_in(material: Material) -> HeldOut:
    """Return the columns of held-out data, by run and by what they measure."""
    found: HeldOut = {}
    for table, item in material.columns():
        if _is_held_out(item):
            found.setdefault(_key(table, item), []).append((table, item))
    return found


def held_out_of(there: HeldOut, table: Table, metric: Column) -> tuple[Table, Column] | None:
    """Find the same metric on held-out data: "val_loss" of "loss"; None where it is not told."""
    if _is_held_out(metric):
        return None
    found = [one for one in there.get(_key(table, metric), ()) if len(one[1].rows) >= LEAST]
    return min(found, key=lambda one: not LATER.isdisjoint(words(one[1].name)), default=None)


def paired(runs: Sequence[Run], held_out: Sequence[Run]) -> list[Run]:
    """Give each run that of its held-out metric: the one of its name, where there is one."""
    of = {_alone(run.name): run for run in held_out}
    return [
        replace(run, held_out=_beside(run, other)) if (other := of.get(_alone(run.name))) else run
        for run in runs
    ]


def _beside(run: Run, other: Run) -> Run:
    """Put a held-out run on the x of its training: it may count epochs where that counts steps."""
    other = replace(other, mode=run.mode)
    if other.x_name == run.x_name:
        return other
    at = np.searchsorted(run.lines, other.lines, side="right") - 1
    return replace(other, x_name=run.x_name, x=run.x[np.maximum(at, 0)], clock=run.clock)


def _key(table: Table, item: Column) -> tuple[str, tuple[str, ...]]:
    return _alone(table.run or ""), _plain(item.name)


def _is_held_out(item: Column) -> bool:
    named = side(item.name)
    return item.held_out if named is None else named


def _alone(run: str) -> str:
    """Return the name of a run but for "train" or "val", which a column may tell it by."""
    return " ".join(word for word in run.split() if word.lower() not in HELD_OUT | TRAINING)


def _plain(name: str) -> tuple[str, ...]:
    """Return the words of a name but for those that say on which data it was measured."""
    return tuple(word for word in words(name) if word not in HELD_OUT | TRAINING)
