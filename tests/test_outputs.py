"""Outputs of programs that are killed, and on full disks: whole and new, or as they were."""

import os
import random
import signal
import subprocess
import time

import pytest
from processes import PLATEAU

from plateau.export import write_whole

resource = pytest.importorskip("resource", reason="no limits of files here")

KILLS = 40


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path):
    target, rng, size = tmp_path / "out", random.Random(0), 500_000
    write_whole(target, bytes(size))
    seen = set()
    for turn in range(KILLS):
        letters = (b"a", b"b") if turn % 2 else (b"b", b"a")  # a busy machine gets to one alone
        before = target.stat().st_ino
        if not (writer := os.fork()):
            try:
                while True:
                    for letter in letters:
                        write_whole(target, letter * size)
            finally:
                os._exit(1)
        while target.stat().st_ino == before:  # it has not begun, on a busy machine
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(writer, signal.SIGKILL)
        assert os.waitpid(writer, 0)[1] == signal.SIGKILL
        content = target.read_bytes()
        assert (len(content), len(set(content))) == (size, 1)
        seen.add(content[0])
    assert len(seen) > 1


def on_a_full_disk(command):
    """Run a command that can write no file of more than a few bytes."""
    most = (20, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    return subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, most),
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["scan", "a.csv", "--format", "json", "-o", "out"],
        ["report", "a.csv", "-o", "out"],
        ["watch", "a.csv", "--idle", "0", "--horizon", "24", "--state", "out", "--output", "told"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_disk_that_takes_nothing_more_leaves_what_there_was(
    run, tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    log, out = tmp_path / "a.csv", tmp_path / "out"
    log.write_text("step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(300)))
    assert run(*arguments)[0] == 0
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with log.open("a") as file:
        file.write("".join(f"{i},{i}\n" for i in range(300, 600)))
    before[log] = log.read_bytes()
    done = on_a_full_disk([*PLATEAU, *arguments])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("plateau: ")
    assert "Traceback" not in done.stderr
    assert {file: file.read_bytes() for file in before} == before
    assert run(*arguments)[0] == 0  # it goes on
    assert out.read_bytes() != before[out]
