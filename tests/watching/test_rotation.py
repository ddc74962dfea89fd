"""A log that is rotated, begun again or not there yet."""

import os
import time

import pytest
from following import begin, events_of, in_chunks, staircase, until, watch

from plateau.logs.choosing.asked import Asked
from plateau.watching.columns import Columns
from plateau.watching.lines import LineLog
from plateau.watching.tail import Tail


def test_rotation_truncation_and_a_file_that_comes_late(tmp_path):
    lines = staircase().splitlines(keepends=True)
    path, output = tmp_path / "run.log", tmp_path / "events"
    watcher = begin(path, "--format", "jsonl", "--output", output, "--idle", 3)
    try:
        path.write_text("".join(lines[:3000]))
        until(lambda: output.exists() and output.read_bytes())
        path.rename(tmp_path / "run.log.1")
        with (tmp_path / "run.log.1").open("a") as file:  # the writer notices late
            file.writelines(lines[3000:4000])
            file.write("step 40000 | loss 0.")
        path.write_text("".join(lines[4000:6000]))
        until(lambda: b"nonfinite" in output.read_bytes())
        time.sleep(0.5)
        path.write_text("".join(lines[6000:]))  # begun again, and shorter or not
        out, err = watcher.communicate(timeout=60)
    finally:
        watcher.kill()
    assert (watcher.returncode, out) == (0, b"")
    assert err.decode() == f"plateau: {path}: was begun again; following from its start\n"
    whole = "".join(lines).encode()
    want = [event | {"path": str(path)} for event in in_chunks(whole, iter([len(whole)]))]
    got = events_of(output.read_bytes())
    assert [(e["event"], e["x"]) for e in got] == [(e["event"], e["x"]) for e in want]


def test_it_goes_on_in_the_file_that_was_rotated_meanwhile(tmp_path):
    lines = staircase().splitlines(keepends=True)
    path, state = tmp_path / "run.log", tmp_path / "state"
    options = (path, "--format", "jsonl", "--state", state, "--idle", 0)
    path.write_text("".join(lines[:3000]))
    first = watch(*options)
    with path.open("a") as file:
        file.writelines(lines[3000:5000])
    path.rename(tmp_path / "run.log.1")
    path.write_text("".join(lines[5000:]))
    second = watch(*options)
    assert second.stderr == b""
    whole = "".join(lines).encode()
    got = events_of(first.stdout + second.stdout)
    want = in_chunks(whole, iter([len(whole)]))
    assert [(e["number"], e["event"], e["x"]) for e in got] == [
        (e["number"], e["event"], e["x"]) for e in want
    ]


@pytest.mark.parametrize("name", ["run.log", "run[1].log"])
def test_it_goes_on_through_all_files_that_were_rotated_meanwhile(tmp_path, name):
    lines = staircase().splitlines(keepends=True)
    path, state = tmp_path / name, tmp_path / f"{name}.state"
    options = (path, "--format", "jsonl", "--state", state, "--idle", 0)
    path.write_text("".join(lines[:3000]))
    first = watch(*options)
    path.rename(tmp_path / f"{name}.2")
    (tmp_path / f"{name}.1").write_text("".join(lines[3000:6000]))
    path.write_text("".join(lines[6000:]))
    for age, file in enumerate((path, tmp_path / f"{name}.1", tmp_path / f"{name}.2")):
        os.utime(file, (time.time() - age, time.time() - age))
    second = watch(*options)
    assert (second.returncode, second.stderr) == (0, b"")
    whole = "".join(lines).encode()
    want = in_chunks(whole, iter([len(whole)]))
    got = events_of(first.stdout + second.stdout)
    assert [(e["event"], e["x"]) for e in got] == [(e["event"], e["x"]) for e in want]


def rotated(path, depth):
    """Give each of the files that had a name the next number, as logrotate does."""
    for i in range(depth, 0, -1):
        path.with_name(f"{path.name}.{i}").rename(path.with_name(f"{path.name}.{i + 1}"))
    path.rename(path.with_name(f"{path.name}.1"))


def text_of(tail):
    return b"".join(iter(tail.read, b""))


