"""A series of Python as a run: its values, and where each of them lies."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plateau._samples import REAL, as_samples
from plateau.base import Mode
from plateau.logs.model import Run

Floats = NDArray[np.float64]


def run_of(xs: ArrayLike | Iterable[float], mode: Mode = "min") -> Run:
    """Return a series as a run.

    Its x is the index of a series of pandas, or the coordinate of one of xarray, if that is made of
    numbers or times in order; else it counts samples.

    Parameters
    ----------
    xs : array_like, shape (n,)
        The series, as `plateau.find_plateaus` takes it.
    mode : {"min", "max", "both"}, default "min"
        Whether lower is better, higher is better, or neither.
    """
    values = as_samples(xs)
    name, index = _index_of(xs)
    x, clock = _axis(index)
    if x is None or len(x) != len(values) or np.any(np.diff(x) < 0) or np.isnan(x).any():
        name, x, clock = "sample", np.arange(float(len(values))), False
    return Run(
        name="",
        metric=_name_of(xs) or "value",
        x_name=name or "index",
        mode=mode,
        values=values,
        x=x,
        lr=None,
        lr_name=None,
        lines=np.arange(1, len(values) + 1),
        counts_steps=False,
        clock=clock,
    )


def _name_of(xs: Any) -> str | None:
    """Return the name of a series, or that of the one column of a frame."""
    columns = getattr(xs, "columns", None)
    name = getattr(xs, "name", None) if columns is None else columns[0]
    return name if isinstance(name, str) else None


def _index_of(xs: Any) -> tuple[str | None, Any]:
    """Return the name of an index and the index; None where there is none."""
    if hasattr(xs, "dims") and hasattr(xs, "coords"):  # of xarray
        dim = xs.dims[0]
        return str(dim), xs.coords.get(dim)
    index = getattr(xs, "index", None)  # of pandas; that of a list is a function
    return getattr(index, "name", None), index if hasattr(index, "to_numpy") else None


def _axis(index: Any) -> tuple[Floats | None, bool]:
    """Return an index as numbers, and whether they are seconds since 1970."""
    if index is None:
        return None, False
    aware = getattr(index, "tz", None) is not None
    places = np.asarray(index, dtype="datetime64[ns]") if aware else np.asarray(index)
    if places.dtype.kind == "M":
        seconds = places.astype("datetime64[ns]").astype(np.int64) / 1e9
        return seconds if aware else seconds - _offset(seconds), True
    if places.dtype.kind == "m":
        return places / np.timedelta64(1, "s"), False
    return (places.astype(np.float64), False) if places.dtype.kind in REAL else (None, False)


def _offset(seconds: Floats) -> float:
    """Return by how many seconds the clocks of this place are ahead: so times without a zone go."""
    first = datetime.fromtimestamp(float(seconds[0])) if len(seconds) else datetime.now()
    return (first.astimezone().utcoffset() or timedelta()).total_seconds()
