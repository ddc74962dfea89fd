"""Samples with labels, as Prometheus prints them: ``req_seconds{quantile="0.5",path="/a"} 0.13``.

A label tells series apart and is never a value: the samples of the same labels are a run.
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

SAMPLE = re.compile(
    r'([A-Za-z_:][\w:.]*)(?:\{((?:[^{}"]++|"(?:[^"\\]++|\\.)*+")*+)\})?'  # braces in quotes only
    r"\s+([-+.\w]+)(?:\s+(\d{9,}(?:\.\d+)?))?"
)
LABEL = re.compile(r'(?<!\w)([A-Za-z_]\w*+)\s*+=~?\s*+"((?:[^"\\]++|\\.)*+)"')
ESCAPED = re.compile(r'\\(["\\])')
LOOKED_AT, ENOUGH = 200, 0.9  # lines; of them are samples
# What is no measurement by its ending: a part of a histogram or of a summary, unless its type says
# that it stands for itself.
PART = ("_bucket", "_sum", "_count")
NO_SERIES = ("_created", "_info")
TYPE = re.compile(r"#\s*TYPE\s+(\S+)\s+(?:gauge|untyped|unknown)\s*")


def recognise(source: Source) -> dict[str, str] | None:
    """Take lines that are samples, some with labels; nothing else is to be found out about them."""
    lines = (line.strip() for line in source.lines if line.strip()[:1] not in ("", "#"))
    some = list(islice(lines, LOOKED_AT))
    if not any("{" in line for line in some):
        return None
    found = [SAMPLE.fullmatch(line) for line in some]
    told = [match for match in found if match and number(match[3]) is not None]
    labelled = any(match[2] and LABEL.search(match[2]) for match in told)
    return {} if labelled and len(told) >= ENOUGH * len(some) else None


def read(source: Source, found: dict[str, str]) -> Contents:
    """Read samples: a table for each set of labels."""
    del found
    tables = _samples(source).tables()
    return Contents("prometheus", tables, source.numbers, blocks(source.lines))


def series(source: Source) -> Contents:
    """Read samples of a part, each with all its labels."""
    return Contents("prometheus", _samples(source).tables(whole=True), source.numbers)


def _samples(source: Source) -> Samples:
    samples = Samples()
    alone = {told[1] for line in source.lines if (told := TYPE.fullmatch(line.strip()))}
    for row, line in enumerate(source.lines):
        match = SAMPLE.fullmatch(line.strip())
        value = number(match[3]) if match else None
        if not match or value is None or match[1].endswith(NO_SERIES):
            continue
        if match[1].endswith(PART) and match[1] not in alone:
            continue
        pairs = LABEL.findall(match[2] or "")
        labels = [(name, ESCAPED.sub(r"\1", text)) for name, text in pairs]
        samples.add(labels, match[1], row, value)
        if match[4]:
            samples.add(labels, TIME, row, float(match[4]))
    return samples
