"""Dates and times written as text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plateau.logs.columns import Data

SLASHES = re.compile(r"(?<=\d)/(?=\d)")
DAY_FIRST = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})(?!\d)")  # "24.12.2031 18:00"
ENOUGH = 0.9  # of the labels are dates


def clocks(texts: Mapping[str, Mapping[int, str]]) -> Iterable[tuple[str, Data]]:
    """Yield the columns that are dates, with times or without, as seconds since 1970."""
    for name, labels in texts.items():
        told = [(row, label) for row, label in labels.items() if label]
        if not told or seconds(told[0][1]) is None:
            continue
        read = [(row, time) for row, label in told if (time := seconds(label)) is not None]
        if read and len(read) >= ENOUGH * len(told):
            rows, values = zip(*read, strict=True)
            yield name, (np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))


def seconds(label: str) -> float | None:
    """Read a date, with a time or without, as seconds since 1970; None for other text."""
    told = DAY_FIRST.sub(r"\3-\2-\1", SLASHES.sub("-", label.strip()), count=1)
    try:
        return datetime.fromisoformat(told).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
