"""What cannot be watched is refused in one line."""

import gzip
import json
import os
import sys
import time

import pytest
from following import staircase, watch

from plateau._locking import locked
from plateau.export import replacing, write_whole
from plateau_face.files import replacing as face_replacing
from plateau_face.tensorboard import header


def test_rules_that_need_the_whole_log_are_refused(tmp_path):
    done = watch(tmp_path / "run.log", "--window", 100)
    assert done.returncode == 2
    assert b"give --threshold with --window" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    done = watch("-", "--output", tmp_path / "no" / "events", stdin=b"")
    assert done.returncode == 2
    assert done.stderr.decode() == f"plateau: {tmp_path}/no/events: no such folder\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(staircase(100).encode()), "cannot be followed"),
        (
            json.dumps([{"step": i, "loss": 1.0} for i in range(100)], indent=1).encode(),
            "JSON documents cannot be followed",
        ),
        (
            b"date,value\n"
            + b"".join(
                b"2031-03-%02d 05:%02d:00,%d\n" % (9 - i // 60, 59 - i % 60, i % 7)
                for i in range(180)
            ),
            "the newest rows come first",
        ),
        (b"nothing\nto see\n", "no series of numbers found"),
        (b"", "is empty"),
    ],
    ids=["gzip", "json", "newest first", "words", "empty"],
)
def test_what_is_no_log_is_refused_in_one_line(content, said):
    done = watch("-", stdin=content)
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


def test_what_belongs_to_a_log_is_not_written_over(run, tmp_path):
    path, board, link = tmp_path / "a.db", tmp_path / "board", tmp_path / "link"
    path.write_text(staircase(100))
    board.mkdir()
    for number in range(2):
        (board / f"events.out.tfevents.{number}").write_bytes(header(1000.0 + 100 * number))
    link.symlink_to(board / "events.out.tfevents.1")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for log, output, said in (
        (path, f"{path}-wal", "belongs to a log"),
        (path, f"{path}.1", "belongs to a log"),
        (board, board / "events.out.tfevents.1", "is a log or another output"),
        (board, link, "is a log or another output"),
        (board, board / "new.json", "lies in the folder of a run that is read"),
        (tmp_path, board / "new.json", "lies in the folder of a run that is read"),
    ):
        code, _, err = run("scan", log, "--format", "json", "-o", output)
        assert (code, said in err) == (2, True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_what_is_no_lock_is_not_taken_for_one(run, tmp_path):
    """A lock lies beside the state: "poetry.lock" beside "poetry"."""
    log, state, own = tmp_path / "s.lock", tmp_path / "s", tmp_path / "t.lock"
    log.touch()
    code, _, err = run("watch", log, "--idle", 0, "--state", state)
    assert (code, "is a log or another output" in err) == (2, True)
    assert log.exists()
    own.write_text("package = []\n")
    log.write_text(staircase(100))
    code, _, err = run("watch", log, "--idle", 0, "--state", tmp_path / "t")
    assert (code, err) == (
        2, f"plateau: {own}: is there, and no lock of plateau: name another file\n"
    )  # fmt: skip
    assert own.read_text() == "package = []\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither such links nor folders")
def test_links_that_another_user_left_are_not_followed(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root gives links away")
    folder, target = tmp_path / "sticky", tmp_path / "target"
    folder.mkdir()
    folder.chmod(0o1777)
    target.write_bytes(b"mine")
    link = folder / "out.json"
    link.symlink_to(target)
    write_whole(link, b"by a link of mine")
    os.lchown(link, 12345, 12345)
    with pytest.raises(PermissionError, match="is a link of another user"):
        write_whole(link, b"by a link of theirs")
    assert target.read_bytes() == b"by a link of mine"
    with (
        pytest.raises(OSError, match=r"out\.json is not written: is a link of another user"),
        face_replacing(link) as file,
    ):
        file.write(b"of a network")
    assert target.read_bytes() == b"by a link of mine"


def test_no_name_that_others_can_foresee_is_written_to(tmp_path):
    """A link may wait where a file is written before it takes its name."""
    target = tmp_path / "mine"
    target.write_bytes(b"mine")
    for name in ("out.partial", "out.part", ".out.part", "out.tmp"):
        (tmp_path / name).symlink_to(target)
    write_whole(tmp_path / "out", b"1")
    with face_replacing(tmp_path / "out") as file:
        file.write(b"2")
    assert ((tmp_path / "out").read_bytes(), target.read_bytes()) == (b"2", b"mine")


@pytest.mark.parametrize("command", ["scan", "columns", "replay", "report", "watch"])
def test_a_link_to_itself_is_no_log(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "run.log"
    link.symlink_to(link)
    rest = {"columns": [], "watch": ["--idle", 0, "--horizon", 24]}.get(command, ["--quiet"])
    code, _, err = run(command, link, *rest)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.startswith(f"plateau: {link}: ")


def left(path, letter, seconds):
    """Make what a process leaves that is killed while it writes a file, so many seconds ago."""
    part = path.with_name(f".{path.name}.{8 * letter}.part")
    part.touch()
    then = time.time() - seconds
    os.utime(part, (then, then))
    return part


def test_what_a_killed_process_left_is_swept(tmp_path):
    """Its lock is gone with it; that of one that writes is there, and a new file may lack it."""
    target = tmp_path / "a"
    dead, old, other = left(target, "a", 100), left(target, "b", 4000), left(tmp_path / "b", "a", 0)
    young = left(target, "c", 10)
    foreign = target.with_name(".a.of-another-program.part")
    foreign.touch()
    os.utime(foreign, (0, 0))
    writing = left(target, "d", 100)
    with writing.open("r+b") as file:
        assert locked(file.fileno())
        write_whole(target, b"")
        assert {dead, old, other, young, foreign, writing}.intersection(tmp_path.iterdir()) == {
            young, other, foreign, writing
        }  # fmt: skip


def test_a_file_is_locked_while_it_is_written(tmp_path):
    with replacing(tmp_path / "a"):
        (part,) = tmp_path.iterdir()
        with part.open("r+b") as another:
            assert not locked(another.fileno())


def test_a_pipe_by_name_is_refused(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    told = (
        f"plateau: {tmp_path}/pipe: is no file: read it with plateau watch -, as standard input\n"
    )
    assert run("watch", tmp_path / "pipe", "--idle", 0) == (2, b"", told)
    url = "https://localhost/run.csv"
    told = f"plateau: {url}: a URL cannot be followed: use plateau scan\n"
    assert run("watch", url) == (2, b"", told)
