"""Lengths of time: "30m" as people write it, and how many samples it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
"""Seconds of each."""

PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|[smhdw])\s*")
SHOWN = ("d", "h", "m", "s")
MILLISECONDS = 1e11
"""Seconds since 1970 of the year 5138: what is larger are milliseconds."""


def seconds_of(text: str) -> float:
    """Read a length of time such as ``"90s"``, ``"30m"`` or ``"1h 30m"``.

    Raises
    ------
    ValueError
        If it is something else, or no time at all.

    Examples
    --------
    >>> seconds_of("1h 30m")
    5400.0
    """
    parts = PART.findall(text)
    seconds = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(PART.split(text)[::3]).strip() or not seconds > 0:
        raise ValueError(f"{text!r} is no duration such as 90s, 30m or 1h30m")
    return seconds


def shown(seconds: float) -> str:
    """Write a length of time in its two largest units.

    Examples
    --------
    >>> shown(5400), shown(59.6), shown(0.25)
    ('1h 30m', '1m', '0.25s')
    """
    if seconds < 10:
        return f"{seconds:.2g}s"
    left, parts = round(seconds), []
    for unit in SHOWN:
        count, left = divmod(left, int(UNITS[unit]))
        parts.append(f"{count}{unit}" if count else "")
    first = next(i for i, part in enumerate(parts) if part)
    return " ".join(filter(None, parts[first : first + 2]))


def step_of(x: NDArray[np.float64]) -> float:
    """Return the usual seconds from one time to the next; of fewer than two NaN."""
    steps = np.diff(x)
    usual = float(np.median(steps[steps > 0])) if np.any(steps > 0) else np.nan
    return usual / 1000 if len(x) and abs(x[0]) > MILLISECONDS else usual


def in_samples(name: str, value: int | str, step: float | None, x_name: str) -> int:
    """Return how many samples a setting is.

    Parameters
    ----------
    name : str
        The setting, for messages.
    value : int or str
        Samples, or a duration.
    step : float or None
        Seconds from one sample to the next; None where x is no time, NaN where it has no step.
    x_name : str
        What x is called, for messages.
    """
    if not isinstance(value, str):
        return value
    if step is None:
        raise ValueError(f"{name} {value} is a duration, but x, {x_name!r}, is no time")
    if not step > 0:
        raise ValueError(f"{name} {value}: too few times to know how many samples it is")
    count = max(round(seconds_of(value) / step), 1)
    return count + count % 2 if name == "window" else count  # which must be even
