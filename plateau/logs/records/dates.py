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
ENOUGH = 0.9  # of the labels are dates


def clocks(texts: Mapping[str, Mapping[int, str]]) -> Iterable[tuple[str, Data]]:
    """Yield the columns that are dates, with times or without, as seconds since 1970."""
    for name, labels in texts.items():
        told = [(row, label) for row, label in labels.items() if label]
        if not told or _seconds(told[0][1]) is None:
            continue
        read = [(row, seconds) for row, label in told if (seconds := _seconds(label)) is not None]
        if read and len(read) >= ENOUGH * len(told):
            rows, values = zip(*read, strict=True)
            yield name, (np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))


def _seconds(label: str) -> float | None:
    try:
        return datetime.fromisoformat(SLASHES.sub("-", label.strip())).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
