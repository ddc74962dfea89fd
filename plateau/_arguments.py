"""Checks of arguments: each returns the value in its plain form or names what would be right."""

import math
from collections.abc import Sequence
from numbers import Real
from operator import index
from typing import Any, TypeVar

Word = TypeVar("Word", bound=str)

SMALLEST_WEIGHT = 2.0**-52
"""A smaller weight would be lost beside 1."""

LARGEST_COUNT = 2**53
"""Up to here a float64, in which kernels count, holds every whole number."""


def number(name: str, value: Any) -> float:
    """Return a finite real number as a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ValueError(f"{name} must be finite, not {value}")
    return result


def positive(name: str, value: Any) -> float:
    """Return a finite number above 0."""
    result = number(name, value)
    if result <= 0:
        raise ValueError(f"{name} must be above 0, not {value}")
    return result


def weight(name: str, value: Any) -> float:
    """Return the weight of an exponential average."""
    result = number(name, value)
    if not 0 < result <= 1:
        raise ValueError(f"{name} must be above 0 and at most 1, not {value}")
    if result < SMALLEST_WEIGHT:
        raise ValueError(f"{name} must be at least 2**-52, not {value}")
    return result


def whole(name: str, value: Any, *, least: int) -> int:
    """Return a whole number of at least `least`."""
    try:
        result = index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number, not {value!r}") from None
    if result < least:
        raise ValueError(f"{name} must be at least {least}, not {result}")
    if result > LARGEST_COUNT:
        raise ValueError(f"{name} must be at most 2**53, not {result}")
    return result


def one_of(name: str, value: Any, choices: Sequence[Word]) -> Word:
    """Return one of a few words."""
    for choice in choices:
        if value == choice:
            return choice
    raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
