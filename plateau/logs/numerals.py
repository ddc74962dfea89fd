"""Numbers in any of the ways that logs write them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import polars as pl

    from plateau.logs.columns import Data

THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
FORTRAN = re.compile(r"[-+]?\d*+\.?\d*+D[-+]\d++")
MEASURED = re.compile(r"([-+]?\d\S*?)\s*([%$€£¥₹]|[A-Za-zµ°][A-Za-z/]*)")  # "51 %", "1024 MiB"
CURRENCIES = frozenset("$€£¥₹")
MONEY = re.compile(r"([-+]?)([$€£¥₹])\s?(?=[\d.])(\S+)")  # "$0.08", "-€1,20"
LONGEST = 64  # characters of a number
MSVC = re.compile(r"([-+]?)(?:\d+\.#(QNAN|SNAN|IND|INF)\d*|(nan|inf)\(.*\))", re.IGNORECASE)


def number(token: str) -> float | None:
    """Read a number in any of the ways that logs write one; None for other text."""
    text = token.strip()
    if len(text) > LONGEST or "_" in text:  # "69928_00060" is a name, to Python a number
        return None
    if "," in text:
        if THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        elif DECIMAL_COMMA.fullmatch(text):
            text = text.replace(",", ".")
    if "D" in text and FORTRAN.fullmatch(text):
        text = text.replace("D", "E")
    try:
        return float(text)
    except ValueError:
        odd = MSVC.fullmatch(text)
    if not odd:
        return None
    if "inf" in text.lower():
        return -math.inf if odd[1] == "-" else math.inf
    return math.nan


def numbers(rows: Sequence[int], tokens: Iterable[str]) -> Data:
    """Read the tokens that are numbers, and keep the rows of these."""
    tokens = list(tokens)
    at = np.asarray(rows, dtype=np.int64)
    try:
        return at, np.array(list(map(float, tokens)), dtype=np.float64)
    except ValueError:
        found = [number(token) for token in tokens]
    present = np.array([value is not None for value in found], dtype=bool)
    return at[present], np.array([v for v in found if v is not None], dtype=np.float64)


def is_measured(cell: str) -> bool:
    """Whether a cell is a number with its unit, such as "51 %"."""
    cell = cell if CURRENCIES.isdisjoint(cell[:2]) else unit_last(cell)
    measured = MEASURED.fullmatch(cell) if len(cell) <= LONGEST else None
    return measured is not None and number(measured[1]) is not None


def unit_last(cell: str) -> str:
    """Put the sign of a currency behind the number, where other units stand."""
    return MONEY.sub(r"\1\3\2", cell) if len(cell) <= LONGEST else cell


def odd_numbers(cells: Sequence[str]) -> list[float | None]:
    """Read numbers in odd spellings, or with one unit behind all of them."""
    found = [number(cell) for cell in cells]
    if any(value is not None for value in found):
        return found
    if cells and not CURRENCIES.isdisjoint(cells[0][:2]):
        cells = [unit_last(cell) for cell in cells]
    measured = [MEASURED.fullmatch(cell) if len(cell) <= LONGEST else None for cell in cells]
    units = {match[2] for match in measured if match}
    if len(units) != 1 or not all(measured):
        return found
    return [number(match[1]) for match in measured if match]


def numbers_of(cells: pl.Series) -> Data:
    """Take the cells that are numbers; polars reads the usual ones, `number` the odd rest."""
    import polars as pl

    parsed = cells.cast(pl.Float64, strict=False)
    odd = (parsed.is_null() & cells.is_not_null()).arg_true()
    if len(odd):
        parsed = parsed.scatter(odd, odd_numbers(cells.gather(odd).cast(pl.String).to_list()))
    present = parsed.is_not_null()
    rows = present.arg_true().to_numpy().astype(np.int64)
    return rows, parsed.drop_nulls().to_numpy().astype(np.float64)
