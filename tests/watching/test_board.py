"""TensorBoard event files while they are written."""

import os
import struct
import time

import numpy as np
import pytest
from following import events_of, folded, scanned, watch

from plateau.logs import read_log
from plateau.logs.choosing.asked import Asked
from plateau.logs.formats.frames import FOOTER, masked_crc
from plateau.logs.formats.tensorboard import EVENTS
from plateau.watching.board import Board
from plateau.watching.columns import Columns


def record(step, value, tag=b"loss", time_=1.0):
    """One scalar as TensorBoard writes it."""
    summary = b"\n" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", value)
    inner = b"\n" + bytes([len(summary)]) + summary
    number = b""
    while True:
        number += bytes([step & 127 | (128 if step > 127 else 0)])
        step >>= 7
        if not step:
            break
    event = b"\t" + struct.pack("<d", time_) + b"\x10" + number + b"*" + bytes([len(inner)]) + inner
    head = struct.pack("<Q", len(event))
    return head + FOOTER.pack(masked_crc(head)) + event + FOOTER.pack(masked_crc(event))


def test_a_tensorboard_folder(tmp_path):
    rng = np.random.default_rng(5)
    loss = 1 + 5 * np.exp(-np.arange(3000) / 100) + 0.01 * rng.normal(size=3000)
    data = [record(10 * i, v, time_=i) + record(10 * i, 0.5, b"acc", i) for i, v in enumerate(loss)]
    folder, state = tmp_path / "runs", tmp_path / "state"
    options = (folder, "--format", "jsonl", "--state", state, "--idle", 0)
    folder.mkdir()
    got = []
    for name, part in (("1", data[:1000]), ("2", data[1000:])):
        path = folder / f"events.out.{EVENTS}.{name}"
        for size in (len(part) // 2, len(part)):
            whole = b"".join(part)
            cut = len(b"".join(part[:size])) - (7 if size < len(part) else 0)
            path.write_bytes(whole[:cut])
            done = watch(*options)
            assert (done.returncode, done.stderr) == (0, b"")
            got += events_of(done.stdout)
    assert folded(got) == scanned(read_log(folder)) != {}


def board(folder, name, data):
    folder.mkdir(exist_ok=True)
    (folder / f"events.out.{EVENTS}.{name}").write_bytes(b"".join(data))
    return folder


def test_each_run_of_a_tensorboard_root_has_its_own_detector(tmp_path):
    rng, want = np.random.default_rng(5), {}
    for name, level in (("a", 1.0), ("b/train", 3.0)):
        loss = level + 5 * np.exp(-np.arange(1500) / 100) + 0.01 * rng.normal(size=1500)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        folder = board(tmp_path / name, "1", [record(i, v, time_=i) for i, v in enumerate(loss)])
        want[str(folder)] = scanned(read_log(folder))
    done = watch(tmp_path, "--format", "jsonl", "--idle", 0)
    assert (done.returncode, done.stderr) == (0, b"")
    events = events_of(done.stdout)
    assert {
        path: folded(event for event in events if event["path"] == path) for path in want
    } == want


def test_a_long_file_is_read_to_its_end_before_the_one_of_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr("plateau.watching.board.PIECE", 10_000)
    data = [record(i, 1 / (1 + i), time_=i) for i in range(2000)]
    folder = board(board(tmp_path, "1", data[:1000]), "2", data[1000:])
    log, taken = Board(folder, Columns(str(folder), Asked(), None)), []
    while log.read():
        rows = log.rows()
        taken += [] if rows is None else rows.x[0].tolist()
    assert taken == list(range(1999))  # the last one may get more


def test_runs_side_by_side_in_a_folder_are_refused(run, tmp_path):
    data = [record(i, 1 / (1 + i), time_=i) for i in range(100)]
    board(board(tmp_path, "a", data), "b", data[50:])
    code, out, err = run("watch", tmp_path, "--idle", 0)
    assert (code, out) == (2, f"watching loss of {tmp_path} over step, lower is better\n".encode())
    names = [f"events.out.{EVENTS}.{name}" for name in "ab"]
    told = f"plateau: {tmp_path}: {names[0]} and {names[1]} are runs side by side: watch one file\n"
    assert err == told
    assert len(read_log(tmp_path).runs) == 2
    other = [record(i, 1.0, b"accuracy", i) for i in range(50, 100)]
    assert run("watch", board(tmp_path, "b", other), "--idle", 0)[0] == 0


def test_a_folder_of_many_restarts_is_read_as_fast_as_each_file(tmp_path):
    """Each is compared with the others, and not all with all each time."""
    for number in range(300):
        board(tmp_path, f"{number:04}", [record(number, 1.0, time_=float(number))])
    log = Board(tmp_path, Columns(str(tmp_path), Asked(), None))
    begin = time.thread_time()
    while log.read():
        pass
    assert len(log.points.tags) == 300
    assert time.thread_time() - begin < 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes by name here")
def test_a_pipe_among_event_files_is_not_waited_for(tmp_path):
    board(tmp_path, "1", [record(i, 1 / (1 + i), time_=i) for i in range(50)])
    os.mkfifo(tmp_path / f"events.out.{EVENTS}.2")
    done = watch(tmp_path, "--idle", 0, "--horizon", 24)
    assert (done.returncode, done.stderr) == (0, b"")
