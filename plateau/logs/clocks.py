"""Dates and times written as text."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.choose import TIMES
from plateau.logs.words import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plateau.logs.columns import Data

SLASHES = re.compile(r"(?<=\d)/(?=\d)")
ENOUGH = 0.9  # of the labels are dates


def clocks(texts: Mapping[str, Mapping[int, str]]) -> Iterable[tuple[str, Data]]:
    """Yield the columns that are dates with times, as seconds since 1970."""
    for name, labels in texts.items():
        if not TIMES.intersection(words(name)):
            continue
        told = [(row, label) for row, label in labels.items() if label]
        read = [(row, seconds) for row, label in told if (seconds := _seconds(label)) is not None]
        if read and len(read) >= ENOUGH * len(told):
            rows, values = zip(*read, strict=True)
            yield name, (np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64))


def _seconds(label: str) -> float | None:
    try:
        return datetime.fromisoformat(SLASHES.sub("-", label.strip())).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
