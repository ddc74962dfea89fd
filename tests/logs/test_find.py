"""Folders, patterns and what lies in them."""

import bz2
import gzip
import io
import lzma
import os
import re
import sys
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
import zstandard
from made_up import DEADLY, read_or_die

from plateau.logs import LogError, NoSeriesError, read_log
from plateau.logs.processes import worker
from plateau.logs.several.find import Found, find_logs
from plateau.logs.several.parallel import read_logs, read_one

NOBODY = 65534
GOOD = "".join(f"step {i} loss {5 / (i + 1):.4f}\n" for i in range(100))


@pytest.fixture
def found():
    """Find logs; what is complained of goes into ``found.complaints``."""

    def found(*paths):
        return find_logs(map(str, paths), found.complaints.append)

    found.complaints = []
    return found


def files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(GOOD)


def test_a_folder_is_walked(tmp_path, found):
    files(tmp_path, "b/run.log", "a.csv", "a.py", "model.pt", ".hidden", ".git/log", "data.tar.gz",
          "b/c/run 2 \N{SNOWMAN}.txt")  # fmt: skip
    logs = ["a.csv", "b/run.log", "b/c/run 2 \N{SNOWMAN}.txt"]
    assert found(tmp_path) == [Found(str(tmp_path / name), str(tmp_path)) for name in logs]
    assert not found.complaints


def test_files_that_are_named_are_taken_whatever_their_ending(tmp_path, found):
    files(tmp_path, "log.py")
    assert found(tmp_path / "log.py", "no such", "-") == [
        Found(str(tmp_path / "log.py")),
        Found("no such"),
        Found("-"),
    ]


def test_patterns(tmp_path, found):
    files(tmp_path, "a/x/1.log", "a/y/2.log", "a/3.csv", "[1].log")
    assert [one.path for one in found(tmp_path / "a/**/*.log")] == [
        str(tmp_path / "a/x/1.log"),
        str(tmp_path / "a/y/2.log"),
    ]
    assert [one.path for one in found(tmp_path / "[1].log")] == [str(tmp_path / "[1].log")]
    assert not found(tmp_path / "*.tsv")
    assert found.complaints == [f"{tmp_path}/*.tsv: no file matches"]


def test_a_log_named_twice_is_read_once(tmp_path, found):
    files(tmp_path, "1.log")
    assert len(found(tmp_path, tmp_path / "1.log", tmp_path / "*.log")) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_in_a_folder_is_left_alone(tmp_path):
    files(tmp_path, "a.log")
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "link.log").symlink_to("pipe.log")
    os.mkfifo(tmp_path / "events.out.tfevents.1")
    assert [one.path for one in find_logs([str(tmp_path)], print)] == [f"{tmp_path}/a.log"]


def test_links_out_of_a_folder_are_told(tmp_path):
    files(tmp_path, "in/a.log", "out/b.log")
    (tmp_path / "in" / "c.log").symlink_to("../out/b.log")
    told = []
    assert len(find_logs([str(tmp_path / "in")], told.append)) == 2
    assert told == [f"{tmp_path}/in/c.log: is a link out of {tmp_path}/in, to {tmp_path}/out/b.log"]


def test_links(tmp_path, found):
    files(tmp_path, "runs/1.log")
    (tmp_path / "runs/loop").symlink_to(tmp_path / "runs")
    (tmp_path / "runs/latest.log").symlink_to("1.log")
    (tmp_path / "runs/self").symlink_to("self")
    assert [one.path for one in found(tmp_path)] == [str(tmp_path / "runs/1.log")]
    with pytest.raises(LogError, match="symbolic links"):
        read_log(tmp_path / "runs/self")


def test_a_folder_of_many_files(tmp_path, found):
    """Each is named or not by its name; none is opened twice, nothing grows with their square."""
    for number in range(5000):
        (tmp_path / f"{number}.pt").touch()
    files(tmp_path, *(f"{number}.csv" for number in range(200)))
    assert len(found(tmp_path)) == 200
    assert not found.complaints


