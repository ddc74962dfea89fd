"""Columns of records (rows of a table, JSON objects); records of several kinds kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.clocks import clocks
from plateau.logs.columns import Column, Table
from plateau.logs.pivot import long_form, pivot
from plateau.logs.words import side, vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from plateau.logs.columns import Data

SPLIT_NAMES = vocabulary("mode phase split set subset stage type dataset kind name")
RUN_NAMES = vocabulary(
    "run experiment trial seed model sensor station device host machine instance server symbol "
    "ticker city country region site location probe"
)
LABELS_MOST, ROWS_EACH = 64, 4  # labels that tell series apart, and rows of each at least
RUNS_MOST = 512

Labels = list[str | None]


def tables_of(series: Mapping[str, Data], texts: Mapping[str, Labels], size: int) -> list[Table]:
    """Tables of records: one, or one for each run and each of training and validation.

    A text column such as ``phase`` with the values "train" and "val", or ``run_name``, tells
    records apart that share their columns.
    """
    dates = dict(clocks(texts))
    series = {**series, **dates}
    held_out, run = _held_out(texts, size), _runs(texts, size)
    long = long_form(series, texts, size)
    run = run or (None if long else _told_by_labels(series, texts, size))
    kinds: list[tuple[str | None, bool]] = [(None, False)]
    if held_out or run:
        kinds = list(zip(run or [None] * size, held_out or [False] * size, strict=True))
    tables: list[Table] = []
    for one in dict.fromkeys(kinds):
        own: Mapping[str, Data] = series
        count = size
        if held_out or run:
            count = kinds.count(one)
            mask = np.array([kind == one for kind in kinds])
            own = {name: _only(data, mask) for name, data in series.items()}
        if long:
            own = pivot(own, texts[long[0]], long[1])
        columns = [
            _column(name, data, held_out=one[1], clock=name in dates) for name, data in own.items()
        ]
        tables.append(Table(columns, count, one[0], sparse=True))
    return tables


def _only(data: Data, mask: NDArray[np.bool_]) -> Data:
    keep = mask[data[0]]
    return data[0][keep], data[1][keep]


def _column(name: str, data: Data, *, held_out: bool, clock: bool) -> Column:
    return Column(name, lambda: data, held_out=held_out, clock=clock)


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


def _told_by_labels(
    series: Mapping[str, Data], texts: Mapping[str, Labels], size: int
) -> Labels | None:
    """Find labels that each have a row at each place of some column: one series a label."""
    for labels in texts.values():
        known = {label for label in labels if label}
        if not 1 < len(known) <= min(LABELS_MOST, size // ROWS_EACH) or None in labels:
            continue
        told = np.array([label or "" for label in _padded(labels, size)])
        codes = np.unique(told, return_inverse=True)[1]
        for at, values in series.values():
            if len(at) == size and len(places := np.unique(values)) * len(known) == size > len(
                places
            ):
                pairs = np.unique(np.column_stack([values, codes]), axis=0)
                if len(pairs) == size:
                    return _padded(labels, size)
    return None


def _padded(labels: Sequence[str | None], size: int) -> Labels:
    return [*labels, *[None] * (size - len(labels))]
