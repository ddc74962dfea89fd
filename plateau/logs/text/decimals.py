"""Decimal commas in the lines of a text log: "Verlust 0,532"."""

from __future__ import annotations

import re

LOOKED_AT = 2048  # lines that tell how decimals are written
MORE = 4  # times as many lines with decimal commas as with decimal points

# No list, such as "[12,34]" or "1,22,3", and no clock.
COMMA = re.compile(r"(?<![\w.,:\[(@])([-+]?\d+),(\d{2,})(?![\w\])]|[.,]\d|%@)")
POINT = re.compile(r"(?<![\w.:])\d+\.\d+(?![\w.])")
THOUSANDS = 3  # digits

TOLD = "numbers have decimal commas: 0,53 is read as 0.53"


def with_points(lines: list[str], warnings: list[str]) -> list[str]:
    """Write decimal points for decimal commas, where lines have these; else all stay."""
    if not _has_commas(lines[:LOOKED_AT]):
        return lines
    if TOLD not in warnings:  # of another part of the log
        warnings.append(TOLD)
    return [COMMA.sub(r"\1.\2", line) if "," in line else line for line in lines]


def _has_commas(lines: list[str]) -> bool:
    commas = points = 0
    for line in lines:
        number = COMMA.search(line) if "," in line else None
        commas += number is not None and len(number[2]) != THOUSANDS
        points += POINT.search(line) is not None
    return commas > MORE * points
