"""Names for rows of bare numbers, from the header of a table that was printed into a log."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from itertools import takewhile

from plateau.logs.text.formulas import bared, shielded
from plateau.logs.text.slots import LETTER, counts

NEAR = 5  # lines from the header to the first row
MOST_LINES = 3  # lines of a header
LEAST = 3  # columns of a table
FEW = 6  # times as many names as those of empty cells
CLOSE = 2  # of one whose header is right above

DIGITS = re.compile(r"\d+")
WORD = re.compile(r"[^\s|]+")
GAP = re.compile(r"\s{2}")
WIDE = re.compile(r"[^\s|]+(?: [^\s|]+)*+")  # a name may hold single spaces
BETWEEN_BARS = re.compile(r"[^|]+")
BETWEEN_COMMAS = re.compile(r"[^,]+")
# "ENERGY:  1000  -12.3" under "ETITLE:  TS  TOTAL", " ETOT  1  -8.86" under " iter  Etot(hartree)"
LABEL = re.compile(
    r"\s*(?:[A-Za-z]\w*(?: [A-Za-z]\w*)?[:>]\s|[A-Z]{2,}\s+(?=[-+.\d])"
    r"|\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?: [AP]M\s|\s+(?=\D))\s*"  # "10:00:01 AM  all  25.3"
    r"|@\s+"  # "@ 1 -76.0" under "@ Step Energy"
    r"|\[ *\w+\]\s+)"  # "[  5]   0.00-1.00" under "[ ID] Interval"
)
COUNTED_LABEL = re.compile(r"\s*([A-Za-z]\w*) +\d+ *:(?=[^|]*\|)")  # "SCF   1 :  0.12E-01 |"
# Behind numbers, a word of its own: "0.00-1.00   sec   112 MBytes   900 Mbits/sec"
UNIT = re.compile(
    r"(?<=\d) {1,3}(?:secs?|[num]?s|[KMGT]?i?(?:Bytes|bytes|bits?|B|b)(?:/s(?:ec)?)?|%)(?!\S)"
)
NAMED = re.compile(r"[A-Za-z][ =:]+[-+]?\.?\d")  # "loss 0.5": no cell, but a name and its number
# "[loss: 0.5]" needs no header.
TELLING = re.compile(r"(?<!\w)[A-Za-z]\w*+[.)\]]*+\s*+[=:]\s*+[-+]?\.?\d")
PAIRED = re.compile(r"\w=\w")  # "loss=inf"
NUMERAL = re.compile(r"(?<![\w.])[-+]?\.?\d[\w.+-]*")
NAMES = ("#", "%")  # of columns
RULE = re.compile(r"[\W_]*")
BARE = re.compile(  # what the cell of a number begins with: 12, 0.5, 2.5G, 1/10
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eED][-+]?\d+)?(?![A-Za-z]{3}|[^\s=]{1,32}=)"
    r"|[-+]?(?i:nan|inf)\b(?!\.)"  # "Inf." is short for infeasibility
)
DRAWN = re.compile(r"(?<!\d)\d++%\|.*")  # a progress bar, behind names
BEGINS_WITH_BAR = re.compile(r"[^\d|]*\d++%\|")
EMPTY = re.compile(r"[-.*]+")  # a cell without a number
# "H   12", "*  300+", "r 0.1s|": what a solver marks rows with, of which some cells are empty.
MARK = re.compile(r"\s*([*+#>]{1,2}|[A-Za-z](?=\s))\s*(?=\d)")
WORDED = re.compile(r"(?<=\d)(\s+)([a-z]{4,})(?=\s+[-\d])")  # "300 200 cutoff 16", of a solver
BRACKETED = re.compile(r"\[.*\]|\(.*\)")  # a unit
# "1  -8.86  <-- SCF", "Ncyc  Rfact $$": an end that all lines of a table have.
ENDING = re.compile(r"(?<!\s)\s++[-=]*+[<>$][-=<>$]*+(?:\s++[A-Za-z]++)?\s*+$")
LABELLED = 32  # lines to a header with the label of a row
FAR = 200  # rows of a table from its header to one that holds all numbers


@dataclass(frozen=True)
class Cell:
    """A piece of a line: a cell, or the name of one."""

    text: str
    start: int
    end: int

    def named(self, name: str) -> Cell:
        """Return the place of this cell with the name of its column."""
        return replace(self, text=name)


def find_header(lines: list[str], row: int) -> list[str]:
    """Return the lines of the header above a row: names without numbers, perhaps stacked."""
    line = _without_label(_without_ending(lines[row]))
    if BEGINS_WITH_BAR.match(line):
        return []
    telling = len(TELLING.findall(line))
    if telling and 2 * telling >= len(NUMERAL.findall(line)):
        return []
    if header := _header_with_commas(lines, row) or _header_of_label(lines, row):
        return header
    cells = _cells(_without_units(line), WORD)
    bare = [BARE.match(cell.text) is not None for cell in cells]
    between = _between_bars(line)
    if len(between) >= LEAST and not any(NAMED.search(cell.text) for cell in between):
        return _header(lines, row)
    if not bare:
        return []
    label = label_of(lines[row])
    if not (bare[0] if not label else all(bare)) and not _is_named(cells):
        header = _header(lines, row) if bare[0] else []
        if header and _kind(label) == _kind(label_of(header[-1])):
            return header
        return _header_of_end(lines, row, len(list(takewhile(bool, reversed(bare)))))
    return _header(lines, row) or _header(lines, _top_of(lines, row))


def _header_with_commas(lines: list[str], row: int) -> list[str]:
    """Return the header above a row whose cells commas part: some names may hold numbers."""
    own = _cells(lines[row], BETWEEN_COMMAS)
    if len(own) < LEAST or not all(_is_number(cell.text) for cell in own[1:]):
        return []
    for line in reversed(lines[max(row - NEAR, 0) : row]):
        names = [name.text for name in _cells(line, BETWEEN_COMMAS)]
        worded = sum(name[:1].isalpha() for name in names)
        if len(own) - 1 <= len(names) <= len(own) and 2 * worded > len(names) and names[0][0] > "9":
            return [line]
    return []


def _header_of_label(lines: list[str], row: int) -> list[str]:
    """Return the header whose label is that of a row, out of several headers with labels.

    "RUN PROP>  0.5" stands under "RUN PROP:  GRMS", and "RUN>  10" under "RUN DYN:  Step", whose
    label is no row's.
    """
    own = _words_of_label(lines[row])
    headers: list[str] = []
    for line in reversed(lines[max(row - LABELLED, 0) : row] if own else []):
        if RULE.fullmatch(line):
            continue
        if _words_of_label(line)[:1] != own[:1]:
            break
        names = _without_label(line).split()
        if names and all(map(_is_name, names)):
            headers.insert(0, line)
    same = [line for line in headers if _words_of_label(line) == own]
    return same[-1:] or [line for line in headers if _words_of_label(line)[: len(own)] == own][:1]


def _words_of_label(line: str) -> list[str]:
    return label_of(line).rstrip(">").split()


def _header_of_end(lines: list[str], row: int, numbers: int) -> list[str]:
    """Return the header above a row that ends in so many numbers, one for each name but the first.

    "d= 0,ls=0.0,diis  1  -76.4  -5.1E-01" stands under "convergence  iter  energy  DeltaE".
    """
    header = _header(lines, row) if numbers >= LEAST else []
    names = len(_cells(header[-1], WIDE)) if header else 0
    return header if names == numbers + 1 else []


def label_of(line: str) -> str:
    """Return the word before a row: "iter" of "iter: 3  10:01:02  -12.5"."""
    label = LABEL.match(line)
    return label[0].strip(" :") if label else ""


def _kind(label: str) -> str:
    return DIGITS.sub("", label)


def names_under(header: list[str], line: str, *, close: bool) -> list[Cell]:
    """Name the cells of a row.

    Returns
    -------
    list of Cell
        The places of the row's cells, each with its name; empty where the header is of another
        table. It is less doubtful where it is ``close``, right above.
    """
    label, last = label_of(line), _without_label(header[-1])
    line = _without_units(_without_label(_without_ending(line)))
    cells = _cells(line, WORD)
    if _is_named(cells):
        return _by_commas(line, last) or _by_count(cells, last, LEAST)
    least = CLOSE if close else LEAST
    return (
        _by_bars(line, [*header[:-1], last])
        or _by_commas(line, last)
        or (_by_place(cells, header) if _repeats(last) else [])
        or _by_count(cells, last, least)
        or _by_count(cells, _without_remarks(cells, last), LEAST)
        or (_by_count(cells[1:], last, least) if counts(label) else [])
        or _by_place(cells, [*header[:-1], last])
        or _by_place(cells, [last])  # what stands above it are titles of groups
        or _from_both_ends(cells, last)
        or _from_left(cells, last)
    )


def names_of_marked(lines: list[str], row: int) -> list[Cell]:
    """Name the cells of a row that begins with a mark, by what stands above each.

    Returns
    -------
    list of Cell
        Empty where it has no mark, or something stands under no name.
    """
    mark = MARK.match(lines[row])
    worded = WORDED.search(lines[row]) and _is_row(_unmarked(lines[row]))
    if not mark and not worded:
        return []
    begin = mark.end(1) if mark else 0
    first = row
    while first > max(row - FAR, 0) and _is_row(_unmarked(lines[first - 1])):
        first -= 1
    header = _header(lines, first)
    widths = [len(_cells(line, WORD)) for line in lines[first : row + FAR] if not MARK.match(line)]
    kinds = [
        [name for name in _cells(header[-1], kind) if name.start >= begin]
        for kind in (WIDE, WORD, BETWEEN_BARS)
        if header
    ]
    names = next((above for above in kinds if len(above) in widths), [])
    cells = _cells(_unmarked(lines[row]), WORD)
    if not LEAST <= len(cells) <= len(names):
        return []
    if len(cells) == len(names):
        return [cell.named(name.text) for cell, name in zip(cells, names, strict=True)]
    above = [names[_nearest(cell, names)] for cell in cells]
    under = all(_overlap(*pair)[0] >= 0 for pair in zip(above, cells, strict=True))
    if not under or len(set(above)) < len(above):
        return []
    return [cell.named(name.text) for cell, name in zip(cells, above, strict=True)]


def names_by_rule(lines: list[str], row: int) -> list[Cell]:
    """Name the cells of a row by the pieces of a rule that is drawn below the names.

    Returns
    -------
    list of Cell
        Empty where there is no such rule, or the row has as many cells as there are names.
    """
    above = row - 1
    while above > max(row - FAR, 0) and _is_bare(lines[above]):
        above -= 1
    if above < 1 or not RULE.fullmatch(lines[above]):
        return []
    pieces, names = _cells(lines[above], WORD), _cells(lines[above - 1], WIDE)
    cells = _cells(lines[row], WORD)
    if not CLOSE <= len(pieces) == len(names) or len(cells) == len(names):
        return []
    if not all(_is_name(name.text) for name in names) or not _is_bare(lines[row]):
        return []
    named: dict[int, Cell] = {}
    for cell in cells:
        index = _nearest(cell, pieces)
        if BARE.match(cell.text) and _overlap(cell, pieces[index])[0] > 0:
            named.setdefault(index, cell.named(names[index].text))  # behind it a spread
    return list(named.values()) if len(named) >= CLOSE else []


def _is_bare(line: str) -> bool:
    return DIGITS.search(line) is not None and not LETTER.search(line)


def _unmarked(line: str) -> str:
    """Leave out the mark of a row, and a word that stands for one of its numbers."""
    mark = MARK.match(line)
    line = " " * mark.end() + line[mark.end() :] if mark else line
    return WORDED.sub(lambda word: word[1] + "-" * len(word[2]), line)


def is_ruled(header: list[str], line: str) -> bool:
    """Whether a row has the bars of a header that stands far above it."""
    return line.lstrip().startswith("|") and line.count("|") == header[-1].count("|") > CLOSE


def _is_named(cells: list[Cell]) -> bool:
    """Whether a row begins with a name: "all  25.3  0.0  1.2"."""
    bare = [BARE.match(cell.text) is not None for cell in cells]
    return len(cells) >= LEAST and not bare[0] and all(bare[1:])


def _without_units(line: str) -> str:
    return UNIT.sub(lambda unit: " " * len(unit[0]), line)


def _without_label(line: str) -> str:
    label = COUNTED_LABEL.match(line) or LABEL.match(line)
    return " " * label.end() + line[label.end() :] if label else line


def _without_ending(line: str) -> str:
    return ENDING.sub("", line) if "<" in line or "$" in line else line


def _repeats(names: str) -> bool:
    """Whether names are units: the same stands above several columns."""
    words = [cell.text for cell in _cells(names, WORD)]
    return len(set(words)) < len(words)


def _cells(line: str, kind: re.Pattern[str]) -> list[Cell]:
    found = kind.finditer(shielded(line))
    return [Cell(bared(cell[0].strip()), cell.start(), cell.end()) for cell in found]


def _header(lines: list[str], row: int) -> list[str]:
    header: list[str] = []
    for line in reversed(lines[max(row - NEAR, 0) : row]):
        line = DRAWN.sub("", line).rstrip(" :") if "%|" in line else _without_ending(line)
        words = [cell.text for cell in _cells(_without_label(line), WORD)]
        rule = RULE.fullmatch(line) is not None
        named = not rule and any(map(_is_name, words)) and _are_names(words)
        if header and not (named and _goes_on(line, header[0])):
            break
        if named:
            header.insert(0, line)
        if len(header) == MOST_LINES:
            break
    return header[:-1] if len(header) > 1 and _are_units(header) else header


def _are_names(words: list[str]) -> bool:
    """Whether all words are names, of which some may be numbers: "ntree OOB 1 2 3"."""
    named = [_is_name(word) or word.isalpha() for word in words]  # "Sum Inf"
    if all(named):
        return True
    counted = all(
        is_named or (word.isdecimal() and (word == "1" or last == str(int(word) - 1)))
        for last, word, is_named in zip(words, words[1:], named[1:], strict=False)
    )
    return all(named[:CLOSE]) and counted and "2" in words


def _are_units(header: list[str]) -> bool:
    """Whether the last line of a header has a unit under each name."""
    units = [cell.text for cell in _cells(header[-1], WORD)]
    return len(units) == len(_cells(header[-2], WORD)) and all(map(BRACKETED.fullmatch, units))


def is_header(line: str) -> bool:
    """Whether a line is nothing but names."""
    words = [cell.text for cell in _cells(line, WORD)]
    return len(words) >= CLOSE and all(map(_is_name, words))


def _top_of(lines: list[str], row: int) -> int:
    """Return the first of the rows above this one that are as wide; some may lack numbers."""
    width = len(_cells(lines[row], WORD))
    first = row
    while first > max(row - FAR, 0) and (
        _is_row(lines[first - 1], width) or _is_marked_row(lines[first - 1])
    ):
        first -= 1
    return first


def _is_marked_row(line: str) -> bool:
    return MARK.match(line) is not None and _is_row(_unmarked(line))


def _is_row(line: str, width: int | None = None) -> bool:
    cells = [cell.text for cell in _cells(line, WORD)]
    fits = width is None or len(cells) == width
    return fits and all(BARE.match(cell) or EMPTY.fullmatch(cell) for cell in cells)


def _is_number(cell: str) -> bool:
    bare = BARE.match(cell)
    return bare is not None and bare.end() == len(cell)


def _is_name(word: str) -> bool:
    if PAIRED.search(word):
        return False
    return word in NAMES or bool(LETTER.search(word) and not BARE.match(word))


def _goes_on(upper: str, lower: str) -> bool:
    """Whether a line is the upper part of a header, and no sentence above it."""
    if label_of(upper) and label_of(lower) and label_of(upper) != label_of(lower):
        return False  # of other rows
    if ("|" in upper) != ("|" in lower):
        return False
    if "|" in upper:
        return upper.count("|") == lower.count("|")
    names = len(_cells(upper, WIDE))
    return names >= CLOSE and 2 * names > len(_cells(lower, WIDE))


def _by_bars(line: str, header: list[str]) -> list[Cell]:
    """Name cells between bars; each part of a name stands on a line of its own."""
    own = _between_bars(line)
    rows = [_between_bars(one) for one in header]
    if len(own) < CLOSE or any(len(cells) != len(own) for cells in rows):
        return []
    if any(len(cell.text.split()) > CLOSE for cell in own):  # of several numbers: bars part groups
        return []
    parts = zip(*rows, strict=True)
    names = [" ".join(cell.text for cell in cells if cell.text) for cells in parts]
    return [cell.named(name) for cell, name in zip(own, names, strict=True) if name]


def _by_commas(line: str, header: str) -> list[Cell]:
    """Name cells between commas; the first two names may stand in one: "type    total, rate"."""
    own, names = (_cells(text, BETWEEN_COMMAS) for text in (line, header))
    if len(names) == len(own) - 1:
        names = [part for name in names for part in _cells(name.text, WIDE)]
    if not LEAST <= len(own) == len(names):
        return []
    return [cell.named(name.text) for cell, name in zip(own, names, strict=True)]


def _between_bars(line: str) -> list[Cell]:
    if "|" not in line:
        return []
    first = line.index("|") if line.lstrip().startswith("|") else 0
    last = line.rindex("|") if line.rstrip().endswith("|") else len(line)
    return [cell for cell in _cells(line, BETWEEN_BARS) if first <= cell.start < last]


def _by_count(cells: list[Cell], header: str, least: int) -> list[Cell]:
    """Name as many cells as there are names; a name may hold single spaces where it fits then."""
    numeric = all(not LETTER.match(cell.text) for cell in cells[:-1])  # behind them a remark
    for kind in (WIDE, WORD, BETWEEN_BARS):
        names = _between_bars(header) if kind is BETWEEN_BARS else _cells(header, kind)
        if least <= len(names) == len(cells) and (numeric or kind is WIDE):
            return [cell.named(name.text) for cell, name in zip(cells, names, strict=True)]
    return []


def _without_remarks(cells: list[Cell], header: str) -> str:
    """Cut a header after the name above the last cell: what is behind it has no numbers."""
    end = cells[-1].end if cells else 0
    gap = GAP.search(header, end)
    return header[: gap.start()] if gap else ""


def _by_place(cells: list[Cell], header: list[str]) -> list[Cell]:
    """Name cells by what stands above them, if all words between the ends do so.

    A few may stand above nothing, where each cell has a name: that of an empty cell.
    """
    if not cells:
        return []
    parts: dict[int, list[str]] = {}
    above = missing = 0
    for line in header:
        for word in _cells(line, WORD):
            index = _nearest(word, cells)
            # Of marks and remarks that only some rows have.
            if word.start >= cells[-1].end or word.end <= cells[0].start:
                continue
            above += 1
            if _overlap(word, cells[index])[0] <= 0:
                missing += 1
                continue
            parts.setdefault(index, []).append(word.text)
    stacked = len(header) > 1  # titles of groups may stand above nothing
    if missing and (stacked or len(parts) < len(cells) or FEW * missing > above):
        return []
    named = [cells[index].named(" ".join(words)) for index, words in sorted(parts.items())]
    return named if len(named) >= LEAST else []


def _nearest(one: Cell, row: list[Cell]) -> int:
    """Return which cell of a row shares most with another, which stands above or below."""
    first = bisect_left(row, one.start, key=lambda cell: cell.end)
    last = bisect_right(row, one.end, key=lambda cell: cell.start)
    near = range(max(first - 1, 0), min(last + 1, len(row)))  # a line has thousands
    return max(near, key=lambda index: _overlap(row[index], one))


def _overlap(one: Cell, other: Cell) -> tuple[int, int]:
    """Characters that two cells share, and how close their middles are where that is equal."""
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared, -abs(one.start + one.end - other.start - other.end)


def _from_both_ends(cells: list[Cell], header: str) -> list[Cell]:
    """Name the numbers before and after text in a row: "1 OT DIIS 0.8 -17.2"."""
    names = _cells(header, WIDE)
    text = [index for index, cell in enumerate(cells) if not BARE.match(cell.text)]
    if not text or not LEAST <= len(names) <= len(cells):
        return []
    left, right = text[0], len(cells) - 1 - text[-1]
    if left > len(names) or left + right < len(names) - 1:
        return []
    right = min(right, len(names) - left)
    ends = [*range(left), *range(len(cells) - right, len(cells))]
    named = names[:left] + names[len(names) - right :]
    return [cells[index].named(name.text) for index, name in zip(ends, named, strict=True)]


def _from_left(cells: list[Cell], header: str) -> list[Cell]:
    """Name the first cells; more without names follow, such as a progress bar."""
    names = _cells(header, WORD)
    if not LEAST <= len(names) <= len(cells):
        return []
    if not all(BARE.match(cell.text) for cell in cells[:LEAST]):
        return []
    return [cell.named(name.text) for cell, name in zip(cells, names, strict=False)]
