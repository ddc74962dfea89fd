"""Names for the numbers of a text line, from the words around them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise, takewhile

from plateau.logs.names.as_x import EPOCHS, ROUNDS, STEPS
from plateau.logs.names.quantities import UNIT_ALONE, is_speed
from plateau.logs.names.words import side, vocabulary, words
from plateau.logs.text.formulas import BAR as FORMULA_BAR
from plateau.logs.text.formulas import bared, shielded

COUNTER, OUTER = "iteration", "epoch"  # what we call counters that the log does not name

BAR = re.compile(r"(?! [-=]> )[=#>.\-_~█▉▊▋▌▍▎▏━╸╺░▒ ]{4,}")
DRAWN = re.compile(BAR.pattern.replace(" ]", "]"))
SPACES = re.compile(r"\s{2,}")
BETWEEN = re.compile(
    r"""(?<=\w\w\w\w)\.\s+|^\s*\w\.\s+|[,;|\t\[\](){}<>:=]|\s{2,}|\s[-\u2013\u2014/*]\s|(?<!\w)['"]|['"](?!\w)"""
)
# What joins a name to its number, "is" too, read from its end.
JOINING = re.compile(
    r"[\s:=|>\[({\"'~≈<$*\-\u2013→]*+(?:(?:si|won|ot)\s[\s:=|>\[({\"'~≈<$*\-\u2013→]*+)?"
)
UNIT = re.compile(
    r"(?:[\u4e00-\u9fff]+|%|\w+/\w+|[num]?s|secs?|seconds?|mins?|minutes?|h|hours?|it"
    r"|[KMGT]?i?B|[KMG])\s+(?=\w)"
)
WRAPPER = re.compile(
    r"(?:\b\w+\.)?\b(?:[Aa]rray|[Tt]ensor|DeviceArray|float\d*)\($"
)  # "loss: tensor(0.5"
REMARK = re.compile(
    r"(?<=\w)\s?(?:\([^()]*\)|\{[^{}]*\})[\s:=\[]*$"
)  # "iter time (ms): ", "Epoch(train) ["
INSTEAD = re.compile(r"\W*(?:to|is|->|→)\W*")  # "rate of group 0 to 0.1": the second one counts
SEVERITY = re.compile(
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?:\s+(?=\w)|$)"
)
LEVEL = re.compile(r"\[(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\]")
# "rank0 step 10": who writes the line is no part of a name.
WRITER = re.compile(
    r"(?<!\w)(?:(?:local|global)_)?"
    r"(?:rank|gpu|worker|proc(?:ess)?|node|host|device|trainer|replica|actor|learner)_?\d+(?!\w)",
    re.IGNORECASE,
)
# "finished with value", "and loss"
FROM = re.compile(  # "val_loss improved from 0.5 to 0.4"
    r"(?<!\s)\s++(?:(?:[A-Za-z]++(?<=ed)|went|fell|rose|grew)\s++)?from$", re.IGNORECASE
)
FILLING = re.compile(
    r"(?:[A-Za-z]+ed\s+(?:with|to|at)|and|but|with|has|had|the|an?|at|of|to)\s+(?=\w)",
    re.IGNORECASE,
)
LEADING = re.compile(rf"^(?:[^\w{FORMULA_BAR}]++|_++)++")  # what is no letter, before a name
GLUED = re.compile(r"[A-Za-z]{4,}")  # "1epoch"
AFTER = re.compile(  # "avg", "ops/sec", "current ops/sec"; up to a comma "avg loss"
    r"\s*+%?\s*+((?:[A-Za-z]+ )?[A-Za-z]+/s(?:ec)?(?!\w)"
    r"|[A-Za-z][\w/-]*(?: [A-Za-z][\w/-]*){1,2}(?=,)|[A-Za-z](?:[\w/.-]*[\w/])?)"
)
LETTER = re.compile(r"[^\W\d_]")

ORDINAL = re.compile(r"\s*([\u4e00-\u9fff\u30a0-\u30ff]+)")  # "第 3 轮"
TOTAL = re.compile(r"\s*(?:/|of|out of)\s*")
# Before what is no column: a total, a spread, the end of a range ("minibatches 10-19").
NO_COLUMN = re.compile(rf"{TOTAL.pattern}|\s*(?:±|\+/-|\+-)\s*|[-\u2013]")
# Beside the percentage that a bar draws: "37%|###   |", "[####    ] 37%". Bars are two spaces here.
PERCENT = re.compile(r"%\s*(?:\||\[ {2}\])")
AFTER_BAR = re.compile(r"(?:\[ {2}\]|\| {2}\|)\s*$")
LEFT_TIME = "<"  # between the clocks of a bar, before its pace: "[00:20<00:10, 25.2it/s"
# "train.py:88", "| INFO | trainer:run:88": the line of a program.
SOURCE_LINE = re.compile(
    r"(?:\w\.(?:py|pyx|cc|cpp|cxx|c|h|hpp|cu|java|scala|kt|go|rs|jl|R|m|js|ts|rb|lua|cs|f90)"
    r"|\|\s*[\w.]+:\w+):\Z"
)
# "GET /items/12": which one it is.
PLACE = re.compile(rf"{SOURCE_LINE.pattern}|/\w[\w.-]*/\Z")
COMPOUND = re.compile(
    r"(?<!\w)(?:\w++/\w++|(?=\w[^\W_]*+_\w)\w++)"
)  # "val_loss" speaks for itself, not for what follows
COPULA = re.compile(r"\W*(?:is|was)?\W*")
CLAUSE = re.compile(r"[.,;|\t\[\](){}<>]|:\s|\s-\s|\s{2,}")
SENTENCE = re.compile(
    r"(?:(.*?)\s++)?(?:at|after|for|in|on|during)\s++((?:[A-Za-z]\w*+\s++)?[A-Za-z]\w*+)\W*+",
    re.IGNORECASE,
)
# "… for 'output'", before the number too: "… for 'output' is 0.5"
QUALIFIER = re.compile(r"""\s+(?:for|of|on)\s+(['"])[^'"]*\1(?=\s*(?:is|was|[:=])?\s*$)""")
IN_BRACKETS = re.compile(r"(?<!\s)\s*+\([^()]*\)")  # "loss (for one batch) at step"
COUNTERS = STEPS | EPOCHS | ROUNDS
# "step 10, loss_train, 1.93", "('loss', 0.5)": a comma parts the name from its number.
PAIR = re.compile(
    r"(?:^|[,;:(\[|])\s*['\"]?([A-Za-z_][\w/.-]+(?: [A-Za-z][\w/.-]*){0,2})['\"]?\s*[,;]\s*$"
)
# "P/R/F1: 0.5/0.6/0.55", "(nrm, relc): (0.1  0.2)", "min/max latency: 1/9": names, then numbers.
LISTED = re.compile(
    r"(?:^|[\s(\[])([A-Za-z]\w*(?:\s?([/,|])\s?\w+)(?:\s?\2\s?\w+)*)((?: \w+){0,2})[)\]]?"
    r"\s*[:=]\s*[(\[]?\s*$"
)
# "speed 10s/60s/15m 1.2 1.3 n/a": over how long each of the numbers is taken.
WINDOWS = re.compile(r"\d+[smh](?:/\d+[smh]){2,}")
WINDOWED = re.compile(rf"(?<![A-Za-z])([A-Za-z]++)\s++({WINDOWS.pattern})\s*+[:=]?+\s*+$")
MISSING = re.compile(r"(?:\s*(?:n/a|-)(?=\s|$))*", re.IGNORECASE)
# "heater: target=60 temp=59.9": what the pairs are of.
HEADING = re.compile(r"(?<!\S)([A-Za-z]\w*+):\s++[A-Za-z]\w*+=$")
# "100 nodes, 23 on tree, 12.5 best solution": what the numbers are stands behind each.
COUNTED = re.compile(r"\s+[A-Za-z][A-Za-z -]*,\s*")
PHRASE = re.compile(r"\s+([A-Za-z][\w-]*(?: [A-Za-z][\w-]*){0,2})\s*(?:[,;(]|$)")
# "on domain 1: 2.3 elapsed seconds"
LASTED = re.compile(r"\s*((?:[a-z]+ )?(?:seconds?|secs?|milliseconds?|msecs?|ms))(?!\w)")
AVERAGE = re.compile(r"\s*+\(\s*+(?:average|avg|ave|mean)?+\s*+[:=]?+\s*+")
OF_AVERAGE = re.compile(r"(?:average|avg|ave|mean) (.+)")
UNIT_BEHIND = re.compile(r"\s+([A-Za-z]+/[A-Za-z]+)\s*")
COUNT_OF = re.compile(r"\s+([A-Za-z]\w[\w/]*)\s*\)")
BARE_PREPOSITION = vocabulary("at in on of to for from by with and took is was")
# "outdir:results/a step:27": the path is the value of a key, and no part of the next name.
PATH_VALUE = re.compile(r"(?<=\w)[:=](?=[^\s:=]*/)[^\s:=]*+\s++(?=\w++[:=]$)")
IN_PARENTHESES = re.compile(r"(?:^|\s)(\([A-Za-z][^()]*+\))\s*+=\s*+$")  # "(B r, r) = 0.5"
# "12345 (avg: 12340) ops/sec": behind the average stands what both are.
BEHIND_AVERAGE = re.compile(r"\)\s*([A-Za-z][\w/]*(?: [A-Za-z]\w*)?)")
LONGEST = 6  # words; more is a sentence
NEAR = 200  # characters before or after a number that may name it


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
    others after them (``5000: 12.3, 11.9 avg, 0.001 rate``), a sentence before the counter
    (``cost after iteration 100: 0.69``). Totals of ``a/b`` and ``a of b``, the ends of ranges and
    spreads after ± are no columns; the second of ``cur (avg)`` is the average of the first.
    """
    line = _Line(literals, is_number)
    for index, numeric in enumerate(is_number):
        line.look(index, numeric=numeric)
    # One number without a name is the main one where the others beside it have theirs, or where
    # there is nothing but it and the counter.
    line.slots = _averaged(line.slots)
    named = [slot for slot in line.slots if slot.name]
    telling = any(not slot.implied for slot in named) or len(line.slots) == len(named) + 1 == 2
    if line.opened and telling:
        return line.slots
    return named or _numbered(literals, is_number)


def _averaged(slots: list[Slot]) -> list[Slot]:
    """Name the number without a name by the average behind it: "1: 4.3, 4.5 avg loss"."""
    for place, (slot, average) in enumerate(pairwise(slots)):
        found = OF_AVERAGE.fullmatch(average.name)
        if found and not slot.name and average.index == slot.index + 1:
            return [*slots[:place], replace(slot, name=found[1]), *slots[place + 1 :]]
    return slots


def _numbered(literals: tuple[str, ...], is_number: list[bool]) -> list[Slot]:
    """Give numbers as names, where a line is a list of numbers and says nothing about them."""
    inside = [index for index, numeric in enumerate(is_number) if numeric]
    first = next((i for i in inside if not any(map(LETTER.search, literals[i + 1 :]))), None)
    own = [index for index in inside if first is not None and index >= first]
    return [
        Slot(index, f"column {place}", held_out=False, implied=False)
        for place, index in enumerate(own if len(own) > 1 else [], start=1)
    ]


class _Line:
    """A shape whose slots are named from left to right."""

    def __init__(self, literals: tuple[str, ...], is_number: list[bool]) -> None:
        literals = tuple(map(_near, literals))
        one = sum(len(WRITER.findall(literal)) for literal in literals) == 1
        self.literals = tuple(WRITER.sub("", text) for text in literals) if one else literals
        self.count = len(is_number)
        worded = (i for i, one in enumerate(self.literals) if LETTER.search(LEVEL.sub("", one)))
        self._words_from = next(worded, len(self.literals))
        self.slots: list[Slot] = []
        self.opened = False  # began with a counter
        self._subject = ""  # of a sentence whose number is still to come
        self._held_out = False
        self._listed = self._units_behind()
        self._remarks: dict[str, str] = {}  # behind the names so far
        self._heading = ""

    def look(self, index: int, *, numeric: bool) -> None:
        """Add the number of that index, if it is worth a column."""
        before, after = self.literals[index : index + 2]
        if before == "-" and self._ends_span(index, after):
            self.slots[-1] = replace(self.slots[-1], index=index)
            return
        told = side(COMPOUND.sub(" ", before))
        self._held_out = told if told is not None else self._held_out
        self._listed.update(self._names_listed(index, before) or self._windows(index, before))
        if heading := HEADING.search(before):
            self._heading = heading[1]
        if numeric and (name := self._listed.get(index)):
            held_out = side(name)
            held_out = self._held_out if held_out is None else held_out
            self.slots.append(Slot(index, name, held_out, implied=False))
            return
        if not numeric or NO_COLUMN.fullmatch(before) or PLACE.search(before):
            return
        if self._is_drawn(index, before, after):
            return
        name, implied = self._before(index, before), False
        if index and UNIT_ALONE.fullmatch(name) and before.startswith(name):
            name = ""  # of the number before: "27M 3.1ms"
            if UNIT_ALONE.fullmatch(name_after(after)):
                return  # "1.5kB/60.0kB 1.2MB/s" says nothing but units
        word = name
        if not name and after.startswith("%"):
            return
        if not name:
            name, implied = self._otherwise(index, before, after)
        if not name:
            name = self._behind_average(index) or (pair[1] if (pair := PAIR.search(before)) else "")
        if not name and before.strip() == "," and self._is_second(index):
            return  # the second of a pair: "range: [0,1]"
        if not implied:  # what is called so comes before what is only thought to be so
            self.slots = [slot for slot in self.slots if not slot.implied or slot.name != name]
        taken = {slot.name for slot in self.slots}
        if name in taken and self._held_out:
            name = f"val {name}"
        if name in taken and word and self._heading:
            name = f"{self._heading} {name}"
        name = self._with_remark(name, before) if word else name
        unit = name_after(after) if name in taken and word else ""
        if is_speed(unit) and not UNIT_ALONE.fullmatch(name):
            name = f"{name} {unit}"  # "[r=123MiB/s][r=31.5k IOPS]"
        if name not in taken:
            self.slots.append(Slot(index, name, self._held_out, implied))

    def _with_remark(self, name: str, before: str) -> str:
        """Tell names apart that differ in what stands in brackets behind them: "r (rel) = 0.1"."""
        found = REMARK.search(before)
        remark = found[0].strip(" :=[") if found else ""
        first = self._remarks.setdefault(name, remark)
        if not first or not remark or first == remark:
            return name
        self.slots = [
            replace(slot, name=f"{name} {first}") if slot.name == name else slot
            for slot in self.slots
        ]
        return f"{name} {remark}"

    def _units_behind(self) -> dict[int, str]:
        """Name the numbers at the end of a line by the units behind: "81 ns/op  16 B/op"."""
        units = [UNIT_BEHIND.fullmatch(literal) for literal in self.literals[1:]]
        behind = list(takewhile(lambda unit: unit[1] is not None, reversed([*enumerate(units)])))
        several = len(behind) > 1
        return {index: unit[1] for index, unit in behind if unit} if several else {}

    def _behind_average(self, index: int) -> str:
        """Name a number by the words behind its average: "12345 (avg: 12340) ops/sec"."""
        joint = self.literals[index + 1]
        if index + 1 == self.count or not (AVERAGE.fullmatch(joint) and LETTER.search(joint)):
            return ""
        found = BEHIND_AVERAGE.match(self.literals[index + 2])
        return found[1] if found else ""

    def _names_listed(self, index: int, before: str) -> dict[int, str]:
        """Name the numbers of a list by a list of as many names before it."""
        found = LISTED.search(before) if ":" in before or "=" in before else None
        if not found or index in self._listed:
            return {}
        names = [name.strip() for name in found[1].split(found[2])]
        last = index + len(names)
        joints = [joint.strip() for joint in self.literals[index + 1 : last]]
        joined = {"/"} if found[2] == "/" else {found[2], ""}
        if last > self.count or not joined.issuperset(joints):
            return {}
        if last < self.count and self.literals[last].strip() in {"/", ",", ""}:  # longer
            return {}
        return {index + place: name + found[3] for place, name in enumerate(names)}

    def _windows(self, index: int, before: str) -> dict[int, str]:
        """Name numbers by the windows before them, and by the unit behind, if that is a speed."""
        found = WINDOWED.search(before) if "/" in before else None
        if not found:
            return {}
        names = found[2].split("/")
        last = index + 1
        while last < self.count and not self.literals[last].strip():
            last += 1
        after = self.literals[last]
        missing = MISSING.match(after)
        empty = missing[0] if missing else ""
        if last - index + len(empty.split()) != len(names):
            return {}
        unit = name_after(after[len(empty) :])
        unit = f" {unit}" if is_speed(unit) else ""
        named = enumerate(names[: last - index], start=index)
        return {place: f"{found[1]} {window}{unit}" for place, window in named}

    def _is_drawn(self, index: int, before: str, after: str) -> bool:
        """Whether a number is what a progress bar says about itself: its share, its pace."""
        share = after.startswith("%") and (PERCENT.match(after) or AFTER_BAR.search(before))
        pace = before == "," and index > 1 and self.literals[index - 1] == LEFT_TIME
        return bool(share or pace)

    def _before(self, index: int, before: str) -> str:
        """Name from what stands before the number."""
        neighbour = self.slots[-1] if self.slots and self.slots[-1].index == index - 1 else None
        share = self.literals[index + 1].startswith("%")
        if neighbour and "(" in before and AVERAGE.fullmatch(before) and not share:
            counted = COUNT_OF.match(self.literals[index + 1])  # "avg: 0.25 (1000 samples)"
            if counted:
                return counted[1]
            if COUNTERS.issuperset(words(neighbour.name)):  # "Iteration 3(  2)": the inner one
                return COUNTER
            return f"{neighbour.name} (avg)"
        if neighbour and INSTEAD.fullmatch(before) and not self._subject:
            return self.slots.pop().name
        if span := self._span(index):
            return span
        if before.rstrip().endswith("第") and (told := ORDINAL.match(self.literals[index + 1])):
            return told[1]
        if sentence := _sentence(before):
            self._subject, counter = sentence
            return counter
        name = name_before(before, first=index == 0)
        if not name and COPULA.fullmatch(before):
            name, self._subject = self._subject, ""
            if neighbour and not neighbour.implied and counts(neighbour.name):
                self.opened = True
        return name

    def _is_second(self, index: int) -> bool:
        """Whether the number before is one that has a name of its own."""
        last = self.slots[-1] if self.slots else None
        return last is not None and bool(last.index == index - 1 and last.name and not last.implied)

    def _span(self, index: int) -> str:
        """Name of the counter in a span such as "1-50batch"."""
        if self.literals[index + 1] != "-" or index + 1 == self.count:
            return ""
        name = name_after(self.literals[index + 2])
        return name if counts(name) else ""

    def _is_boxed_pair(self, index: int, before: str, after: str) -> bool:
        """Whether a line begins with two counters in a box: "[3,  2000] loss: 1.2"."""
        box = index == 1 and self.literals[0].strip() == "[" and before.strip() == ","
        return box and after.startswith("]") and any(map(LETTER.search, self.literals[2:]))

    def _ends_span(self, index: int, after: str) -> bool:
        """Whether a number ends a span from the start of an epoch, such as "Batch [0-20]"."""
        last = self.slots[-1] if self.slots else None
        boxed = self.literals[index - 1].endswith("[") and after.startswith("]")
        return boxed and last is not None and last.index == index - 1 and counts(last.name)

    def _otherwise(self, index: int, before: str, after: str) -> tuple[str, bool]:
        """Name of a number without words before it, and whether it is a counter nobody names."""
        leading = index < self._words_from
        counter = index + 1 < self.count and TOTAL.fullmatch(after)
        pair = bool(self.slots) and "][" in before.replace(" ", "")
        pair = pair or self._is_boxed_pair(index, before, after)
        names = [slot.name for slot in self.slots]
        boxed = before.endswith("[") and after.startswith("]") and COUNTER not in names
        glued = GLUED.match(after)
        if glued and not leading:
            return glued[0], False
        if (leading and not self.opened) or counter or pair or boxed:
            if COUNTER in names and OUTER not in names:  # "[0/3][50/1583]": an epoch first
                at = names.index(COUNTER)
                self.slots[at] = replace(self.slots[at], name=OUTER)
            self.opened = self.opened or leading
            return COUNTER, True
        if self.opened:
            name = name_after(after)
            told = len(name) > 1 or UNIT_ALONE.fullmatch(name)  # another letter is a state
            return (name if told else ""), False
        if leading:
            return "", False
        told = None
        if COUNTED.fullmatch(before):
            told = PHRASE.match(after)
        elif not LETTER.search(before):
            told = LASTED.match(after)
        return (told[1] if told else ""), False


def _near(literal: str) -> str:
    """Leave out the middle of a long text between two numbers, which names neither."""
    if len(literal) <= 2 * NEAR:
        return literal
    return f"{literal[:NEAR]}  {literal[-NEAR:]}"


def _sentence(before: str) -> tuple[str, str] | None:
    """Subject and counter of "cost after iteration"; the subject's number comes later."""
    found = SENTENCE.fullmatch(CLAUSE.split(IN_BRACKETS.sub("", before))[-1].strip())
    if not found or not counts(found[2]):
        return None
    return QUALIFIER.sub("", (found[1] or "").strip()), found[2]


def counts(name: str) -> bool:
    """Whether a name ends in a word for what counts."""
    return bool(COUNTERS.intersection(words(name)[-1:]))


def name_before(literal: str, *, first: bool) -> str:
    """Take the words directly before a number, back to the last separator."""
    whole = shielded(PATH_VALUE.sub("  ", literal))
    literal = QUALIFIER.sub("", REMARK.sub("", WRAPPER.sub("", whole)))
    fields = BETWEEN.split(_without_joint(literal))
    name = fields[-1].strip(" '\"/")
    if len(fields) == 1 and not first:
        name = name[unit.end() :] if (unit := UNIT.match(name)) else name
    name = SEVERITY.sub("", LEADING.sub("", name), count=1)
    name = name[len(found[0]) :] if (found := FILLING.match(name)) else name
    name = FROM.sub("", name)
    if not name and (alone := IN_PARENTHESES.search(whole)):
        return alone[1]
    if name.lower() in BARE_PREPOSITION or len(name.split()) > LONGEST:
        return ""
    return bared(name) if LETTER.search(name) else ""


def _without_joint(literal: str) -> str:
    joint = JOINING.match(literal[::-1])
    return literal[: len(literal) - joint.end()] if joint else literal


def name_after(literal: str) -> str:
    """Take the word directly after a number."""
    word = AFTER.match(literal)
    return word[1] if word else ""
