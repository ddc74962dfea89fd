"""Time grows as the input does: of every compiled pattern, and of choosing among columns."""

import importlib
import inspect
import itertools
import json
import pkgutil
import re
import time
import tracemalloc
from contextlib import suppress

import pytest

import plateau.logs
from plateau.logs import numerals
from plateau.logs.reader import read_log
from plateau.logs.records.objects import tables_of_records
from plateau.logs.text import slots
from plateau.watching import tail

MODULES = [
    *(
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(plateau.logs.__path__, "plateau.logs.")
    ),
    tail,
]
USE = r"\b{}\.(search|match|fullmatch|finditer|findall|sub|split)\b"
SHORT, LONG = 1000, 4000  # characters
SLOW = 0.004  # seconds for SHORT; what grows as it should takes a hundredth
GROWTH = 7  # times as long for LONG; 4 is linear, 16 quadratic
ROOM = 16  # bytes for each character

# What these patterns see is cut to so many characters.
CUT = 2 * slots.NEAR + 2
BOUNDED = {
    **dict.fromkeys(["INSTEAD", "COPULA", "SENTENCE", "QUALIFIER", "REMARK"], CUT),
    **dict.fromkeys(["BETWEEN", "CLAUSE", "WRITER", "FILLING", "UNIT", "TOTAL", "NO_COLUMN"], CUT),
    **dict.fromkeys(["LISTED", "COUNTED", "PHRASE", "LASTED", "PLACE"], CUT),
    "MEASURED": numerals.LONGEST,
}

PUMPS = [
    *(" ", "a", "A", "1", ":", "(", "{", "[", "#", "=", ".", "-", "_", "/", '"', "\\", ",", "\t"),
    *("is ", "to ", "at ", "a ", "1,", "1.", "1 ", "a_", "a.", "a:", "1e", "1h ", "1d ", "1 h1 m"),
    *("\x1b]", "\x1b[", "nan", "nan(", "rank", "rank1", "gpu_", "ed with ", "of 'a' ", "1/1 [="),
    *("|", "]", "%", "(a)", "\n", "步", "->", "a" * 30 + "D"),
]  # fmt: skip
BEFORE = ("", "a", "1", '"', "nan(", "a at ", "(")
AFTER = ("", "!", "1")


def patterns():
    """Each pattern of the readers by its name, with the ways in which it is used.

    Those of which none is found are handed to a function that finds all.
    """
    found = {}
    for module in MODULES:
        for name, pattern in vars(module).items():
            if isinstance(pattern, re.Pattern):
                found.setdefault(pattern, (name, set()))
                ways = re.findall(USE.format(name), inspect.getsource(module))
                found[pattern][1].update(ways)
    return [
        (name, pattern, sorted(ways) or ["finditer"]) for pattern, (name, ways) in found.items()
    ]


FOUND = patterns()


