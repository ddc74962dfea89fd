"""Columns of records (rows of a table, JSON objects); records of several kinds kept apart."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Column, Table
from plateau.logs.names.as_x import TIMES
from plateau.logs.names.words import side, vocabulary, words
from plateau.logs.records.dates import clocks, from_parts, in_seconds, times_of_day, with_times
from plateau.logs.records.long import KEYS, long_form, pivot
from plateau.logs.records.tagged import of_each

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from plateau.logs.columns import Data

SPLIT_NAMES = vocabulary("mode phase split set subset stage type dataset kind name")
RUN_NAMES = vocabulary(
    "run experiment trial seed model sensor entity station device host machine instance server "
    "symbol ticker city country region site location probe"
)
LABELS_MOST, ROWS_EACH = 64, 4  # labels that tell series apart, and rows of each at least
LABELS_TRIED, PLACES_TRIED = 8, 16  # columns of labels, and of what counts beside them
LONGEST = 64  # characters of a label or a date
RUNS_MOST = 512

TELLING = SPLIT_NAMES | RUN_NAMES | KEYS | TIMES

Labels = dict[int, str]
"""The texts of a column by the rows that they stand on."""


def tells(name: str, text: str) -> bool:
    """Whether a column may hold labels or dates, by its name and one of its texts.

    All others, such as messages, are left where they are.
    """
    return len(text) <= LONGEST or not TELLING.isdisjoint(words(name))


def tables_of(series: Mapping[str, Data], texts: Mapping[str, Labels], size: int) -> list[Table]:
    """Tables of records: one, or one for each run and each of training and validation.

    A text column such as ``phase`` with the values "train" and "val", or ``run_name``, tells
    records apart that share their columns.
    """
    dates = {**dict(clocks(texts)), **dict(in_seconds(series))}
    if not dates and (calendar := from_parts(series)):
        name, date, used = calendar
        series = {one: data for one, data in series.items() if one not in used}
        dates = {name: date}
    of_day = dict(times_of_day(texts))
    series = {**series, **dates, **of_day}
    if of_day and (both := with_times(dates, of_day)):
        name, date, parts_of_it = both
        dates = {name: date}
        series = {name: date, **{one: d for one, d in series.items() if one not in parts_of_it}}
    held_out, run = _held_out(texts, size), _runs(texts, size)
    long = long_form(series, texts, size)
    run = run or (None if long else _told_by_labels(series, texts, size))
    kinds: list[tuple[str | None, bool]] = [(None, False)]
    if held_out or run:
        kinds = list(zip(run or [None] * size, held_out or [False] * size, strict=True))
    tables: list[Table] = []
    numbers = {one: number for number, one in enumerate(dict.fromkeys(kinds))}
    parts, counts = [dict(series)], [size]
    if held_out or run:
        numbered = np.array([numbers[kind] for kind in kinds])
        parts, counts = _parted(series, numbered, len(numbers)), np.bincount(numbered).tolist()
    for one, own, count in zip(numbers, parts, counts, strict=True):
        if long:
            own = pivot(own, texts[long[0]], long[1]) if long[1] in own else {}
        columns = [
            _column(name, data, held_out=one[1], clock=name in dates) for name, data in own.items()
        ]
        tables.append(Table(columns, count, one[0], sparse=True))
    return tables


def _parted(
    series: Mapping[str, Data], kind: NDArray[np.int64], kinds: int
) -> list[dict[str, Data]]:
    """Take the rows of each kind, all kinds of a column at once: there may be many of both."""
    parts: list[dict[str, Data]] = [{} for _ in range(kinds)]
    for name, (rows, values) in series.items():
        for number, mine in of_each(kind[rows]) if len(rows) else ():
            parts[number][name] = rows[mine], values[mine]
    return parts


def _column(name: str, data: Data, *, held_out: bool, clock: bool) -> Column:
    return Column(name, lambda: data, held_out=held_out, clock=clock)


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


def _told_by_labels(
    series: Mapping[str, Data], texts: Mapping[str, Labels], size: int
) -> list[str | None] | None:
    """Find labels that each have a row at each place of some column: one series a label."""
    full = (labels for labels in texts.values() if len(labels) == size and _are_few(labels, size))
    places: list[tuple[NDArray[np.float64], int]] | None = None  # counted once, if at all
    for labels in islice(full, LABELS_TRIED):
        if places is None:
            whole = (values for at, values in series.values() if len(at) == size)
            places = [(values, len(np.unique(values))) for values in whole]
        told: list[str | None] = [labels[row] for row in range(size)]
        kinds, codes = np.unique(np.array(told, dtype=object), return_inverse=True)
        fitting = (values for values, count in places if count * len(kinds) == size)
        for values in islice(fitting, PLACES_TRIED):
            if len(np.unique(np.column_stack([values, codes]), axis=0)) == size:
                return told
    return None


def _are_few(labels: Labels, size: int) -> bool:
    known = set(labels.values())
    return "" not in known and 1 < len(known) <= min(LABELS_MOST, size // ROWS_EACH)
