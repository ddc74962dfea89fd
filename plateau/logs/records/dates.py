"""Dates and times written as text."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.names.as_x import TIMES
from plateau.logs.names.words import vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plateau.logs.columns import Data

CLOCK = r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?:\s?([AaPp])\.?[Mm]\.?)?"
ZONE = r"(?:\s?(Z|UTC|GMT|[-+]\d\d:?\d\d))?"
WEEKDAY = r"(?:[A-Za-z]{3,9},?\s+)?"
MONTH = r"([A-Za-z]{3})[a-z]{0,6}\.?"
TIME = rf"(?:(?:\s+|T|_|,\s?|:){CLOCK}{ZONE})?"
NUMBERS = re.compile(rf"(\d{{1,4}})([-/.])(\d\d?)\2(\d{{4}}|\d\d?){TIME}")  # 24.12.2031 18:00
DAY_MONTH = re.compile(rf"{WEEKDAY}(\d\d?)[-/\s]\s*{MONTH}[-/,\s]\s*(\d{{4}}){TIME}")  # 24 Dec 2031
MONTH_DAY = re.compile(rf"{WEEKDAY}{MONTH}\s+(\d\d?),?\s+(\d{{4}}){TIME}")  # Dec 24, 2031
YEAR_LAST = re.compile(rf"{WEEKDAY}{MONTH}\s+(\d\d?)\s+{CLOCK}{ZONE}\s+(\d{{4}})")  # of Unix
OF_DAY = re.compile(CLOCK)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY, HALF = 86_400.0, 43_200.0  # seconds
# Columns that are the parts of a date, by all words of their names.
CALENDAR = (
    vocabulary("year yr yyyy yy jahr"),
    vocabulary("month mo mon mm monat"),
    vocabulary("day dy dd tag"),
    vocabulary("hour hr hh stunde"),
    vocabulary("minute min mn mm"),
)
LEAST = 3  # of them: year, month and day
FINER = (1e9, 1e6)  # to the second
CENTURY = (9e8, 4e9)  # seconds since 1970
FIRST = 3  # labels of which one is a date, if there are any
ENOUGH = 0.9  # of the labels are dates


def clocks(texts: Mapping[str, Mapping[int, str]]) -> Iterable[tuple[str, Data]]:
    """Yield the columns that are dates, with times or without, as seconds since 1970."""
    for name, labels in texts.items():
        told = [(row, label) for row, label in labels.items() if label]
        if all(seconds(label) is None for _, label in told[:FIRST]):  # one may be a unit
            continue
        day_first = _is_day_first([label for _, label in told])
        read = [(row, at) for row, one in told if (at := seconds(one, day_first)) is not None]
        if read and len(read) >= ENOUGH * len(told):
            yield name, _data(read)


def from_parts(series: Mapping[str, Data]) -> tuple[str, Data, list[str]] | None:
    """Put year, month, day and what there is of hour and minute together.

    Returns
    -------
    tuple or None
        The name of the date and its seconds since 1970, and the columns that it is made of.
    """
    names: list[str] = []
    for told in CALENDAR:
        left = (name for name in series if name not in names and words(name))
        part = next((name for name in left if told.issuperset(words(name))), None)
        if part is None:
            break
        names.append(part)
    if len(names) < LEAST:
        return None
    rows = series[names[0]][0]
    if not all(np.array_equal(series[name][0], rows) for name in names):
        return None
    columns = [series[name][1] for name in names]
    try:
        times = [
            _at(_whole_year(year), _whole(month), _whole(day), _of_parts(rest))
            for year, month, day, *rest in zip(*(one.tolist() for one in columns), strict=True)
        ]
    except (ValueError, OverflowError, OSError):
        return None
    return "-".join(names[:LEAST]), (rows, np.array(times)), names


def _whole(part: float) -> int:
    if not part.is_integer():
        raise ValueError("no part of a date")
    return int(part)


def _of_parts(parts: Sequence[float]) -> Sequence[str | None]:
    """Write hour and minute, where there are any, as the groups of a time."""
    hour, minute, *_ = [*(str(_whole(part)) for part in parts), None, None]
    return (hour, minute, None, None, None, None)


def _whole_year(year: float) -> int:
    return _whole(year) + 2000 * (year < 100)


def in_seconds(series: Mapping[str, Data]) -> Iterable[tuple[str, Data]]:
    """Yield the columns of times that count nano- or microseconds since 1970, as seconds."""
    for name, (rows, values) in series.items():
        for part in FINER:
            finer = len(values) and values[0] > CENTURY[0] * part
            if finer and not TIMES.isdisjoint(words(name)) and values.max() < CENTURY[1] * part:
                yield name, (rows, values / part)
                break


def times_of_day(texts: Mapping[str, Mapping[int, str]]) -> Iterable[tuple[str, Data]]:
    """Yield the columns of times without dates, as seconds that count on after midnight."""
    for name, labels in texts.items():
        told = [(row, label.strip()) for row, label in labels.items() if label]
        if TIMES.isdisjoint(words(name)) or not told or not OF_DAY.fullmatch(told[0][1]):
            continue
        found = [(row, match) for row, label in told if (match := OF_DAY.fullmatch(label))]
        if len(found) < ENOUGH * len(told):
            continue
        rows, matches = zip(*found, strict=True)
        at = np.array([_seconds_of_day(*match.groups()) for match in matches])
        days = np.cumsum(np.diff(at, prepend=at[0]) < -HALF)
        yield name, _data(zip(rows, at + DAY * days, strict=True))


def is_time_of_day(label: str) -> bool:
    """Whether a text is nothing but a time, such as 17:05."""
    return OF_DAY.fullmatch(label.strip()) is not None


def seconds(label: str, day_first: bool = False) -> float | None:
    """Read a date, with a time or without, as seconds since 1970; None for other text.

    Of ``03/04/2031`` the first number is the month, if it can be, or the day. A time from one
    date to another is where it begins.
    """
    label = label.strip()
    try:
        return datetime.fromisoformat(label).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        if found := NUMBERS.fullmatch(label):
            first, mark, second, third, *time = found.groups()
            return _of_numbers(first, mark, second, third, time, day_first=day_first)
        if found := DAY_MONTH.fullmatch(label):
            day, month, year, *time = found.groups()
        elif found := MONTH_DAY.fullmatch(label):
            month, day, year, *time = found.groups()
        elif found := YEAR_LAST.fullmatch(label):
            month, day, *time, year = found.groups()
        else:
            begin, until, end = label.partition(" to ")
            return seconds(begin, day_first) if until and seconds(end) is not None else None
        return _at(int(year), MONTHS.index(month.lower()) + 1, int(day), time)
    except (ValueError, OverflowError, OSError):
        return None


def _of_numbers(
    first: str, mark: str, second: str, third: str, time: Sequence[str | None], *, day_first: bool
) -> float | None:
    if len(first) == 4:
        return _at(int(first), int(second), int(third), time)
    if len(third) == 1 or (len(third) == 2 and mark != "/" and time[0] is None):
        return None  # a version, a score
    year = int(third) + 2000 * (len(third) == 2)
    one, two = int(first), int(second)
    day, month = (one, two) if mark == "." or day_first or one > 12 else (two, one)
    return _at(year, month, day, time)


def _at(year: int, month: int, day: int, time: Sequence[str | None]) -> float:
    *clock, zone = time
    at = datetime(year, month, day)
    if clock[0]:
        at += timedelta(seconds=_seconds_of_day(*clock))
    if zone:
        at = datetime.fromisoformat(f"{at.isoformat()}{zone if zone[0] in '+-' else 'Z'}")
    return at.timestamp()


def _seconds_of_day(
    hour: str | None, minute: str | None, second: str | None, part: str | None, half: str | None
) -> float:
    hours = int(hour or 0)
    if half:
        hours = hours % 12 + 12 * (half in "pP")
    whole = 3600 * hours + 60 * int(minute or 0) + int(second or 0)
    return float(f"{whole}.{part or 0}")


def _is_day_first(labels: Sequence[str]) -> bool:
    """Whether days come before months in a column: one is no month, or times go up then only."""
    found = [told for label in labels if (told := NUMBERS.fullmatch(label.strip()))]
    if any(len(told[1]) > 2 for told in found):
        return False
    dates = [date for date, _ in groupby((int(t[1]), int(t[3]), int(t[4])) for t in found)]
    if any(first > 12 or second > 12 for first, second, _ in dates):
        return any(first > 12 for first, _, _ in dates)
    orders = (
        [(year, first, second) for first, second, year in dates],
        [(year, second, first) for first, second, year in dates],
    )
    back = [sum(one > other for one, other in pairwise(order)) for order in orders]
    falling = [min(count, len(dates) - 1 - count) for count in back]  # the newest may come first
    return falling[1] < falling[0]


def with_times(
    dates: Mapping[str, Data], times: Mapping[str, Data]
) -> tuple[str, Data, tuple[str, str]] | None:
    """Put days and the first column of times of day together.

    Returns
    -------
    tuple or None
        The name of both and their seconds since 1970, and the columns that it is made of.
    """
    for time, (at, of_day) in times.items():
        for day, (rows, values) in dates.items():
            if np.array_equal(at, rows) and all(map(_is_midnight, np.unique(values).tolist())):
                return f"{day} {time}", (rows, values + of_day % DAY), (day, time)
    return None


def _is_midnight(at: float) -> bool:
    date = datetime.fromtimestamp(at)
    return date == datetime(date.year, date.month, date.day)


def _data(found: Iterable[tuple[int, float]]) -> Data:
    rows, values = zip(*found, strict=True)
    return np.array(rows, dtype=np.int64), np.array(values, dtype=np.float64)
