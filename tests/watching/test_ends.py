"""Signals, and readers that go away, end a watch cleanly."""

import json
import os
import signal
import subprocess

import pytest
from following import PLATEAU, begin, staircase, until, watch


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_end_it_with_its_state_saved(tmp_path, number, code):
    path, state, output = tmp_path / "run.log", tmp_path / "state", tmp_path / "events"
    path.write_text(staircase(3000))
    watcher = begin(path, "--state", state, "--output", output)
    until(lambda: output.exists() and output.read_bytes())
    with path.open("a") as file:
        file.write("step 30000 | loss nan | lr 0.1\n")
    until(lambda: b"nan" in output.read_bytes())
    watcher.send_signal(number)
    _, err = watcher.communicate(timeout=30)
    assert (watcher.returncode, err) == (code, b"")
    assert json.loads(state.read_text())["log"]["place"][0] == path.stat().st_size


def test_the_end_before_there_are_rows_is_told(tmp_path, monkeypatch):
    path = tmp_path / "run.log"
    path.write_text("starting up\n")

    def interrupted(seconds):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("plateau.watching.session.time.sleep", interrupted)
    done = watch(path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"plateau: {path}: too few rows to choose a metric from\n"


def test_it_ends_quietly_when_nobody_reads(tmp_path):
    path, state = tmp_path / "run.log", tmp_path / "state"
    path.write_text(staircase(3000))
    watcher = begin(path, "--state", state)
    assert watcher.stdout.readline().startswith(b"watching loss of ")
    assert watcher.stdout.readline().startswith(b"run 1, loss at step ")
    watcher.stdout.close()
    assert watcher.wait(60) == 141  # although nothing more was to be written
    assert watcher.stderr.read() == b""
    watcher.stderr.close()
    assert json.loads(state.read_text())["told"]["number"] == 1


@pytest.mark.parametrize("command", ["scan", "report", "replay", "watch"])
def test_a_closed_pipe_is_no_error(tmp_path, command):
    path = tmp_path / "run.log"
    path.write_text(staircase(6000))
    more = {"report": ["--format", "markdown"], "watch": ["--idle", "0"]}.get(command, [])
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [*PLATEAU, command, path, *more], stdout=writes, stderr=subprocess.PIPE, check=False
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")
