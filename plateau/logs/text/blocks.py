"""Blocks of lines, which empty lines and drawn rules part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RULE = re.compile(r"\W*")


def blocks(lines: list[str]) -> NDArray[np.int64]:
    """Count the blocks that lines are in; empty lines and drawn rules part blocks."""
    rules = [RULE.fullmatch(line) is not None for line in lines]
    return np.cumsum(np.array(rules, dtype=np.int64))
