"""Series that only the words before them tell apart: "teacher - loss: 2.7", "student - loss: 3.1".

Their lines have the same names and would make one series, which is a mixture. Words behind them,
"time: 2.7 (mean)", tell them apart where the lines take turns without exception.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import is_whole
from plateau.logs.choosing.metrics import last_word, merge, same
from plateau.logs.columns import together
from plateau.logs.names import as_x
from plateau.logs.text.shapes import LineTable
from plateau.logs.text.slots import SEVERITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateau.logs.choosing.asked import Material
    from plateau.logs.choosing.metrics import Candidate
    from plateau.logs.columns import Column, Table

    Groups = dict[frozenset[str], list[LineTable]]

WORD = re.compile(r"[^\W\d_]\w*")
LEAST = 4  # rows of a series
OFTEN = 0.2  # of the rows of the longest that another has at least
TURNS = 0.5  # of the rows of the shorter one after which the other has its turn, at least
SHARED = 0.5  # of the places on x that series have in common, at least
FEW, MOST = 3, 32  # words that tell one; series
BEHIND = ""  # among the words that tell a series: those behind its numbers are too


def told_apart(material: Material, table: Table, metric: Column) -> list[tuple[Table, Column]]:
    """Return a table for each series that words around the metric tell; none where it is one."""
    groups = _groups(material.tables, metric, table.run)
    behind = len(groups) == 1
    if behind:
        groups = _groups(material.tables, metric, table.run, behind=True)
    own = next((key for key, lines in groups.items() if table in lines), None)
    if own is None or len(groups) < 2:
        return []
    tables = {key: merge(list(lines)) for key, lines in groups.items()}
    if _are_cells(groups[own], tables.values(), metric):
        return []
    first = tables[own]
    longest = max(len(_column(one, metric).rows) for one in tables.values())
    kept = [
        key
        for key, other in tables.items()
        if len(_column(other, metric).rows) >= max(LEAST, OFTEN * longest)
        and (key == own or behind or _differ(own, key))
        and (key == own or _take_turns(first, other, metric, strictly=behind))
    ]
    if behind and len(kept) < len(groups):
        return []  # a remark of some lines
    if len(kept) < 2 or own not in kept or len(kept) > MOST:
        return []
    common = frozenset.intersection(*kept)
    found: list[tuple[Table, Column]] = []
    for key in kept:
        told = _words(groups[key][0], metric, behind=behind)
        name = " ".join([word for word in told if word in key - common] or told)
        part = replace(tables[key], run=name, before=key)
        found.append((part, _column(part, metric)))
    names = ", ".join(repr(part.run) for part, _ in found)
    where = "behind" if behind else "before"
    material.warnings.append(f"words {where} {metric.name!r} tell series apart: {names}")
    return found


def names_apart(material: Material, candidates: Iterable[Candidate]) -> dict[Column, str]:
    """Name the columns of one name that words tell apart, as the runs of each are called."""
    quiet = replace(material, warnings=[])
    alike: dict[str, list[Candidate]] = {}
    for one in candidates:
        alike.setdefault(one.column.name, []).append(one)
    found: dict[Column, str] = {}
    for several in alike.values():
        first = several[0]
        apart = told_apart(quiet, first.table, first.column) if len(several) > 1 else []
        names = {part.before: part.run for part, _ in apart}
        for one in several if names else ():
            if isinstance(one.table, LineTable):
                keys = (_key(one.table, one.column, behind=behind) for behind in (False, True))
                found[one.column] = next((names[key] or "" for key in keys if key in names), "")
    return found


def lines_of(
    tables: Iterable[Table], metric: Column, run: str | None, before: frozenset[str]
) -> list[Table]:
    """Put the lines of one such series together, beside the tables that have nothing of it."""
    tables = list(tables)
    others = [one for one in tables if not any(same(item, metric) for item in one.columns)]
    lines = _groups(tables, metric, None, behind=BEHIND in before).get(before)
    return [replace(merge(list(lines)), run=run, before=before), *others] if lines else others


def _groups(
    tables: Iterable[Table], metric: Column, run: str | None, *, behind: bool = False
) -> Groups:
    groups: Groups = {}
    for one in tables:
        if isinstance(one, LineTable) and one.run == run and _slot(one, metric) is not None:
            groups.setdefault(_key(one, metric, behind=behind), []).append(one)
    return groups


def _key(table: LineTable, metric: Column, *, behind: bool) -> frozenset[str]:
    """Return the words that tell the series of these lines."""
    return frozenset(_words(table, metric, behind=behind)) | ({BEHIND} if behind else set())


def _slot(table: LineTable, metric: Column) -> int | None:
    slots = (slot.index for slot in table.slots if _is(slot.name, slot.held_out, metric))
    return next(slots, None)


def _is(name: str, held_out: bool, metric: Column) -> bool:
    return name == metric.name and held_out == metric.held_out


def _words(table: LineTable, metric: Column, *, behind: bool = False) -> list[str]:
    """Words before the number, without those of its name and those that say how severe it is.

    Those ``behind`` it are added.
    """
    end = len(table.literals) if behind else (_slot(table, metric) or 0) + 1
    text = " ".join(SEVERITY.sub("", literal.strip()) for literal in table.literals[:end])
    name = WORD.findall(metric.name)
    found = [word.rstrip("0123456789") for word in WORD.findall(text)]  # "rank3" is a writer
    return [word for word in found if word not in name]


def _are_cells(lines: list[LineTable], tables: Iterable[Table], metric: Column) -> bool:
    """Whether the words are cells of a table, whose rows a column counts through all of them."""
    if any(metric.name in literal for one in lines for literal in one.literals):
        return False  # it is no header that names it
    series: dict[str, list[Column]] = {}
    for table in tables:
        for item in table.columns:
            series.setdefault(item.name, []).append(item)
    counters = (together(items)[1] for items in series.values() if len(items) > 1)
    return any(is_whole(x) and bool(np.all(np.diff(x) > 0)) for x in counters)


def _column(table: Table, metric: Column) -> Column:
    return next(item for item in table.columns if same(item, metric))


def _differ(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether each has words of its own; those of one alone are a remark ("new best")."""
    return 0 < len(one - other) <= FEW and 0 < len(other - one) <= FEW


def _names(table: Table) -> set[str]:
    return {last_word(item.name) if as_x.x_points(item) else item.name for item in table.columns}


def _are_alike(one: Table, other: Table) -> bool:
    """Whether lines tell the same; of some that nothing counts one may tell more than another."""
    names, others = _names(one), _names(other)
    counted = any(as_x.x_points(item) for table in (one, other) for item in table.columns)
    return names == others or (not counted and (names <= others or others <= names))


def _take_turns(one: Table, other: Table, metric: Column, *, strictly: bool) -> bool:
    """Whether series go side by side: at the same x, where their lines tell it."""
    rows, others = (_column(table, metric).rows for table in (one, other))
    theirs = np.isin(np.sort(np.concatenate([rows, others])), others)
    turns = np.count_nonzero(theirs[1:] != theirs[:-1])
    least = len(theirs) - 1 if strictly else TURNS * min(len(rows), len(others))
    if not _are_alike(one, other) or turns < least:
        return False
    counters = [item for item in one.columns if as_x.x_points(item) > as_x.X_TIME]
    for item in counters:
        alike = (each for each in other.columns if last_word(each.name) == last_word(item.name))
        beside = next(alike, None)
        if beside and np.mean(np.isin(beside.values, item.values)) < SHARED:
            return False
    return True
