"""What every reader gives: the format's name and its tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from plateau.logs.columns import Table


@dataclass(frozen=True, eq=False)
class Contents:
    """What a reader found in a log.

    Attributes
    ----------
    format : str
        As :class:`plateau.logs.Log` tells it.
    tables : list of Table
        In order of appearance.
    numbers : NDArray[int64]
        Line in the file of each row, or record where the file has no lines.
    block : NDArray[int64] or None
        Block of each row where lines form blocks.
    every : int
        Rows of the log that each row here is the mean of.
    """

    format: str
    tables: list[Table]
    numbers: NDArray[np.int64]
    block: NDArray[np.int64] | None = None
    every: int = 1