def test_empty_folder(tmp_path, found):
    assert not found(tmp_path)
    assert found.complaints == [f"{tmp_path}: no logs in this folder"]


@contextmanager
def without_privileges():
    """As somebody who may not read everything, as root may."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_folder_that_may_not_be_read(tmp_path, found, monkeypatch):
    files(tmp_path, "secret/1.log")
    monkeypatch.chdir(tmp_path)  # nobody may not come here from above
    tmp_path.chmod(0o755)
    assert found(".")
    (tmp_path / "secret").chmod(0)
    with without_privileges():
        assert not found(".")
    assert found.complaints[0] == "./secret: cannot be read: Permission denied"


def test_a_name_that_is_too_long(found):
    (one,) = found("a" * 5000)
    with pytest.raises(LogError, match="a: cannot be read: File name too long"):
        read_log(one.path)


def test_files_of_one_run_are_one_log(tmp_path, found):
    files(tmp_path, "tb/events.out.tfevents.1", "tb/events.out.tfevents.2", "tb/console.txt")
    files(tmp_path, "one/events.out.tfevents.1", "ml/metrics/loss", "ml/params/lr", "ml/meta.yaml")
    (tmp_path / "ml/metrics/loss").write_text("1633449181121 2.5 10\n1633449194907 2.4 20\n")
    assert [one.path.removeprefix(f"{tmp_path}/") for one in found(tmp_path)] == [
        "ml",
        "ml/params/lr",
        "one/events.out.tfevents.1",
        "tb",
        "tb/console.txt",
    ]


def test_urls(found):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://runs/1.log", "w") as file:
        file.write(GOOD)
    (log,) = found("memory://runs/*.log")
    assert len(read_log(log.path).runs[0].values) == 100
    assert [one.path for one in found("memory://runs")] == [log.path]
    with pytest.raises(LogError, match="nothing: no such file"):
        read_log("memory://runs/nothing")
    assert not found("nothing://runs/*")
    assert "nothing://runs/*: cannot be read" in found.complaints[0]


def test_urls_need_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(LogError, match=r"s3://bucket/log: URLs need fsspec: pip install"):
        read_log("s3://bucket/log")


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    log = read_log("-")
    assert (log.path, len(log.runs[0].values)) == ("-", 100)
    assert not sys.stdin.buffer.closed


@pytest.mark.parametrize(
    "pack",
    [
        partial(gzip.compress, compresslevel=1),
        lzma.compress,
        bz2.compress,
        zstandard.ZstdCompressor().compress,
    ],
    ids=["gzip", "xz", "bzip2", "zstd"],
)
def test_compression(read, monkeypatch, pack):
    monkeypatch.setattr("plateau.logs.files.stream.RATIO_FROM", 2 << 20)
    data = GOOD.encode()
    assert len(read(pack(data)).runs[0].values) == 100
    assert len(read(pack(data[:700]) + pack(data[700:])).runs[0].values) == 100
    with pytest.raises(LogError, match="expands from"):
        read(pack(b"0" * (5 << 20)))  # at the real bound: test_bad_files[bomb]
    with pytest.raises(LogError, match="damaged; nothing in it is readable"):
        read(pack(data)[:16])


@pytest.mark.parametrize("pack", [lzma.compress, bz2.compress], ids=["xz", "bzip2"])
def test_compressed_file_that_is_cut(read, pack):
    losses = np.random.default_rng(0).integers(10_000_000, size=40_000)
    data = "".join(f"step {i} loss {loss}\n" for i, loss in enumerate(losses)).encode()
    log = read(pack(data)[:-9_000])
    assert 1000 < len(log.runs[0].values) < 40_000
    assert "cut or damaged: only its first" in log.warnings[0]


@pytest.mark.parametrize("worth", [1, 1 << 30])  # in several processes, in one
def test_several_logs_in_order(tmp_path, monkeypatch, worth):
    monkeypatch.setattr("plateau.logs.several.parallel.WORTH", worth)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    files(tmp_path, *(f"{i}.log" for i in range(12)))
    (tmp_path / "5.log").write_text("nothing\n")
    logs = [Found(str(tmp_path / f"{i}.log")) for i in range(12)]
    read = list(read_logs(logs, partial(read_one, metric="loss")))
    assert [one for one, _ in read] == logs
    assert isinstance(read[5][1], NoSeriesError)
    assert [log.path for one, log in read if one != logs[5]] == [
        one.path for one in logs if one != logs[5]
    ]


def test_a_log_that_ends_the_process_that_reads_it_costs_no_other(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    logs = [Found(name) for name in ("a.log", DEADLY, "b.log", "c.log")]
    answers = [str(answer) for _, answer in read_logs(logs, read_or_die)]
    assert answers == [
        "a.log", f"{DEADLY}: the process that read it came to an end", "b.log", "c.log"
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["-", "memory://a.log"])
def test_what_another_process_has_not_is_read_in_this_one(path):
    (answer,) = read_logs([Found(path)], lambda path: path)
    assert answer == (Found(path), path)


def greedy(path):
    """Reads some logs well, and others as no reader should."""
    if path == "memory":
        return bytearray(3 << 30)
    while path == "time":
        pass
    if path == "error":
        raise ZeroDivisionError("a bug\nin a reader")
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept by Linux only")
@pytest.mark.parametrize("worth", [0, 1 << 30])  # in several processes, in one
def test_a_log_that_takes_too_much_costs_no_other(monkeypatch, worth):
    monkeypatch.setattr("plateau.logs.several.parallel.WORTH", worth)
    monkeypatch.setattr("plateau.logs.processes.limits.SECONDS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    logs = [Found(name) for name in ("a", "memory", "b", "time", "c", "error", "d")]
    assert [str(answer) for _, answer in read_logs(logs, greedy, memory=1 << 30)] == [
        "a",
        "memory: cannot be read: it takes more memory than there is for it",
        "b",
        "time: reading it took more than 1 s: given up",
        "c",
        "error: cannot be read: ZeroDivisionError: a bug in a reader",
        "d",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is kept by Linux only")
@pytest.mark.parametrize("command", ["scan", "columns", "replay", "report"])
def test_every_command_that_reads_saved_logs_reads_within_limits(
    run, tmp_path, monkeypatch, command
):
    """In so little memory no reader can even start."""
    path = tmp_path / "a.csv"
    path.write_text("step,loss\n" + "".join(f"{i},0.5\n" for i in range(60)))
    monkeypatch.chdir(tmp_path)
    horizon = [] if command == "columns" else ["--horizon", "24"]
    assert run(command, path, *horizon)[0] == 0
    monkeypatch.setattr("plateau.logs.processes.limits.memory", lambda processes: 1 << 26)
    code, _, err = run(command, path, *horizon)
    assert code == 2
    assert re.fullmatch(rf"plateau: {path}: (cannot be read|the process that read it).*\n", err)


@pytest.mark.parametrize("command", ["scan", "columns", "replay", "report"])
def test_every_command_that_reads_saved_logs_takes_a_limit(run, tmp_path, monkeypatch, command):
    path, given = tmp_path / "a.csv", []
    path.write_text("step,loss\n" + "".join(f"{i},0.5\n" for i in range(60)))
    monkeypatch.chdir(tmp_path)

    def started(memory):
        given.append(memory)
        return begin(None)

    begin = worker._started
    monkeypatch.setattr(worker, "_started", started)
    horizon = [] if command == "columns" else ["--horizon", "24"]
    assert run(command, path, "--memory", 0.5, *horizon)[0] == 0
    assert given == [1 << 29]


def test_how_far_a_large_log_is_read_is_heard(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("step,loss\n" + "".join(f"{i},0.5\n" for i in range(1_700_000)))
    heard = []
    (answer,) = read_logs([Found(str(path))], read_one, lambda *news: heard.append(news))
    assert len(answer[1].runs) == 1
    assert heard
    assert {size for _, size in heard} == {path.stat().st_size}
