"""That the benchmarks of speed measure, tell and write what they say; times mean nothing here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.pages import written
from tests.benchmarks.speed import batches, growth, starts, updates
from tests.benchmarks.speed.bounds import BOUNDS, AbsentError, Bound, Reading, over
from tests.benchmarks.speed.peers import matrix_profile
from tests.benchmarks.speed.processor import vector_bits
from tests.benchmarks.speed.tables import result_table
from tests.benchmarks.speed.timing import Candidate, Group, Result, measured

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
GROUPS = [*updates.GROUPS, *batches.GROUPS, *starts.GROUPS, *growth.GROUPS]
GROUPS += ["worst update", "memory of a bank"]


def marks(page):
    """Names of the tables on a page, and their text."""
    found = re.findall(r"<!-- table: (.*?) -->\n(.*?)<!-- end: \1 -->", page, re.DOTALL)
    assert page.count("<!-- table:") == len(found)
    return dict(found)


def test_rows_of_a_table_are_renewed_and_the_others_stay():
    page = (
        "a\n<!-- table: t -->\n| x | n |\n| --- | --: |\n| b | 1 |\n| c | 2 |\n<!-- end: t -->\nz\n"
    )
    new = "| x | n |\n| --- | --: |\n| c | 3 |\n| d | 4 |"
    whole = written(page, {"t": new, "absent": new})
    assert marks(whole) == {"t": f"{new}\n"}
    rows = marks(written(page, {"t": new}, only_rows=True))["t"].splitlines()
    assert rows[2:] == ["| d | 4 |", "| b | 1 |", "| c | 3 |"]
    assert (whole[:2], whole[-2:]) == ("a\n", "z\n")
    with pytest.raises(ValueError, match="in the page it has"):
        written(page, {"t": new.replace("| n |", "| m |")}, only_rows=True)


def test_candidates_take_turns():
    calls = []
    made = [Candidate(name, 2, lambda name=name: lambda: calls.append(name)) for name in "abc"]
    result = measured(Group("turns", "a", made), seconds=60, most=3)
    assert "".join(calls) == "abcabcabc"
    assert {key: len(times) for key, times in result.times.items()} == {"a": 3, "b": 3, "c": 3}
    calls.clear()
    measured(Group("turns", "a", made, least=4), seconds=0)
    assert "".join(calls) == "abc" + 4 * "abc"  # the first to warm up
    calls.clear()
    slow = Candidate("s", 1, lambda: lambda: calls.append("s"), every=3)
    measured(Group("turns", "a", [made[0], slow]), seconds=60, most=4)
    assert "".join(calls) == "asaaas"


def test_what_is_not_installed_is_named():
    made = [
        Candidate("here", 1, lambda: int),
        Candidate("there", 1, lambda: int, needs="no_such_package"),
    ]
    result = measured(Group("some", "there", made), seconds=0)
    assert "| there (absent: No module named 'no_such_package') | . |" in result_table(result)
    bound = Bound("there / here", 1, over("some", "there", "here"))
    assert bound.row({"some": result})[-1] == "not measured: there"
    assert bound.row({})[-1] == "not measured: some"
    with pytest.raises(KeyError):  # a slip of the pen is no absent peer
        Reading({"some": result}, "minimum")("some", "their")
    with pytest.raises(AbsentError):
        Reading({"some": result}, "minimum")("some", "there")


def test_bounds_are_judged_by_the_minima():
    made = [Candidate(name, 1, None) for name in "ab"] + [
        Candidate("line", 1, None, at=at) for at in (10, 100)
    ]
    times = {"a": [8.0, 2.0, 9.0], "b": [4.0, 4.0, 1.0]}
    times |= {("line", 10): [2.0, 4.0], ("line", 100): [2.2, 8.8]}
    results = {"some": Result(Group("some", "a", made), times)}
    assert Bound("", 2, over("some", "a", "b")).row(results) == ["", "≤ 2", "2", "2", "yes"]
    assert Bound("", 1.9, over("some", "a", "b")).row(results)[-1] == "**no**"
    assert Bound("", 2.1, over("some", "a", "b"), least=True).row(results)[-1] == "**no**"
    by_width = dict.fromkeys((128, 256, 512), 1.9) | {vector_bits(): 2.1}
    assert Bound("", by_width, over("some", "a", "b")).row(results)[1:5:3] == ["≤ 2.1", "yes"]
    assert Reading(results, "minimum").growth("some", "line") == pytest.approx(1.1)
    assert Reading(results, "median").growth("some", "line") == pytest.approx(5.5 / 3)


def test_matrix_profile_by_hand():
    xs = np.random.default_rng(0).normal(size=30)
    parts = [xs[i : i + 8] for i in range(23)]
    parts = [(part - part.mean()) / part.std() for part in parts]
    profile = matrix_profile(xs, 8)
    for i, (distance, near, left, right) in enumerate(profile):
        away = {j: np.linalg.norm(parts[i] - parts[j]) for j in range(23) if abs(i - j) > 2}
        assert near == min(away, key=away.get)
        assert distance == pytest.approx(away[near])
        before, after = [j for j in away if j < i], [j for j in away if j > i]
        assert left == (min(before, key=away.get) if before else -1)
        assert right == (min(after, key=away.get) if after else -1)


def test_the_page_has_a_place_for_each_table():
    assert set(marks(PAGE.read_text())) == {*GROUPS, "bounds", "machine"}


@pytest.mark.parametrize("code", starts.FIRST_UPDATES.values())
def test_what_a_new_process_does(code):
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_command_writes_page_and_picture(tmp_path):
    page = tmp_path / "benchmarks.md"
    page.write_text(written(PAGE.read_text(), dict.fromkeys(marks(PAGE.read_text()), "")))
    (tmp_path / "pictures").mkdir()
    others = [name for name in GROUPS if name not in starts.GROUPS]  # processes that compile
    command = [sys.executable, "-m", "tests.benchmarks.speed", "--small", "--page", str(page)]
    done = subprocess.run(
        [*command, "--groups", *others],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"MPLBACKEND": "Agg"},
    )
    tables = marks(page.read_text())
    for name, text in tables.items():
        assert bool(text.strip()) == (name in {*others, "machine"}), name
        assert text.strip() in done.stdout
    assert all(f"\n| {bound.text} | " in done.stdout for bound in BOUNDS)
    assert "<svg" in (tmp_path / "pictures" / "growth.svg").read_text()
