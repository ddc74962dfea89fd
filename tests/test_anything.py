"""The whole command line on files of any content: done or refused in lines, within limits.

``PLATEAU_FUZZ=2000 python -m pytest tests/test_anything.py`` tries more of them. What fails is
kept in the folder ``logs/findings``, as small as hypothesis can make it.
"""

import io
import json
import os
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_fuzz import FILES, FINDINGS, damaged

from plateau import cli

resource = pytest.importorskip("resource", reason="processor time is not told here")

MORE = "PLATEAU_FUZZ" in os.environ
TRIED = int(os.environ.get("PLATEAU_FUZZ", "12"))
SECONDS = 30  # of processor time for one command, on a small file
MEMORY = 1 << 30  # bytes that it takes at most
COMMANDS = [
    ["scan"],
    ["scan", "--format", "json"],
    ["scan", "--format", "csv", "--fail-on", "nan"],
    ["columns"],
    ["report", "--format", "markdown"],
    ["replay"],
    ["watch", "--idle", "0", "--output", "events"],
]

names = st.text(min_size=1, max_size=12)  # also halves of characters, NUL, what turns the text
numbers = st.floats() | st.integers() | st.sampled_from([1.7e308, -1.7e308, 1e-320])
cells = numbers | names | st.none() | st.booleans()


@st.composite
def json_lines(draw):
    keys = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    rows = draw(st.lists(st.fixed_dictionaries(dict.fromkeys(keys, cells)), max_size=30))
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@st.composite
def tables(draw):
    separator = draw(st.sampled_from(",;\t "))
    header = draw(st.lists(names, min_size=1, max_size=4))
    rows = draw(st.lists(st.lists(cells, min_size=1, max_size=4), max_size=30))
    lines = [separator.join(map(str, row)) for row in [header, *rows]]
    return "\n".join(lines).encode(errors="replace")


@st.composite
def texts(draw):
    words = draw(st.lists(names, min_size=1, max_size=3))
    values = draw(st.lists(st.tuples(*[numbers] * len(words)), max_size=30))
    lines = (" ".join(f"{w} {v}" for w, v in zip(words, row, strict=True)) for row in values)
    return "\n".join(lines).encode(errors="replace")


@st.composite
def real_ones(draw):
    """A sample log of any format, damaged."""
    content = FILES[draw(st.sampled_from(sorted(FILES)))]
    return damaged(content, draw(st.randoms(use_true_random=False)))


@st.composite
def file_names(draw):
    """A name that a file can have: of all characters of Unicode but "/" and NUL."""
    stem = draw(
        st.text(st.characters(exclude_characters="/\0"), max_size=12).filter(lambda s: s.strip("."))
    )
    ending = draw(st.sampled_from(["", ".log", ".csv", ".jsonl", ".txt", ".gz", ".parquet", ".db"]))
    return stem.encode(errors="replace").decode() + ending


@st.composite
def files(draw):
    content = draw(json_lines() | tables() | texts() | real_ones() | st.binary(max_size=400))
    if content and draw(st.booleans()):  # damaged
        at = draw(st.integers(0, len(content) - 1))
        content = (
            content[:at] + draw(st.binary(max_size=8)) + content[at + draw(st.integers(0, 8)) :]
        )
    return content


def usage():
    """What this process and those that it began have used."""
    return map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def spent():
    """Seconds of processor time so far."""
    return sum(each.ru_utime + each.ru_stime for each in usage())


def largest():
    """Bytes of the largest process so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(each.ru_maxrss for each in usage())


def run(*arguments):
    """Run the command line as its program does; give its exit code, output and complaints."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    command = ["plateau", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", command):
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode()


@given(files(), file_names(), st.sampled_from(COMMANDS))
@settings(
    max_examples=TRIED,
    derandomize=not MORE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_file_is_read_or_refused(tmp_path_factory, content, name, command):
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(content)
    try:
        check(path, command)
    except BaseException:
        if MORE:  # the last that fails is the smallest
            (FINDINGS / f"anything-{command[0]}").write_bytes(content)
        raise


@pytest.mark.parametrize("path", sorted(FINDINGS.iterdir()), ids=lambda path: path.name)
def test_what_was_found_stays_mended(tmp_path, path):
    for number, command in enumerate(COMMANDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(Path(shutil.copy(path, folder)), command)


def check(path, command):
    """Run a command on a file; nothing but what it should do may happen."""
    command = [path.with_name("events") if each == "events" else each for each in command]
    before, most = spent(), max(MEMORY, largest())  # another test may have taken more
    horizon = [] if command[0] == "columns" else ["--horizon", "24"]
    code, out, err = run(command[0], path, *command[1:], *horizon)
    assert code in (0, 1, 2), err
    assert code != 1 or "--fail-on" in command
    assert "Traceback" not in err
    assert all(line.startswith("plateau: ") for line in err.splitlines())
    assert [c for c in err if not c.isprintable() and c != "\n"] == []
    if "json" in command and code == 0:
        json.loads(out)
    assert spent() - before < SECONDS
    assert largest() <= most