def texts(size):
    def much(pump):
        return (pump * (size // len(pump) + 1))[:size]

    for before, pump, after in itertools.product(BEFORE, PUMPS, AFTER):
        yield before + much(pump) + after
    for one, other in itertools.permutations(PUMPS[:18], 2):
        yield much(one)[: size // 2] + much(other)[: size // 2] + "!"
        yield much(one + other) + "!"


def seconds(pattern, way, text):
    text = text.encode(errors="replace") if isinstance(pattern.pattern, bytes) else text
    begin = time.thread_time()
    if way == "sub":
        pattern.sub(b"" if isinstance(text, bytes) else "", text)
    else:
        found = getattr(pattern, way)(text)
        if way == "finditer":
            for _ in found:
                pass
    return time.thread_time() - begin


def grows_too_fast(pattern, way, short, long):
    """Whether a pattern takes more than its share for a longer text; one measurement is none."""
    if seconds(pattern, way, short) < SLOW:
        return False
    once = min(seconds(pattern, way, short) for _ in range(3))
    return once >= SLOW and min(seconds(pattern, way, long) for _ in range(2)) > GROWTH * once


def test_all_patterns_are_measured():
    assert len(FOUND) > 55
    inline = re.compile(r"\bre\.(?:search|match|fullmatch|finditer|findall|sub|split)\(")
    assert [one.__name__ for one in MODULES if inline.search(inspect.getsource(one))] == []


@pytest.mark.parametrize(("name", "pattern", "ways"), FOUND, ids=[name for name, _, _ in FOUND])
def test_a_pattern_takes_time_as_its_text_is_long(name, pattern, ways):
    if name in BOUNDED:
        slow = [
            (way, text)
            for way in ways
            for text in texts(BOUNDED[name])
            if seconds(pattern, way, text) > SLOW
            and min(seconds(pattern, way, text) for _ in range(3)) > SLOW
        ]
    else:
        both = list(zip(texts(SHORT), texts(LONG), strict=True))
        slow = [
            (way, short[:40])
            for way in ways
            for short, long in both
            if grows_too_fast(pattern, way, short, long)
        ]
    assert slow == []


def memory(pattern, way, text):
    """Bytes that a pattern takes to look through a text, without what it finds there."""
    text = text.encode(errors="replace") if isinstance(pattern.pattern, bytes) else text
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    if way in ("search", "match", "fullmatch"):
        getattr(pattern, way)(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return tracemalloc.get_traced_memory()[1] - before


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize(
    ("pattern", "ways"),
    [pytest.param(pattern, ways, id=name) for name, pattern, ways in FOUND if name not in BOUNDED],
)
def test_a_pattern_takes_little_memory(pattern, ways):
    """What goes back in a text remembers where, some hundred bytes for each character."""
    much = [
        (way, before, pump)
        for way, before, pump in itertools.product(ways, ("", "a", "nan("), PUMPS)
        if memory(pattern, way, before + pump * (LONG // len(pump))) > ROOM * LONG
    ]
    assert much == []


@pytest.mark.usefixtures("traced")
def test_the_measure_sees_what_goes_back():
    assert memory(re.compile(r"(?:a|bc)+ "), "match", "a" * LONG) > ROOM * LONG


def test_the_measure_sees_what_is_cubic():
    cubic = re.compile(r"[A-Za-z]{2,}\W*[\s:=]\W*[-+]?\d")
    assert grows_too_fast(cubic, "search", "a" * 60 + ":" * 60, "a" * 240 + ":" * 240)


def records(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def word(number):
    return "".join(chr(97 + int(digit)) for digit in str(number))


def notebook(html):
    """A notebook with one output."""
    output = {"output_type": "display_data", "data": {"text/html": html}}
    cell = {"cell_type": "code", "outputs": [output]}
    return json.dumps({"nbformat": 4, "cells": [cell]})


LOGS = {
    "a column in each record": lambda n: records(
        {"step": i, "loss": 1 / (i + 1), f"k{i}": i} for i in range(n)
    ),
    "a text in each record": lambda n: records(
        {"step": i, "loss": 1 / (i + 1), f"k{i}": "x"} for i in range(n)
    ),
    "a counter in each record": lambda n: records(
        {f"step{i}": i % 7, "loss": 1 / (i + 1)} for i in range(n)
    ),
    "one record": lambda n: json.dumps({f"token{i}": i for i in range(4 * n)}),
    "keys of the first record": lambda n: json.dumps(
        [{f"k{i}": i for i in range(n)}, {"loss": 1}, {"loss": 2}]
    ),
    "metrics of a long table": lambda n: (
        "step,metric,value\n" + "".join(f"{i},m{i},{j / 7}\n" for i in range(n) for j in range(2))
    ),
    "counters on other lines": lambda n: "".join(
        f"{word(i)} step {i * 7 % 10}\n{word(i)} step {i * 3 % 10}\nloss {i % 17}.5\n"
        for i in range(n)
    ),
    "columns of a table": lambda n: (
        "step," + ",".join(f"loss{i}" for i in range(n)) + "\n"
        + "".join(f"{row}" + ",1.5" * n + "\n" for row in range(5))
    ),
    "letters and colons": lambda n: records({"msg": "a" * n + ":" * n} for _ in range(2)),
    "a long number": lambda n: (
        "step,loss\n" + "".join(f"{i},{'1' * 20 * n if i == 20 else i}\n" for i in range(40))
    ),
    "long words": lambda n: "".join(f"{'abcdefgh' * n} {i}\n" for i in range(2)),
    "long colons": lambda n: "".join(f"word{':' * 8 * n}word {i}\n" for i in range(2)),
    "samples of many series": lambda n: "".join(
        f'up{{host="h{i}"}} {(i * 7 + j) % 9}.5\n' for j in range(3) for i in range(n)
    ),
    "lines of many shapes": lambda n: "".join(
        f"{word(i)} step {i * 2 + j} loss {1 / (i + 1):.4f}\n" for i in range(n) for j in range(2)
    ),
    "words with numbers": lambda n: "".join(
        f"{' '.join(f'{word(i)}{run} 1' for i in range(n // 2))} loss {step}.5\n"
        for step in range(3)
        for run in range(3)
    ),
    "many columns under many names": lambda n: "begin\n" + " ab" * n + "\n" + "".join(
        f"{step}" + f" {step}.5" * (n + 3) + "\n" for step in range(4)
    ),
    "marked rows under many names": lambda n: "begin\n" + "   ab" * n + "\n" + "".join(
        "* " + "  1.5" * (n - 4 + step % 2) + "\n" for step in range(40)
    ),
    "names of a table": lambda n: (
        ",".join(word(i) + "x" for i in range(30 * n)) + "\n" + (",".join("1" * 30 * n) + "\n") * 3
    ),
    "a long table with columns of their own": lambda n: records(
        {"metric": "loss", "value": 1 / (i + 1), f"k{i}": i} for i in range(4 * n)
    ),
    "columns of many runs": lambda n: records(
        [{"run": "r0", **{f"k{i}": i for i in range(10 * n)}}]
        + [{"run": f"r{i % n}", "loss": i / 7} for i in range(4 * n)]
    ),
    "runs side by side": lambda n: records(
        {f"k{i}": i for i in range(2 * n)} | {f"r{i} - loss": j / 7 for i in range(2 * n)}
        for j in range(2)
    ),
    "sections": lambda n: "".join(
        f"eval {word(i)}\n{word(i)} epoch {i % 5} loss {i}.5\n{word(i)} epoch 9 loss 1.5\ntrain\n"
        for i in range(n)
    ),
    "single letters": lambda n: records({"l " * 10 * n + f"x{i}": i / 7} for i in range(2)),
    "a drawn cell": lambda n: notebook(
        "<table><tr><th>a</th></tr><tr><td>" + "a<b></b>" * 20 * n + "</td></tr></table>"
    ),
    "comments that are drawn": lambda n: notebook("<table>" + "<!--" * 10 * n),
    "attributes that are drawn": lambda n: notebook("<table><tr><td " + "a='" * 10 * n),
    "a string without an end": lambda n: '{"a":"' + 'x\\"' * 100 * n + '","loss":[1,2,3,4,5,6',
}  # fmt: skip


def reading(path, content):
    path.write_text(content)
    begin = time.thread_time()
    with suppress(ValueError):
        read_log(path, equals=True)
    return time.thread_time() - begin


@pytest.mark.parametrize("kind", LOGS)
def test_reading_takes_time_as_the_log_is_long(tmp_path, kind):
    short, long = LOGS[kind](500), LOGS[kind](2000)
    took = reading(tmp_path / "long", long)
    once = min(reading(tmp_path / "short", short) for _ in range(3 if took > 0.5 else 1))
    if took >= max(0.5, 9 * once):  # a busy machine may have slowed it down
        took = min(reading(tmp_path / "long", long) for _ in range(3))
    assert took < max(0.5, 9 * once)
    assert took < 20


def test_columns_that_are_left_out_are_told(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        records({f"step{i}": row for i in range(40)} | {"loss": 1 / row} for row in range(1, 40))
    )
    log = read_log(path)
    assert log.runs[0].x_name == "step0"
    assert "24 more columns that may count were not looked at: name one with --x" in log.warnings


def test_the_epoch_is_found_among_many_columns(tmp_path):
    """An iteration that starts again counts from the epoch, however many columns there are."""
    path = tmp_path / "a.jsonl"
    path.write_text(
        records(
            {f"noise{i}": (row * 7919 + i * 31) % 97 for i in range(60)}
            | {"epoch": row // 10, "iter": row % 10, "loss": 1 / (row + 1)}
            for row in range(60)
        )
    )
    (run,) = read_log(path).runs
    assert run.x_name == "epoch, iter"
    assert run.x.tolist() == list(range(60))


def test_labels_take_no_room_where_there_are_none():
    """32,000 records with a text of their own each took gigabytes."""
    rows = [{"loss": 1.0, f"k{i}": "x"} for i in range(4000)]
    tracemalloc.start()
    tables_of_records(rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40e6
