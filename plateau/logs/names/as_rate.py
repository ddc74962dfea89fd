"""How good a column is as the learning rate."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.names.as_x import X_EPOCH, x_points
from plateau.logs.names.words import vocabulary, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.logs.columns import Column

LR_NAMED, LR_RATE = 10.0, 4.0  # "rate" alone is one only where the line has no better
LR_EXTRA_WORD = -0.5
LR_SAME_ROWS = 3.0
NO_LR = vocabulary("scale mult decay ratio policy max min factor drop warmup loss")
LR_WORDS = vocabulary("lr lrate learningrate")
PARTS = re.compile(
    r"(?<=\w\w)[./:](?=\w\w)"
)  # of the path that a name may be: the last ones say what it is
LR_LARGEST = 100.0


def lr_points(column: Column) -> float:
    """Points of a column's name as the learning rate; 0 where it is none."""
    if "lr" not in column.points:
        column.points["lr"] = _lr_points(column)
    return column.points["lr"]


def _lr_points(column: Column) -> float:
    if x_points(column) >= X_EPOCH:
        return 0.0
    for part in reversed(PARTS.split(column.name)):
        found = words(part)
        pairs = {first + second for first, second in pairwise(found)}
        if NO_LR.intersection(found):
            return 0.0
        if pairs & {"learningrate", "lr", "learnrate"} or LR_WORDS.intersection(found):
            return LR_NAMED + LR_EXTRA_WORD * max(len(words(column.name)) - 1, 0)
    return LR_RATE if words(column.name) == ("rate",) else 0.0


def is_lr(values: NDArray[np.float64]) -> bool:
    """Behaves like a learning rate: small, not negative, not all zero."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and np.all((finite >= 0) & (finite <= LR_LARGEST)) and finite.any())
