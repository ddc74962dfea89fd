"""What reading a log gives: a :class:`Log` of :class:`Run` objects, or a :class:`LogError`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from plateau.base import Mode


class LogError(ValueError):
    """A log that cannot be read; its text is one line which names the file."""


class ReadError(LogError):
    """A log that could not be read now, for a reason that does not lie in it: later it may be."""


class NoSeriesError(LogError):
    """A file that is sound, as far as can be seen, but no log."""


@dataclass(frozen=True, eq=False)
class Run:
    """One metric of one training run, row by row as it was logged.

    Attributes
    ----------
    name : str
        "1", "2", … in order of appearance, or the run's own name where the log gives one.
    metric : str
        The metric's name as the log writes it.
    x_name : str
        The name of the x column; "row" where the log has none, and x is then 0, 1, 2, …
    mode : {"min", "max", "both"}
        The direction of progress.
    values : NDArray[float64], shape (n,)
        The metric; values that are not finite are kept as they are.
    x : NDArray[float64], shape (n,)
        Where in the training each value was logged; never decreasing.
    lr : NDArray[float64] or None, shape (n,)
        Learning rate in force at each row, NaN before the first one; None where the log has none.
    lr_name : str or None
        The name of the learning rate's column.
    lines : NDArray[int64], shape (n,)
        Line of each value in the decompressed file, counted from 1.
    counts_steps : bool
        True where x counts optimisation steps, so that windows can be counted in steps.
    clock : bool
        True where x is a time: seconds or milliseconds since 1970.
    held_out : Run or None
        The same metric on held-out data, where the log has it and no metric was asked for.
    every : int
        Rows of the log that each row of the run is the mean of: above 1 in a log too large for
        the memory.
    """

    name: str
    metric: str
    x_name: str
    mode: Mode
    values: NDArray[np.float64]
    x: NDArray[np.float64]
    lr: NDArray[np.float64] | None
    lr_name: str | None
    lines: NDArray[np.int64]
    counts_steps: bool
    every: int = 1
    clock: bool = False
    held_out: Run | None = None


@dataclass(frozen=True)
class Log:
    """A log that was read.

    Attributes
    ----------
    path : str
        The file.
    format : str
        "text", "csv", … as in the table of what is read.
    runs : tuple of Run
        At least one, in order of appearance.
    warnings : tuple of str
        What a user should know about how the log was read; one line each.
    """

    path: str
    format: str
    runs: tuple[Run, ...]
    warnings: tuple[str, ...]
