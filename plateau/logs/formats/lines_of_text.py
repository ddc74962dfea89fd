"""Logs of any program as a format: what no other format recognises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateau.logs.columns import Contents
from plateau.logs.text.blocks import blocks
from plateau.logs.text.shapes import mine

if TYPE_CHECKING:
    from plateau.logs.files.lines import Source
    from plateau.logs.text.shapes import Headed

Found = dict[str, str]


def recognise(source: Source) -> Found:
    """Take any lines; nothing has to be found out about them."""
    del source
    return {}


def read(source: Source, found: Found) -> Contents:
    """Read the lines whose shape recurs."""
    del found
    return Contents("text", list(mine(source)), source.numbers, blocks(source.lines))


def read_part(source: Source, found: Found, headed: Headed) -> Contents:
    """Read all lines with numbers: what comes once in a part may well recur in the log."""
    if source.cut:
        return read(source, found)
    block = blocks(source.lines)
    whole = bool(len(block)) and block[-1] > 0  # a part may lie within one block
    tables = mine(source, 1, headed)
    return Contents("text", list(tables), source.numbers, block if whole else None)
