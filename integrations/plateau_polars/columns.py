"""What a detector says of a Series, as Series: pure functions, which any thread may call."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from plateau import Trace, Verdict, find_plateaus, trace
from plateau.base import KINDS, PlateauDetector
from plateau.checks import LIMIT
from plateau.outlook import COLUMNS, columns_of

VERDICT = pl.Enum([verdict.name for verdict in Verdict])
VERDICTS = pl.Series([verdict.name for verdict in Verdict], dtype=VERDICT)
"""The verdict of each code."""

KIND = pl.Enum(KINDS)
KINDS_OR_NULL = pl.Series([*KINDS, None], dtype=KIND)
"""The kind of each code; the last one, -1, is none."""

TRACE: dict[str, pl.DataType] = {
    "level": pl.Float64(),
    "slope": pl.Float64(),
    "verdict": VERDICT,
    "fired": pl.Boolean(),
    "onset": pl.Int64(),
    "kind": KIND,
}
"""Fields of a `plateau.Trace`."""

PLATEAU: dict[str, pl.DataType] = {
    "start": pl.Int64(),
    "stop": pl.Int64(),
    "declared": pl.Int64(),
    "level": pl.Float64(),
    "slope": pl.Float64(),
    "noise": pl.Float64(),
    "closed": pl.Boolean(),
    "kind": KIND,
    "level_error": pl.Float64(),
    "effective": pl.Float64(),
    "confidence": pl.Float64(),
    **dict.fromkeys(COLUMNS, pl.Float64()),
}
"""Fields of a `plateau.Plateau`, its gain in four of them."""


def traced(series: pl.Series, detector: PlateauDetector, field: str) -> pl.Series:
    """Return a field of the trace, for each row."""
    samples = samples_of(series)
    return _column(trace(samples, detector), samples, field).alias(series.name)


def traced_whole(series: pl.Series, detector: PlateauDetector) -> pl.Series:
    """Return the trace, a struct for each row."""
    samples = samples_of(series)
    found = trace(samples, detector)
    columns = {field: _column(found, samples, field) for field in Trace._fields}
    return pl.DataFrame(columns).to_struct(series.name)


def plateaus(series: pl.Series, detector: PlateauDetector) -> pl.Series:
    """Return the plateaus, a struct for each."""
    found = find_plateaus(samples_of(series), detector)
    rows = [{**plateau._asdict(), **columns_of(plateau.gain)} for plateau in found]
    return pl.DataFrame(rows, schema=PLATEAU).fill_nan(None).to_struct(series.name)


def plateaus_listed(series: pl.Series, detector: PlateauDetector) -> pl.Series:
    """Return the plateaus as one list."""
    return pl.Series([plateaus(series, detector)])


def samples_of(series: pl.Series) -> NDArray[np.float64]:
    """Return the values, NaN for a null; float64 in one chunk and without nulls is not copied.

    Raises
    ------
    TypeError
        If they are neither numbers nor booleans.
    """
    dtype = series.dtype
    if not dtype.is_numeric() and dtype not in (pl.Boolean, pl.Null):
        where = f" in column {series.name!r}" if series.name else ""  # groups come without a name
        raise TypeError(f"samples{where} must be numbers or booleans, not {dtype}: cast them first")
    samples: NDArray[np.float64] = series.cast(pl.Float64).to_numpy()
    return samples


def _column(found: Trace, samples: NDArray[np.float64], field: str) -> pl.Series:
    """Return a field of a trace of samples as Polars has it: null for what is not known."""
    values: NDArray[np.generic] = getattr(found, field)
    if field == "verdict":
        return VERDICTS[pl.Series(values)]
    if field == "kind":  # -1 outside a plateau
        return KINDS_OR_NULL[pl.Series(values)]
    if field == "onset":  # -1 outside a plateau; the trace counts accepted samples, a column rows
        rows = np.append(np.flatnonzero(np.abs(samples) <= LIMIT), -1)
        onset = pl.Series(rows[values])
        return onset.set(onset < 0, None)
    return pl.Series(values, nan_to_null=True)
