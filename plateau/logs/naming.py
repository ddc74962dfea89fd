"""Names for the numbers of a text line, from the words around them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from plateau.logs.words import side

COUNTER, OUTER = "iteration", "epoch"  # what we call counters that the log does not name

BAR = re.compile(r"[=#>.\-_~█▉▊▋▌▍▎▏━╸╺░▒ ]{4,}")
SPACES = re.compile(r"\s{2,}")
WIDE = re.compile(r"\s{2,}|\t")
BETWEEN = re.compile(r"""[,;|\t\[\](){}<>:=]|\s{2,}|\s[-\u2013\u2014/*]\s|(?<!\w)['"]|['"](?!\w)""")
JOINING = re.compile(r"(?:[\s:=|>\[({\"'~≈<$*\-\u2013→]|\s(?:is|now|to)(?=\W*$))+$")
UNIT = re.compile(
    r"(?:%|\w+/\w+|[num]?s|secs?|seconds?|mins?|minutes?|h|hours?|it|[KMGT]?i?B|[KMG])\s+(?=\w)"
)
REMARK = re.compile(r"(?<=\w)\s?\([^()]*\)[\s:=\[]*$")  # "iter time (ms): ", "Epoch(train) ["
INSTEAD = re.compile(r"\W*(?:to|is|->|→)\W*")  # "rate of group 0 to 0.1": the second one counts
SEVERITY = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\s+(?=\w)")
GLUED = re.compile(r"[A-Za-z]{4,}")  # "1epoch"
AFTER = re.compile(r"\s*%?\s*([A-Za-z][\w/.-]*)")
LETTER = re.compile(r"[^\W\d_]")

TOTAL = re.compile(r"\s*(?:/|of|out of)\s*")
SPREAD = re.compile(r"\s*(?:±|\+/-|\+-)\s*")
AVERAGE = re.compile(r"\s*\(\s*(?:avg|ave|mean|average)?\s*[:=]?\s*")
LONGEST = 6  # words; more is a sentence


@dataclass(frozen=True)
class Slot:
    """A number slot that is worth a column."""

    index: int
    name: str
    held_out: bool
    implied: bool


@lru_cache(maxsize=65536)
def normal_literal(literal: str) -> str:
    """Literal text without what changes from line to line: padding and progress bars."""
    literal = SPACES.sub(lambda run: "\t" if "\t" in run[0] else "  ", BAR.sub("  ", literal))
    literal = literal.rstrip(" ")  # a number is padded before it, and a unit may touch it
    return f" {literal.lstrip(' ')}" if literal.startswith(" ") else literal


def name_slots(literals: tuple[str, ...], is_number: list[bool]) -> list[Slot]:
    """Name the slots of a shape, whose literals stand before, between and after its numbers.

    The words directly before a number name it. A line that opens with its counter may name the
    others after them (``5000: 12.3, 11.9 avg, 0.001 rate``). Totals of ``a/b`` and ``a of b`` and
    spreads after ± are no columns; the second of ``cur (avg)`` is the average of the first.
    """
    slots: list[Slot] = []
    taken: set[str] = set()
    opened = False  # a line that opens with a counter
    held_out = section = False
    for index, numeric in enumerate(is_number):
        before, after = literals[index], literals[index + 1]
        told = side(before)
        held_out = section = told if told is not None else section
        if not numeric or TOTAL.fullmatch(before) or SPREAD.fullmatch(before):
            continue
        implied = False
        neighbour = slots[-1] if slots and slots[-1].index == index - 1 else None
        if neighbour and "(" in before and AVERAGE.fullmatch(before):
            name = f"{neighbour.name} (avg)"
        elif neighbour and INSTEAD.fullmatch(before):
            name = slots.pop().name
            taken.discard(name)
        else:
            name = name_before(before, first=index == 0)
        if not name and after.startswith("%"):
            continue
        if not name:
            leading = not any(map(LETTER.search, literals[: index + 1]))
            counter = index + 1 < len(is_number) and TOTAL.fullmatch(after)
            pair = bool(slots) and "][" in before.replace(" ", "")
            glued = GLUED.match(after)
            if glued and not leading:
                name = glued[0]
            elif (leading and not opened) or counter or pair:
                if COUNTER in taken and slots[-1].implied:  # "[0/3][50/1583]": an epoch comes first
                    slots[-1] = replace(slots[-1], name=OUTER)
                    taken.discard(COUNTER)
                name, implied, opened = COUNTER, True, opened or leading
            elif opened:
                name = name_after(after)
        if name in taken and held_out:
            name = f"val {name}"
        if name not in taken:
            taken.add(name)
            slots.append(Slot(index, name, held_out, implied))
    # One number without a name is the main one where the others beside it have theirs.
    telling = opened and any(slot.name and not slot.implied for slot in slots)
    return slots if telling else [slot for slot in slots if slot.name]


def cells(line: str, *, bars: bool) -> list[str]:
    """Cells of a line of a printed table, between bars or white space."""
    if bars:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return line.split()


def header_of(line: str, row: str) -> list[str]:
    """Names in a line above ``row``; a name may hold single spaces where the cells fit then."""
    bars = "|" in line
    wide = WIDE.split(line.strip())
    names = wide if not bars and len(wide) == len(row.split()) else cells(line, bars=bars)
    return names if all(map(LETTER.search, names)) else []


def name_before(literal: str, *, first: bool) -> str:
    """Take the words directly before a number, back to the last separator."""
    fields = BETWEEN.split(JOINING.sub("", REMARK.sub("", literal)))
    name = fields[-1].strip(" '\"/")
    if len(fields) == 1 and not first:
        name = UNIT.sub("", name, count=1) if UNIT.match(name) else name
    name = SEVERITY.sub("", re.sub(r"^[\W_]+", "", name), count=1)
    return name if LETTER.search(name) and len(name.split()) <= LONGEST else ""


def name_after(literal: str) -> str:
    """Take the word directly after a number."""
    word = AFTER.match(literal)
    return word[1] if word else ""
