"""What cannot be watched is refused in one line."""

import gzip
import json
import os

import pytest
from following import staircase, watch


def test_rules_that_need_the_whole_log_are_refused(tmp_path):
    done = watch(tmp_path / "run.log", "--window", 100)
    assert done.returncode == 2
    assert b"give --threshold with --window" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    done = watch("-", "--output", tmp_path / "no" / "events", input=b"")
    assert done.returncode == 2
    assert done.stderr.decode() == f"plateau: {tmp_path}/no/events: no such folder\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(staircase(100).encode()), "cannot be followed"),
        (json.dumps([{"step": i, "loss": 1.0} for i in range(100)], indent=1).encode(), "one JSON"),
        (b"nothing\nto see\n", "no series of numbers found"),
        (b"", "is empty"),
    ],
    ids=["gzip", "json", "words", "empty"],
)
def test_what_is_no_log_is_refused_in_one_line(content, said):
    done = watch("-", input=content)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("plateau: -: ")
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_a_log_is_not_written_over(run, tmp_path):
    path, other = tmp_path / "run.log", tmp_path / "other"
    path.write_text(staircase(100))
    before = path.read_bytes()
    for arguments in (
        ["watch", path, "--idle", 0, "--output", path],
        ["watch", path, "--idle", 0, "--output", other, "--state", other],
        ["report", path, "-o", path],
        ["scan", tmp_path, "--format", "csv", "-o", f"{tmp_path}/../{tmp_path.name}/run.log"],
        ["replay", path, "--format", "csv", "-o", path],
    ):
        code, _, err = run(*arguments)
        assert (code, "is a log or another output" in err) == (2, True)
        assert path.read_bytes() == before


def test_a_pipe_by_name_is_refused(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = (
        f"plateau: {tmp_path}/pipe: is no file: read it with plateau watch -, as standard input\n"
    )
    assert run("watch", tmp_path / "pipe", "--idle", 0) == (2, b"", told)
    url = "https://localhost/run.csv"
    told = f"plateau: {url}: a URL cannot be followed: use plateau scan\n"
    assert run("watch", url) == (2, b"", told)
