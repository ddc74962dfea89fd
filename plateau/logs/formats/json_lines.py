"""JSON lines: one object a line; of a container or a structured logger one message a line."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import is_clock
from plateau.logs.columns import Contents, named
from plateau.logs.files.documents import parse
from plateau.logs.names.as_metric import is_unknown
from plateau.logs.names.as_x import TIMES, x_points
from plateau.logs.names.words import words
from plateau.logs.records.dates import seconds
from plateau.logs.records.labelled import RUN_NAMES
from plateau.logs.records.long import KEYS, VALUE
from plateau.logs.records.objects import flat, tables_of_records
from plateau.logs.records.samples import TIME, Samples
from plateau.logs.text.blocks import blocks
from plateau.logs.text.shapes import mine

if TYPE_CHECKING:
    from plateau.logs.files.lines import Source
    from plateau.logs.records.objects import Record

# "loss: 0.5": all between a word and a number is looked at once.
TOLD = re.compile(r"(?<=[A-Za-z]{2})(?=[^\w\s:=]*+[\s:=])\W++\d")
BAD_MOST = 0.5  # of these; above, the file is no JSON lines
STAMPS = TIMES | {"ts"}
LABELS = ("labels.", "tags.", "label.", "tag.")
SAMPLE = 200  # lines that tell what a file is
MESSAGE_SHARE = 0.5  # of the records have a text with numbers in it


def recognise(source: Source) -> dict[str, str | None] | None:
    """Return the field that holds messages, None for records of numbers; None for other lines."""
    begins = next((line.lstrip()[0] for line in source.lines if line.strip()), "")
    return {"field": _message_field(source)} if begins == "{" and _is_lines(source) else None


def read(source: Source, found: dict[str, str | None]) -> Contents:
    """Read the numbers of the records, or the lines of text that they carry."""
    if found["field"] is None:
        return _read_records(source)
    tables = mine(_messages(source, found["field"]))
    return Contents("jsonl", list(tables), source.numbers, blocks(source.lines))


def series(source: Source) -> Contents:
    """Read the numbers of a part, each a sample of what the labels of its record name."""
    samples = Samples()
    for row, line in enumerate(source.lines):
        fields = list(flat(_record(line) or {}))
        texts = {name: value for name, value in fields if isinstance(value, str)}
        labels = [(name, text) for name, text in texts.items() if _is_label(name)]
        numbers = {name: value for name, value in fields if not isinstance(value, str)}
        key = next((text for name, text in texts.items() if KEYS.intersection(words(name))), VALUE)
        time = _time(texts, numbers)
        for name, value in numbers.items():
            if not x_points(named(name)) and not _is_time(name):
                samples.add(labels, key if name == VALUE else name, row, value)
        if time is not None:
            samples.add(labels, TIME, row, time)
    return Contents("jsonl", samples.tables(whole=True), source.numbers)


def _is_label(name: str) -> bool:
    """Whether a text tells of what a record is: "host", or anything in "labels"."""
    return name.startswith(LABELS) or not RUN_NAMES.isdisjoint(words(name))


def _is_time(name: str) -> bool:
    found = words(name.rpartition(".")[2])
    return bool(found) and STAMPS.issuperset(found)


def _time(texts: dict[str, str], numbers: dict[str, float]) -> float | None:
    """Return the time of a record, where it has one."""
    dates = (seconds(text) for name, text in texts.items() if _is_time(name))
    clocks = (
        value for name, value in numbers.items() if _is_time(name) and is_clock(np.array([value]))
    )
    return next((time for time in (*dates, *clocks) if time is not None), None)


def _is_lines(source: Source) -> bool:
    """Whether a file has one JSON object a line; one object may be a whole document on one line."""
    filled = list(islice((line for line in source.lines if line.strip()), SAMPLE))
    records = sum(_record(line) is not None for line in filled)
    return records >= (1 - BAD_MOST) * len(filled) and len(filled) > 1


def _read_records(source: Source) -> Contents:
    read = [(row, _record(line)) for row, line in enumerate(source.lines) if line.strip()]
    found = [(row, record) for row, record in read if record is not None]
    bad = [row for row, record in read if record is None]
    if bad:
        what = "line is" if len(bad) == 1 else "lines are"
        source.warnings.append(
            f"{len(bad)} {what} no JSON object and left out, "
            f"the first is line {source.numbers[bad[0]]}"
        )
    rows = np.array([row for row, _ in found], dtype=np.int64)
    tables = tables_of_records([record for _, record in found])
    return Contents("jsonl", tables, source.numbers[rows])


def _message_field(source: Source) -> str | None:
    """Name the text in which records carry the lines of a log, where nothing else is a metric.

    Containers and structured loggers write such: {"log": "step 10 loss 0.5", "stream": …}.
    """
    filled = islice((line for line in source.lines if line.strip()), SAMPLE)
    records = [record for line in filled if (record := _record(line)) is not None]
    fields = [field for record in records for field in flat(record)]
    if any(not is_unknown(named(name)) for name, value in fields if not isinstance(value, str)):
        return None
    told = Counter(name for name, value in fields if isinstance(value, str) and TOLD.search(value))
    name, count = max(told.items(), key=lambda item: item[1], default=("", 0))
    return name if count > MESSAGE_SHARE * len(records) else None


def _messages(source: Source, name: str) -> Source:
    """Return the lines of text that records carry in that field."""
    records = (_record(line) or {} for line in source.lines)
    texts = (dict(flat(record)).get(name, "") for record in records)
    return replace(source, lines=[" ".join(str(text).split("\n")).rstrip() for text in texts])


def _record(line: str) -> Record | None:
    try:
        record = parse(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
