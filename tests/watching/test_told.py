"""What is told of events, on a terminal, in lines and to a command."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from datetime import datetime

import pytest
from following import PLATEAU, begin, events_of, staircase, until, watch


def test_standard_input_and_the_command(tmp_path):
    told = tmp_path / "told"
    command = f'echo "$PLATEAU_EVENT $PLATEAU_RUN $PLATEAU_X" >> {told}'
    done = watch("-", "--format", "jsonl", "--exec", command, stdin=staircase().encode())
    assert (done.returncode, done.stderr) == (0, b"")
    events = events_of(done.stdout)
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert told.read_text().splitlines() == [f"{e['event']} {e['run']} {e['x']}" for e in events]
    failing = watch("-", "--exec", "exit 3", stdin=staircase(3000).encode())
    assert failing.returncode == 0
    assert b"--exec: ended with exit code 3: exit 3" in failing.stderr


def test_a_command_runs_for_chosen_events_with_the_line_for_people(tmp_path):
    told = tmp_path / "told"
    command = f'echo "$PLATEAU_TEXT" >> {told}'
    kinds = ["--on", "ended", "--on", "nonfinite"]
    done = watch("-", *kinds, "--exec", command, stdin=staircase().encode())
    lines = done.stdout.decode().splitlines()
    chosen = [line for line in lines if line.endswith("has ended") or "not finite" in line]
    assert 1 < len(chosen) < len(lines) - 1
    assert told.read_text().splitlines() == chosen
    refused = watch("-", "--on", "ended", stdin=b"")
    assert refused.returncode == 2
    assert b"--on chooses events for --exec and --alert: give one of them" in refused.stderr


def test_lines_for_people():
    done = watch("-", stdin=staircase().encode())
    lines = done.stdout.decode().splitlines()
    assert any(line.startswith("run 1, loss at step 43,210: not finite, nan") for line in lines)
    assert lines[0] == "watching loss of - over step, lower is better"
    assert "plateau since" in lines[1]


def test_times_are_shown_as_times():
    rows = (f"{1893456000 + 60 * i},{v}" for i, v in enumerate([5, 4, 3] * 20 + ["nan"]))
    text = "\n".join(["time,loss", *rows, ""]).encode()
    (line,) = watch("-", stdin=text).stdout.decode().splitlines()[1:]
    assert re.search(r" at time 20(29|30)-\d\d-\d\d \d\d:\d\d:00: not finite, nan$", line)
    (event,) = events_of(watch("-", "--format", "jsonl", stdin=text).stdout)
    assert event["x"] == 1893459600
    assert datetime.fromisoformat(event["time"]).timestamp() == event["x"]


def read_until(terminal, text, seconds=60):
    """What a terminal gets until a text is there."""
    got, end = b"", time.monotonic() + seconds
    while text not in got:
        assert time.monotonic() < end, got
        if select.select([terminal], [], [], 1)[0]:
            got += os.read(terminal, 4096)
    return got


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_line_on_a_terminal(tmp_path, number):
    path = tmp_path / "run.log"
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 30, 0, 0))
    command = [*PLATEAU, "watch", path]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs)
    try:
        read_until(terminal, b"\r\x1b[2Kwaiting for /")
        path.write_text("starting up\n")
        read_until(terminal, b"\r\x1b[2Kwaiting for enough rows to c")  # as far as there is room
        with path.open("a") as file:
            file.write(staircase(3000))
        assert b"\r\x1b[2Kloss 1.0" in read_until(terminal, b"at step 29,990: p")
        watcher.send_signal(number)
        out, _ = watcher.communicate(timeout=30)
        assert out.startswith(b"watching loss of ")
        assert os.read(terminal, 4096) == b"\r\x1b[2K"  # nothing stays
    finally:
        watcher.kill()
        os.close(terminal)
        os.close(theirs)
    assert watcher.returncode == (0 if number == signal.SIGTERM else 130)


def test_a_command_that_hangs_does_not_hold_up_the_end(tmp_path):
    path, mark = tmp_path / "run.log", tmp_path / "mark"
    path.write_text(staircase(3000))
    watcher = begin(path, "--exec", f"touch {mark}; sleep 100; true")
    until(mark.exists)
    begun = time.monotonic()
    watcher.terminate()
    out, err = watcher.communicate(timeout=60)
    assert (watcher.returncode, time.monotonic() - begun < 30) == (0, True)
    assert out.startswith(b"watching loss of ")
    assert err.startswith(b"plateau: --exec: ended with exit code -15: touch")


def test_names_cannot_break_a_line_or_a_terminal(run, tmp_path):
    path = tmp_path / "run.jsonl"
    rows = [{"step": i, "lo\x1b[2J\nss": "NaN" if i == 40 else 1.0} for i in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows).replace('"NaN"', "NaN"))
    _, out, _ = run("watch", path, "--idle", 0)
    assert out.decode() == (
        f"watching lo\ufffd[2J ss of {path} over step, no direction\n"
        "run 1, lo\ufffd[2J ss at step 40: not finite, nan\n"
    )
