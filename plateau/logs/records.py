"""Columns of records (rows of a table, JSON objects); records of several kinds kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choose import TIMES
from plateau.logs.clocks import clocks
from plateau.logs.columns import Column, Table
from plateau.logs.pivot import KEYS, long_form, pivot
from plateau.logs.words import side, vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from plateau.logs.columns import Data

SPLIT_NAMES = vocabulary("mode phase split set subset stage type dataset kind name")
RUN_NAMES = vocabulary("run experiment trial seed model")
RUNS_MOST = 512

TELLING = SPLIT_NAMES | RUN_NAMES | KEYS | TIMES

Labels = dict[int, str]
"""The texts of a column by the rows that they stand on."""


def tells(name: str) -> bool:
    """Whether the texts of a column of this name matter: all others are left where they are."""
    return not TELLING.isdisjoint(words(name))


def tables_of(series: Mapping[str, Data], texts: Mapping[str, Labels], size: int) -> list[Table]:
    """Tables of records: one, or one for each run and each of training and validation.

    A text column such as ``phase`` with the values "train" and "val", or ``run_name``, tells
    records apart that share their columns.
    """
    series = {**series, **dict(clocks(texts))}
    held_out, run = _held_out(texts, size), _runs(texts, size)
    long = long_form(series, texts, size)
    kinds: list[tuple[str | None, bool]] = [(None, False)]
    if held_out or run:
        kinds = list(zip(run or [None] * size, held_out or [False] * size, strict=True))
    tables: list[Table] = []
    numbers = {one: number for number, one in enumerate(dict.fromkeys(kinds))}
    numbered = np.array([numbers[kind] for kind in kinds])
    for one, number in numbers.items():
        own: Mapping[str, Data] = series
        count = size
        if held_out or run:
            mask = numbered == number
            count = int(mask.sum())
            own = {name: _only(data, mask) for name, data in series.items()}
        if long:
            own = pivot(own, texts[long[0]], long[1])
        columns = [_column(name, data, held_out=one[1]) for name, data in own.items()]
        tables.append(Table(columns, count, one[0], sparse=True))
    return tables


def _only(data: Data, mask: NDArray[np.bool_]) -> Data:
    keep = mask[data[0]]
    return data[0][keep], data[1][keep]


def _column(name: str, data: Data, *, held_out: bool) -> Column:
    return Column(name, lambda: data, held_out=held_out)


def _held_out(texts: Mapping[str, Labels], size: int) -> list[bool] | None:
    for name, labels in texts.items():
        if not SPLIT_NAMES.intersection(words(name)):
            continue
        sides = {label: bool(side(label)) for label in set(labels.values())}
        if True in sides.values():
            return [row in labels and sides[labels[row]] for row in range(size)]
    return None


def _runs(texts: Mapping[str, Labels], size: int) -> list[str | None] | None:
    for name, labels in texts.items():
        known = set(labels.values()) - {""}
        if RUN_NAMES.intersection(words(name)) and 1 < len(known) <= min(RUNS_MOST, size // 2):
            return [labels.get(row) for row in range(size)]
    return None