def test_files_that_came_and_went_between_two_looks_are_read(tmp_path):
    path, said = tmp_path / "run.log", []
    path.write_bytes(b"a")
    tail = Tail(str(path), said.append)
    assert text_of(tail) == b"a"
    (tmp_path / "run.log.bak").write_bytes(b"no version of it")
    for depth, text in enumerate((b"b", b"c", b"d")):
        time.sleep(0.02)  # what follows is younger
        rotated(path, depth)
        path.write_bytes(text)
    assert text_of(tail) == b"bcd"
    time.sleep(0.02)
    (tmp_path / "run.log.0").write_bytes(b"d")  # a copy of it, not what came next
    path.unlink()
    path.write_bytes(b"e")
    assert text_of(tail) == b"e"
    tail.close()
    assert said == []


def test_a_version_that_is_no_younger_than_what_is_read_does_not_follow_it(tmp_path):
    path, said = tmp_path / "run.log", []
    path.write_bytes(b"now")
    tail = Tail(str(path), said.append)
    assert text_of(tail) == b"now"
    rotated(path, 0)
    (tmp_path / "run.log.2").write_bytes(b"before")
    path.write_bytes(b"then")
    for name in ("run.log.1", "run.log.2"):  # as where a clock counts seconds
        os.utime(tmp_path / name, (1e9, 1e9))
    assert [tail.read() for _ in range(3)] == [b"then", b"", b""]
    tail.close()
    assert said == []


def test_a_line_that_was_cut_by_a_rotation_ends_there(tmp_path):
    path, said = tmp_path / "run.log", []
    path.write_bytes(b"step 1 loss 3.5\nstep 2 loss 3.")
    tail = Tail(str(path), said.append)
    log = LineLog(tail, Columns(str(path), Asked(), said.append))
    assert log.read()
    assert (log.left, tail.renewed) == (b"step 1 loss 3.5\n", False)
    rotated(path, 0)
    path.write_bytes(b"step 3 loss 2.5\n")
    assert log.read()
    assert (log.left, log.part) == (b"step 1 loss 3.5\nstep 3 loss 2.5\n", b"")
    assert tail.renewed
    assert not log.read()
    assert not tail.renewed
    tail.close()
    assert said == []


def test_a_rotation_right_after_it_went_on_is_followed(tmp_path):
    path, said = tmp_path / "run.log", []
    path.write_bytes(b"first")
    tail = Tail(str(path), said.append)
    tail.read()
    place = tail.place(b"")
    tail.close()
    rotated(path, 0)
    time.sleep(0.02)
    path.write_bytes(b"second")
    tail = Tail(str(path), said.append)
    tail.resume(place)
    time.sleep(0.02)
    rotated(path, 1)  # the names are others than when it went on
    path.write_bytes(b"third")
    assert text_of(tail) == b"secondthird"
    tail.close()
    assert said == []


def resting(tail):
    """Read all that is new, and let go of the file after each piece."""
    data = b""
    while piece := tail.read():
        data += piece
        tail.rest(b"")
    tail.rest(b"")
    assert tail._file is None
    return data


def test_a_file_that_was_let_go_of_is_followed_as_one_that_is_open(tmp_path):
    path, said = tmp_path / "run.log", []
    tail = Tail(str(path), said.append)
    assert tail.read() == b""  # it is not there yet
    tail.rest(b"")
    path.write_bytes(b"a\nb")
    assert tail.read() == b"a\nb"
    tail.rest(b"b")
    assert tail.place(b"b").offset == 2
    assert resting(tail) == b""
    with path.open("ab") as file:
        file.write(b"c")
    assert resting(tail) == b"c"
    rotated(path, 0)
    assert resting(tail) == b""  # nobody has the name
    with path.with_name("run.log.1").open("ab") as file:  # the writer notices late
        file.write(b"d")
    time.sleep(0.02)  # what follows is younger
    path.write_bytes(b"e")
    assert resting(tail) + resting(tail) == b"de"
    path.write_bytes(b"begun again")
    assert resting(tail) == b"begun again"
    path.rename(tmp_path / "moved away")
    path.write_bytes(b"another")
    assert resting(tail) == b"another"
    assert said == [
        f"{path}: was begun again; following from its start",
        f"{path}: is another file now; following from its start",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
def test_a_pipe_that_takes_the_name_is_not_waited_for(tmp_path):
    path = tmp_path / "run.log"
    path.write_bytes(b"a")
    tail = Tail(str(path), print)
    assert resting(tail) == b"a"
    path.unlink()
    os.mkfifo(path)
    assert resting(tail) == b""
