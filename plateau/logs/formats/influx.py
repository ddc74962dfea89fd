"""InfluxDB's line protocol: ``cpu,host=a,core=1 user=3.1,system=0.4 1700000000000000000``.

Tags tell series apart; each field is a column, named after its measurement.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from plateau.logs.columns import Contents
from plateau.logs.numerals import number
from plateau.logs.records.samples import TIME, Samples
from plateau.logs.text.blocks import blocks

if TYPE_CHECKING:
    from plateau.logs.files.lines import Source

# Nothing of them is given back: to remember how takes a hundred bytes a character.
WORD = r"(?:[^\s,=\\]++|\\.)++"
CELL = r'(?:"(?:[^"\\]++|\\.)*+"|[^\s,"]++)'
# Each of a well-formed line has a value. What has none is matched too: a search that fails begins
# again at the next letter, which takes the square of a long word.
FIELD = re.compile(rf"({WORD})(?:=({CELL}))?")
TAG = re.compile(rf"({WORD})(?:=({WORD}))?")
LINE = re.compile(
    rf"(?P<name>(?!#)(?:[^\s,\\]++|\\.)++)(?P<tags>(?:,{WORD}={WORD})*+) "
    rf"(?P<fields>{WORD}={CELL}(?:,{WORD}={CELL})*+)(?: (?P<time>-?\d{{9,19}}))?"
)
ESCAPED = re.compile(r"\\(.)")
LOOKED_AT, ENOUGH = 200, 0.9  # lines; of them are points
WHOLE = re.compile(r"[-+]?\d+[iu]")
VALUE = "value"  # a field that says no more than its measurement
NANO, MICRO = 1e17, 1e14  # counts of this century from which on they are nanoseconds, or micro-


def recognise(source: Source) -> dict[str, str] | None:
    """Take lines that are points, with tags or times; nothing else is to be found out."""
    lines = (line for line in source.lines if line.strip() and not line.startswith("#"))
    some = list(islice(lines, LOOKED_AT))
    if not some or "=" not in some[0]:
        return None
    found = [match for line in some if (match := LINE.fullmatch(line.strip()))]
    told = any(match["tags"] for match in found) or (
        found and all(match["time"] for match in found)
    )
    numeric = any(_value(cell) is not None for match in found for _, cell in _fields(match))
    return {} if told and numeric and len(found) >= ENOUGH * len(some) else None


def read(source: Source, found: dict[str, str]) -> Contents:
    """Read points: a table for each set of tags."""
    del found
    tables = _samples(source).tables()
    return Contents("influx", tables, source.numbers, blocks(source.lines))


def series(source: Source) -> Contents:
    """Read points of a part, each with all its tags."""
    return Contents("influx", _samples(source).tables(whole=True), source.numbers)


def _samples(source: Source) -> Samples:
    samples = Samples()
    for row, line in enumerate(source.lines):
        if not (match := LINE.fullmatch(line.strip())):
            continue
        tags = [(_plain(name), _plain(value)) for name, value in TAG.findall(match["tags"])]
        values = {name: _value(cell) for name, cell in _fields(match)}
        for name, value in values.items():
            if value is not None:
                samples.add(tags, _named(_plain(match["name"]), name), row, value)
        if match["time"] and any(value is not None for value in values.values()):
            samples.add(tags, TIME, row, _time(float(match["time"])))
    return samples


def _fields(match: re.Match[str]) -> list[tuple[str, str]]:
    return [(_plain(name), cell) for name, cell in FIELD.findall(match["fields"])]


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text)


def _named(measurement: str, field: str) -> str:
    return measurement if field == VALUE else f"{measurement} {field}"


def _value(cell: str) -> float | None:
    """Read a field; None for a text or a truth value."""
    return number(cell[:-1] if WHOLE.fullmatch(cell) else cell)


def _time(count: float) -> float:
    """Return a time in seconds or milliseconds since 1970, whatever it was counted in."""
    return count / 1e9 if count >= NANO else count / 1e6 if count >= MICRO else count
