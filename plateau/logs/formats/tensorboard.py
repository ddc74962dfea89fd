"""TensorBoard event files, read without TensorBoard: the scalars of each record.

A record is a protocol buffer ``Event {wall_time = 1, step = 2, summary = 5 {value = 1 {tag = 1,
simple_value = 2, tensor = 8}}}``. Only these fields are looked at.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.files.stream import Stream
from plateau.logs.formats.frames import SMALL, frames, is_framed
from plateau.logs.formats.protobuf import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    MessageError,
    fields,
    signed,
    varint,
)
from plateau.logs.records.tagged import Points, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from plateau.logs.columns import Table
    from plateau.logs.formats.format import Head
    from plateau.logs.formats.frames import Frame

EVENTS = "tfevents"  # in the name of every event file
FLOAT, DOUBLE = struct.Struct("<f"), struct.Struct("<d")
TENSOR_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # of `tensor_content`
TENSOR_LISTS = {5: "<f4", 6: "<f8"}  # `float_val`, `double_val`
TENSOR_VARINTS = (7, 10)  # `int_val`, `int64_val`


class Reach(NamedTuple):
    """What a file has of a run: its first and last time, and its tags."""

    begin: float
    end: float
    tags: list[str]

    @classmethod
    def of(cls, points: Points) -> Reach:
        """Return that of some points, of which there are any."""
        return cls(points.times[0], points.times[-1], points.tags)


def recognised(head: Head) -> bool:
    """Whether a file is one of records; a damaged one still has its name."""
    return is_framed(head.data) or EVENTS in Path(head.path).name


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read one event file."""
    return _read_events([(Path(stream.path).name, stream.whole())], warnings)


def event_files(names: Iterable[str]) -> list[str]:
    """Take the event files among the names of a folder."""
    return sorted(name for name in names if EVENTS in name)


def read_folder(folder: Path, warnings: list[str]) -> Contents | None:
    """Read the event files of a folder; None where it has none."""
    names = event_files(item.name for item in folder.iterdir() if item.is_file())
    files = []
    for name in names:
        with Stream(str(folder / name), warnings) as stream:
            files.append((name, stream.whole()))
    return _read_events(files, warnings) if files else None


def _read_events(files: Sequence[tuple[str, bytes]], warnings: list[str]) -> Contents:
    """Tables of event files that make one run, and the record of each row.

    Files that follow each other in time are one run, with the steps going back where it was
    restarted. Files written side by side with the same tags are several runs.
    """
    read = [
        (name, points_of(frames(data, warnings, label), warnings, label))
        for name, data in files
        for label in (f"{name}: " if len(files) > 1 else "",)
    ]
    read = sorted(((n, p) for n, p in read if p.tags), key=lambda one: one[1].times[0])
    runs: list[tuple[str, Points]] = []
    for name, points in read:
        if runs and not side_by_side(Reach.of(runs[-1][1]), Reach.of(points)):
            runs[-1][1].extend(points)
        else:
            runs.append((name, points))
    tables: list[Table] = []
    places: list[NDArray[np.int64]] = []
    for name, points in runs:
        points = points.in_time() if len(files) > len(runs) else points
        first = sum(map(len, places))
        table, at = table_of(points, name if len(runs) > 1 else None, first)
        tables.append(table)
        places.append(at)
    numbers = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
    return Contents("tensorboard", tables, numbers)


def side_by_side(one: Reach, other: Reach) -> bool:
    """Whether a file was begun before the last one ended, and logs the same."""
    return other.begin < one.end and not set(one.tags).isdisjoint(other.tags)


def points_of(found: Iterable[Frame], warnings: list[str], name: str) -> Points:
    """All scalars of the frames of a file, as far as they are sound."""
    points = Points()
    bad: list[int] = []
    for frame in found:
        try:
            scalars = list(_scalars(frame.data))
        except (MessageError, ValueError):
            scalars = None
        if (scalars or scalars is None or len(frame.data) <= SMALL) and not frame.sound:
            bad.append(frame.number)
            continue
        for tag, step, time, value in scalars or ():
            points.add(tag, step, time, value, frame.number)
    if bad:
        warnings.append(
            f"{name}{len(bad)} records have a wrong checksum and were left out, "
            f"the first is record {bad[0]}"
        )
    return points


def _scalars(event: memoryview) -> Iterator[tuple[str, float, float, float]]:
    time, step = 0.0, 0
    summaries: list[memoryview] = []
    for number, wire, value in fields(event):
        if number == 1 and wire == FIXED64:
            time = DOUBLE.unpack(value)[0]
        elif number == 2 and wire == VARINT:
            step = signed(value)
        elif number == 5 and wire == BYTES:
            summaries.append(value)
    for summary in summaries:
        for number, wire, value in fields(summary):
            if number == 1 and wire == BYTES:
                tag, scalar = _value(value)
                if scalar is not None:
                    yield tag, float(step), time, scalar


def _value(data: memoryview) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, wire, value in fields(data):
        if number == 1 and wire == BYTES:
            tag = bytes(value).decode(errors="replace")
        elif number == 2 and wire == FIXED32:
            scalar = FLOAT.unpack(value)[0]
        elif number == 8 and wire == BYTES:
            scalar = _tensor(value)
    return tag, scalar


def _tensor(data: memoryview) -> float | None:
    """Take the one number of a tensor; None where it holds more, or something else."""
    kind, found = 0, np.empty(0)
    content: memoryview | None = None
    for number, wire, value in fields(data):
        if number == 1 and wire == VARINT:
            kind = value
        elif number == 4 and wire == BYTES:
            content = value
        elif number in TENSOR_LISTS and wire != VARINT:
            found = np.frombuffer(value, TENSOR_LISTS[number])
        elif number in TENSOR_VARINTS and wire == VARINT:
            found = np.array([signed(value)])
        elif number in TENSOR_VARINTS and wire == BYTES:
            found = np.array([signed(varint(value, 0)[0])] if len(value) <= 10 else [])
    if content and kind in TENSOR_TYPES:
        found = np.frombuffer(content, TENSOR_TYPES[kind])
    return float(found[0]) if len(found) == 1 else None
