"""Runs that are logged twice: event files, say, beside a JSON log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateau.logs.model import Log, Run


def twin_of(log: Log, others: Iterable[Log]) -> Log | None:
    """Return the log beside this one that has all its runs in another format, if there is one."""
    for other in others:
        beside = folder_of(other) == folder_of(log) and other.format != log.format
        if beside and all(any(is_same(run, one) for one in other.runs) for run in log.runs):
            return other
    return None


def folder_of(log: Log) -> Path:
    """Return where a log lies; several event files are named by their folder."""
    path = Path(log.path)
    return path if path.is_dir() else path.parent


def is_same(run: Run, other: Run) -> bool:
    """Whether two runs have the same rows to the precision of event files."""
    return (
        run.metric == other.metric
        and np.array_equal(run.x, other.x)
        and np.allclose(run.values, other.values, rtol=1e-6, atol=0, equal_nan=True)
    )
