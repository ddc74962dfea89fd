"""Columns of records (rows of a table, JSON objects); records of several kinds kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Column, Table, column
from plateau.logs.words import side, vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plateau.logs.columns import Data

SPLIT_NAMES = vocabulary("mode phase split set subset stage type dataset kind name")
RUN_NAMES = vocabulary("run experiment trial seed model")
RUNS_MOST = 64

Labels = list[str | None]


def tables_of(series: Mapping[str, Data], texts: Mapping[str, Labels], size: int) -> list[Table]:
    """Tables of records: one, or one for each run and each of training and validation.

    A text column such as ``phase`` with the values "train" and "val", or ``run_name``, tells
    records apart that share their columns.
    """
    held_out, run = _held_out(texts, size), _runs(texts, size)
    if held_out is None and run is None:
        return [Table([column(name, *data) for name, data in series.items()], size, sparse=True)]
    kinds = list(zip(run or [None] * size, held_out or [False] * size, strict=True))
    return [
        Table(
            [
                _only(name, data, np.array([kind == one for kind in kinds]), held_out=one[1])
                for name, data in series.items()
            ],
            kinds.count(one),
            run=one[0],
            sparse=True,
        )
        for one in dict.fromkeys(kinds)
    ]


def _only(name: str, data: Data, mask: np.ndarray, *, held_out: bool) -> Column:
    rows, values = data
    keep = mask[rows]
    kept = (rows[keep], values[keep])
    return Column(name, lambda: kept, held_out=held_out)


def _held_out(texts: Mapping[str, Labels], size: int) -> list[bool] | None:
    for name, labels in texts.items():
        if not SPLIT_NAMES.intersection(words(name)):
            continue
        sides = {label: side(label) for label in set(labels) if label}
        if True in sides.values():
            return [bool(label and sides[label]) for label in _padded(labels, size)]
    return None


def _runs(texts: Mapping[str, Labels], size: int) -> Labels | None:
    for name, labels in texts.items():
        known = {label for label in labels if label}
        if RUN_NAMES.intersection(words(name)) and 1 < len(known) <= min(RUNS_MOST, size // 2):
            return _padded(labels, size)
    return None


def _padded(labels: Sequence[str | None], size: int) -> Labels:
    return [*labels, *[None] * (size - len(labels))]
