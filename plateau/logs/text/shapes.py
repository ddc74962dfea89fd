"""Text logs of any program: find the line shapes that recur and take their numbers as columns.

A line is literal text with numbers in it. The literal part is the line's *shape*; lines of one
shape form a table, whose columns are the number slots (named in :mod:`plateau.logs.text.slots`).
Nothing here knows any framework.

Taking every line apart with one general expression is slow. Lines that differ in their digits
only are found first (deleting the digits is one pass in C); one of them is taken apart, and an
expression made from it reads the others.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING

from plateau.logs.columns import Column, Table
from plateau.logs.numerals import numbers
from plateau.logs.text.decimals import with_points
from plateau.logs.text.headers import (
    COUNTED_LABEL,
    find_header,
    is_header,
    is_ruled,
    label_of,
    names_by_rule,
    names_of_marked,
    names_under,
)
from plateau.logs.text.ids import without_ids
from plateau.logs.text.sections import in_sections
from plateau.logs.text.slots import (
    COUNTER,
    DRAWN,
    LETTER,
    WINDOWS,
    Slot,
    counts,
    name_slots,
    normal_literal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateau.logs.columns import Data
    from plateau.logs.files.lines import Source

# Also "I0411 08:54:06"; "11:00:07.25: epoch 3", as nothing but a clock looks so.
CLOCK = (
    r"(?:[A-Z]?\d{4} )?(?:\d+:\d\d:\d\d(?>[.,]\d+|:\d{3})?(?!:?\d)"
    r"|\d{1,3}:\d\d(?>[.,]\d+)?(?![\d:]))"
)
MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
DATE = (
    r"(?:\d{4}[-/]\d\d?[-/]\d\d?|\d\d?[-/]\d\d?[-/](?:\d{4}|\d\d)(?!\d)|\d+(?:\.\d++){2,}+"
    rf"|\d\d?[-/]{MONTH}[-/]\d{{4}})"
    rf"(?:[T :_]{CLOCK}(?:Z| ?[-+]\d\d:?\d\d| UTC| GMT)?)?"  # also versions: 1.7.8
    rf"|\d\d?[-/.]\d\d?[T ]{CLOCK}"
    rf"|{MONTH} +\d\d? +{CLOCK}"  # of syslog: Mar  4 11:01:07
    r"|(?:19|20)\d{6}[T_-]\d{6}(?>[.,]\d+)?Z?(?!\d)"  # 20310201T110107.25
)
SPAN = (  # 1h 2m 3s, 12m05s, 1 day, 2h 3m
    r"(?:\d+ days?, +|\d+ *d +)?\d+ *h(?: +| *(?=\d))\d+ *m(?:in)?(?: *\d+ *s)?(?!\w)"
    r"|\d+ *m(?:in)?:? *\d+ *s(?!\w)"
    rf"|{WINDOWS.pattern}(?!\w)"  # 10s/60s/15m
)
NUMBER = (
    r"[-+]?(?>[1-9]\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d+)?"  # 18,844,940
    r"|\d+\.\#(?:QNAN|SNAN|IND|INF)\d*"
    r"|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+|D[-+]\d\d+)?"  # Fortran writes 0.12D+01
    r"|(?i:nan|inf(?:inity)?)(?:\(\w*\))?(?![\w-]))"
)
NUMBERED = "|".join(f"(?<={end} #)" for end in ("poch", "tion", "sode", "step"))  # "epoch #3"
NUMBERED += r"|(?<=^#)|(?<=\s@)"  # "#3 loss 0.5", "gc 3 @0.4s"
# "Epoch3", but neither "step1_loss" nor "epoch3.pt"
NUMBERED += "".join(
    rf"|(?<=\b{word})(?=\d+(?![\w.]*[A-Za-z_]))"
    for word in ("Epoch", "epoch", "Iter", "iter", "Step", "step", "EPOCH", "ITER", "STEP")
)
# A digit after a letter, "_", "@" or "#" belongs to a word (loss_q0, Acc@1, #2), as does a digit
# that letters and more digits follow (0x40af, 1fb870a).
LETTERS = "A-Za-z_\u00c0-\u024f\u0370-\u052f"  # not those of scripts without spaces
TOKEN = re.compile(
    rf"(?=[-+.\dA-Zni])(?:(?<![{LETTERS}\d@#])|{NUMBERED})(?<!\d\.)((?>{SPAN}|{CLOCK}|{DATE}|{NUMBER}))(?![A-Za-z_]*\d)"
)
IS_NUMBER = re.compile(NUMBER)
DIGITS = re.compile(r"\d+")
IN_WORD = re.compile(r"(?<!\w)([^\W\d]+?)_?(\d{1,6})(?!\w)")  # "rank0", "worker_3"

BULK = 16  # lines from which an expression of their own pays
ROUNDS = 8  # expressions tried for one fingerprint
LONGEST = 20_000  # characters of a line; what is longer is no record
LEAST = 2  # lines that make a shape recur
JOINED = 4  # lines that only begin alike
COUNTED = 8  # lines from which a number between a name and another counts
STACKED_MOST = 32  # tables under one another
STARTS = 32  # pieces of a beginning at most


@dataclass
class Shape:
    """The lines of one shape: their rows and number tokens."""

    rows: list[int] = field(default_factory=list)
    tokens: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, rows: Iterable[int], tokens: Iterable[tuple[str, ...]]) -> None:
        """Append lines."""
        self.rows += rows
        self.tokens += tokens


@dataclass(frozen=True, eq=False)
class LineTable(Table):
    """The lines of one shape, with what is needed to find more of them.

    Attributes
    ----------
    literals : tuple of str
        Normal text before, between and after the tokens.
    tokens : tuple of str
        Those of the first line.
    slots : tuple of Slot
        The tokens that are columns.
    plain : bool
        False where there is more between the tokens than the normal text tells: progress bars.
    """

    literals: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    slots: tuple[Slot, ...] = ()
    plain: bool = True

    @cached_property
    def told(self) -> dict[str, int]:
        """Numbers within words: 0 of "rank" in "[rank0]"; none where a word has several."""
        found: dict[str, set[int]] = {}
        for word in IN_WORD.finditer(" ".join(self.literals)):
            found.setdefault(word[1], set()).add(int(word[2]))
        return {word: numbers.pop() for word, numbers in found.items() if len(numbers) == 1}


Shapes = dict[tuple[str, ...], Shape]
Headed = dict[tuple[str, ...], list[Slot]]
"""Slots of the shapes whose names stand in a header, which may be lines away from more of them."""


def mine(source: Source, least: int = LEAST, headed: Headed | None = None) -> list[LineTable]:
    """Tables of the line shapes that recur so often at least, in order of appearance.

    What is found in headers is added to ``headed``, and what is in there needs no header.
    """
    headed = {} if headed is None else headed
    lines = without_ids(with_points(_without_long(source), source.warnings))
    shapes: Shapes = {}
    for rows in _alike(lines).values():
        _take_apart(lines, rows, shapes)
    if least > 1:
        shapes = _joined_by_start(shapes, least)
    recurring = [
        (literals, shape) for literals, shape in shapes.items() if len(shape.rows) >= least
    ]
    for _, shape in recurring:
        _sort(shape)
    if source.cut:
        _drop_cut_line(source, recurring)
    recurring.sort(key=lambda item: item[1].rows[0])
    known: list[list[str]] = []
    tables = [
        _table(literals, part, lines, headed, known, head)
        for literals, shape in recurring
        for head, part in _stacked(literals, shape, lines).items()
    ]
    return in_sections([table for table in tables if table.columns], lines)


def _joined_by_start(shapes: Shapes, least: int) -> Shapes:
    """Put lines together whose shape does not recur, but its beginning does.

    A line may end in what is never the same: "epoch 3: loss 0.42, saved as model_3.pt".
    """
    joined: Shapes = {}
    starts: Counter[tuple[str, ...]] = Counter()
    if all(len(shape.rows) >= least for shape in shapes.values()):
        return shapes
    for literals, shape in shapes.items():
        for size in range(2, min(len(literals), STARTS)):
            starts[literals[:size]] += len(shape.rows)
    for literals, shape in shapes.items():
        key, tokens = literals, shape.tokens
        if len(shape.rows) < least:
            sizes = range(min(len(literals), STARTS) - 1, 1, -1)
            size = next((size for size in sizes if starts[literals[:size]] >= JOINED), 0)
            if size:
                key, tokens = (*literals[:size], ""), [row[:size] for row in tokens]
        joined.setdefault(key, Shape()).add(shape.rows, tokens)
    return joined


def _without_long(source: Source) -> list[str]:
    long = [row for row, line in enumerate(source.lines) if len(line) > LONGEST]
    if not long:
        return source.lines
    source.warnings.append(
        f"{len(long)} lines longer than {LONGEST:,} characters were left out, "
        f"the first is line {source.numbers[long[0]]}"
    )
    return [line if len(line) <= LONGEST else "" for line in source.lines]


def _alike(lines: list[str]) -> dict[bytes, list[int]]:
    """Rows of the lines that differ in nothing but digits."""
    bare = "\n".join(lines).encode(errors="replace").translate(None, b"0123456789")
    alike: dict[bytes, list[int]] = {}
    for row, key in enumerate(bare.split(b"\n") if lines else ()):
        if row_list := alike.get(key):
            row_list.append(row)
        else:
            alike[key] = [row]
    return alike


def _take_apart(lines: list[str], rows: list[int], shapes: Shapes) -> None:
    """Read the numbers of lines that are alike into their shapes."""
    for _ in range(ROUNDS):
        if len(rows) < BULK:
            break
        literals, tokens = _split(lines[rows[0]])
        match = _expression(literals, tokens).fullmatch
        found = [match(lines[row]) for row in rows]
        if tokens:
            _shape(shapes, literals).add(
                [row for row, hit in zip(rows, found, strict=True) if hit],
                [hit.groups() for hit in found if hit],
            )
        rows = [row for row, hit in zip(rows, found, strict=True) if not hit]
    for row in rows:
        literals, tokens = _split(lines[row])
        if tokens:
            _shape(shapes, literals).add([row], [tuple(tokens)])


def _split(line: str) -> tuple[list[str], list[str]]:
    parts = TOKEN.split(line)
    return parts[::2], parts[1::2]


def _shape(shapes: Shapes, literals: list[str]) -> Shape:
    key = tuple(normal_literal(literal) for literal in literals)
    return shapes.setdefault(key, Shape())


def _expression(literals: list[str], tokens: list[str]) -> re.Pattern[str]:
    """Match lines that differ from one line in the digits of its tokens only."""
    parts = [re.escape(literals[0])]
    for token, literal in zip(tokens, literals[1:], strict=True):
        parts += ["(", DIGITS.sub(r"\\d+", re.escape(token)), ")", re.escape(literal)]
    return re.compile("".join(parts))


def _sort(shape: Shape) -> None:
    """File order, after several kinds of digit patterns were put together."""
    if shape.rows != sorted(shape.rows):
        order = sorted(range(len(shape.rows)), key=shape.rows.__getitem__)
        shape.rows = [shape.rows[i] for i in order]
        shape.tokens = [shape.tokens[i] for i in order]


def _drop_cut_line(source: Source, recurring: list[tuple[tuple[str, ...], Shape]]) -> None:
    """Leave out a last line that was cut in the middle, and say so."""
    last = len(source.lines) - 1
    pieces, _ = _split(source.lines[last][:LONGEST])
    start = tuple(normal_literal(piece) for piece in pieces[:-1])
    for literals, shape in recurring:
        if shape.rows[-1] == last:
            if not _lacks_decimals(shape, source.lines[last]):
                return
            shape.rows.pop()
            shape.tokens.pop()
        elif not start or literals[: len(start)] != start:
            continue
        source.warnings.append(f"line {source.numbers[last]} is cut off and was left out")
        return


def _lacks_decimals(shape: Shape, line: str) -> bool:
    """Tell a number that is cut: it ends the file and lacks decimals that all others have."""
    decimals = {len(row[-1].partition(".")[2]) for row in shape.tokens[:-1]}
    last = shape.tokens[-1][-1]
    fewer = len(last.partition(".")[2]) not in decimals
    return line.endswith(last) and len(decimals) == 1 and fewer


def _stacked(literals: tuple[str, ...], shape: Shape, lines: list[str]) -> dict[str, Shape]:
    """Take tables of equal width apart that stand under one another, each under its names."""
    if any(map(LETTER.search, literals)):
        return {"": shape}
    parts: dict[str, Shape] = {}
    head, last = "", -1
    for row, tokens in zip(shape.rows, shape.tokens, strict=True):
        above = lines[row - 1] if row else ""
        if last < 0 or last != row - 1:
            head = above if is_header(above) else ""
        parts.setdefault(head, Shape()).add([row], [tokens])
        last = row
        if (not head and len(parts) > 1) or len(parts) > STACKED_MOST:
            return {"": shape}
    heads = [part for head, part in parts.items() if head]  # a part of a log may begin below one
    stacked = len(heads) > 1 and min(len(part.rows) for part in heads) >= LEAST
    return parts if stacked else {"": shape}


def _table(
    literals: tuple[str, ...],
    shape: Shape,
    lines: list[str],
    headed: Headed,
    known: list[list[str]],
    head: str,
) -> LineTable:
    is_number = [IS_NUMBER.fullmatch(token) is not None for token in shape.tokens[0]]
    key = (*literals, head) if head else literals
    if found := _headed(lines, shape.rows[0], known):
        headed[key] = found
    slots = headed.get(key) or _named(literals, shape.tokens[0])
    if key not in headed and (counted := _counted(slots, shape, is_number, literals)):
        headed[key] = slots = counted
    slots = [slot for slot in slots if slot.index < len(is_number)]  # of lines that were joined
    columns = [
        Column(
            slot.name,
            partial(_slot, shape, slot.index),
            held_out=slot.held_out,
            implied=slot.implied,
        )
        for slot in slots
    ]
    plain = not DRAWN.search(lines[shape.rows[0]])
    first = shape.tokens[0]
    if columns and slots[0].index == 0 and "." in first[0]:
        columns[0].stamps = literals[1].startswith((":", "]"))
    return LineTable(
        columns, len(shape.rows), literals=literals, tokens=first, slots=tuple(slots), plain=plain
    )


def _named(literals: tuple[str, ...], tokens: tuple[str, ...]) -> list[Slot]:
    """Name the slots of a shape, in whose text windows such as "10s/60s/15m" are words."""
    kept = [index for index, token in enumerate(tokens) if not WINDOWS.fullmatch(token)]
    is_number = [IS_NUMBER.fullmatch(tokens[index]) is not None for index in kept]
    if len(kept) < len(tokens):
        words = [literals[0]]
        for token, literal in zip(tokens, literals[1:], strict=False):
            if WINDOWS.fullmatch(token):
                words[-1] += f" {token}{literal}"
            else:
                words.append(literal)
        literals = tuple(words)
    return [replace(slot, index=kept[slot.index]) for slot in name_slots(literals, is_number)]


def _counted(
    slots: list[Slot], shape: Shape, is_number: list[bool], literals: tuple[str, ...]
) -> list[Slot]:
    """Give a name to the second number behind it, where the first counts: "Train loss 7 0.53".

    Nothing is returned where no number does.
    """
    for place, slot in enumerate(slots):
        next_ = slot.index + 1
        behind = next_ < len(is_number) and is_number[next_] and not literals[next_].strip(" \t:")
        taken = any(other.index == next_ for other in slots)
        if not behind or taken or slot.implied or counts(slot.name) or not slot.name:
            continue
        count = [row[slot.index] for row in shape.tokens]
        if len(count) >= COUNTED and all(map(str.isdecimal, count)):
            rising = all(int(one) < int(other) for one, other in pairwise(count))
            own = [replace(slot, name=COUNTER, implied=True), replace(slot, index=next_)]
            if rising and all(not other.implied for other in slots):
                return [*slots[:place], *own, *slots[place + 1 :]]
    return []


def _headed(lines: list[str], row: int, known: list[list[str]]) -> list[Slot]:
    """Slots of a row of bare numbers, named by the header of a table printed into the log.

    Headers are added to ``known``: rows between bars, of which only some have all numbers, may be
    far below theirs.
    """
    cells, header = names_of_marked(lines, row) or names_by_rule(lines, row), []
    if not cells:
        header = find_header(lines, row)
        if not header and known and is_ruled(known[-1], lines[row]):
            header = known[-1]
        if not header:
            return []
        cells = names_under(header, lines[row], close=_is_right_above(header, lines[row - 1]))
    slots: dict[str, Slot] = {}
    tokens = list(TOKEN.finditer(lines[row]))
    begins = [token.start() for token in tokens]
    counted = COUNTED_LABEL.match(lines[row])
    label_end = counted.end() if counted else 0
    for cell in cells:
        first = bisect_left(begins, max(cell.start, label_end))
        inside = first < len(tokens) and begins[first] < cell.end
        if inside and IS_NUMBER.fullmatch(tokens[first][0]):
            slot = Slot(first, cell.text, held_out=False, implied=False)
            slots.setdefault(slot.name, slot)
    first = lines[row].lstrip().startswith(tokens[0][0]) if tokens else False
    if (
        slots
        and first
        and IS_NUMBER.fullmatch(tokens[0][0])
        and all(s.index for s in slots.values())
    ):
        slots.setdefault(COUNTER, Slot(0, COUNTER, held_out=False, implied=True))
    label = counted[1] if counted else label_of(lines[row])
    told = counted or counts(label)
    if slots and tokens and told and all(slot.index for slot in slots.values()):
        slots.setdefault(label, Slot(0, label, held_out=False, implied=False))
    if slots and header:
        known.append(header)
    return list(slots.values())


def _is_right_above(header: list[str], line: str) -> bool:
    return bool(header[-1]) and line.startswith(header[-1])


def _slot(shape: Shape, index: int) -> Data:
    return numbers(shape.rows, [row[index] for row in shape.tokens])
