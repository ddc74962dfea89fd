"""A log that is still being written: the same plateaus as a scan, each event once."""

import fcntl
import gzip
import json
import os
import pty
import random
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau.logs import read_log
from plateau.logs.folders import EVENTS
from plateau.logs.frames import FOOTER, masked_crc
from plateau.logs.material import Asked
from plateau.offline import RateSteps, scan_run
from plateau.rule import Rule
from plateau.watching import along, places
from plateau.watching.board import Board
from plateau.watching.columns import Columns
from plateau.watching.lines import LineLog
from plateau.watching.runs import Runs
from plateau.watching.tail import Tail

PLATEAU = [sys.executable, "-c", "from plateau.cli import main; main()"]


def staircase(steps=9000, seed=0):
    """A log of a loss with two plateaus, a NaN between, and a learning rate that drops."""
    rng = np.random.default_rng(seed)
    at = np.arange(steps)
    level = np.where(at < 5000, 1 + 8 * np.exp(-at / 300), 0.2 + 0.8 * np.exp(-(at - 5000) / 200))
    loss = level + 0.02 * rng.normal(size=steps)
    lines = [
        f"step {10 * i} | loss {v:.4f} | lr {0.1 if i < 5000 else 0.01}\n"
        for i, v in enumerate(loss)
    ]
    lines[4321:4322] = ["step 43210 | loss nan | lr 0.1\n"] * (steps > 4321)
    return "starting up\n" + "".join(lines)


def watch(*arguments, **options):
    return subprocess.run(
        [*PLATEAU, "watch", *map(str, arguments)],
        capture_output=True,
        check=False,
        timeout=120,
        **options,
    )


def begin(*arguments):
    return subprocess.Popen(
        [*PLATEAU, "watch", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def events_of(data):
    return [json.loads(line) for line in data.splitlines()]


def until(holds, seconds=60):
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def folded(events):
    """The plateaus that events tell of: start, declared and stop of each, by run."""
    runs = {}
    for event in events:
        spans = runs.setdefault(event["run"], [])
        if event["event"] in ("plateau", "resumed"):
            while spans and spans[-1][1] >= event["declared"]:
                spans.pop()
            if spans and (spans[-1][2] is None or event["start"] < spans[-1][2]):
                spans[-1][2] = event["start"]
            spans.append([event["start"], event["declared"], None])
        elif event["event"] == "ended":
            spans[-1][2] = event["stop"]
    return {run: spans for run, spans in runs.items() if spans}


def scanned(log, rule=Rule()):
    found = {run.name: scan_run(run, rule).plateaus for run in log.runs}
    return {
        name: [[p.start, p.declared, p.stop if p.closed else None] for p in plateaus]
        for name, plateaus in found.items()
        if plateaus
    }


class Chunks:
    """Gives a log in pieces of any size."""

    renewed = False

    def __init__(self, data, sizes):
        self.data, self.sizes, self.ended = data, sizes, False

    def read(self):
        size = next(self.sizes)
        piece, self.data = self.data[:size], self.data[size:]
        self.ended = not self.data
        return piece


def in_chunks(data, sizes, path="run.log", rule=Rule()):
    """Watch a log that comes in pieces; return the events as programs read them."""
    columns = Columns(path, Asked(), lambda message: None)
    log, runs, told = LineLog(Chunks(data, sizes), columns), None, []
    while not log.ended:
        log.read()
        rows = log.rows()
        if runs is None and columns.chosen:
            runs = Runs(rule, columns.chosen, None)
        told += runs.take(rows) if rows else []
    return [event.record(i, run=run) for i, (run, event) in enumerate(told, 1)]


def random_sizes(seed, most):
    rng = random.Random(seed)
    while True:
        yield rng.randint(1, most)


@pytest.mark.parametrize("most", [1000, 4000, 100_000])
def test_chunks_give_the_same_events(most):
    data = staircase().encode()
    events = in_chunks(data, random_sizes(most, most))
    assert events == in_chunks(data, iter([len(data)]))
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["plateau", "nonfinite"]
    assert kinds.count("plateau") == 2


def test_the_plateaus_are_those_of_a_scan(tmp_path):
    path = tmp_path / "run.log"
    path.write_text(staircase())
    events = events_of(watch(path, "--idle", 0, "--format", "jsonl").stdout)
    log = read_log(path)
    assert folded(events) == scanned(log)
    found = scan_run(log.runs[0]).plateaus
    first = next(event for event in events if event["event"] == "plateau")
    assert first["start_x"] == log.runs[0].x[found[0].start]
    assert first["declared_x"] == first["x"] == log.runs[0].x[found[0].declared]


@pytest.mark.parametrize(
    "rule",
    [
        Rule("haar", window=40, threshold=2e-3, patience=300),
        Rule("ema", alpha=0.005, beta=0.005, threshold=5e-4, patience=2000),
    ],
    ids=["haar", "ema"],
)
def test_a_threshold_rule_counts_steps_as_a_scan_does(tmp_path, rule):
    path = tmp_path / "run.log"
    path.write_text(staircase(3000))
    events = in_chunks(path.read_bytes(), random_sizes(1, 5000), rule=rule)
    assert folded(events) == scanned(read_log(path), rule) != {}


LOGS = [
    "caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz",
    "caffe-diverge-crash/caffenet128_lsuv_bs32_lr008.log",
    "catboost-ocd/learn_error.tsv",
    "catboost-ocd/test_error.tsv",
    "coqui-vits/trainer_0_log.txt",
    "darknet-yolov3-cats/train.log.gz",
    "deepmd-cucl/lcurve.out",
    "deepxde-deephx/loss.dat",
    "detectron2-tfg/metrics.json.gz",
    "fairseq-mhmoe/train.log",
    "fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz",
    "hf-nsllm/trainer_log.jsonl",
    "joeynmt-lafand/validations.txt",
    "keras-csvlogger-capsnet/log.csv",
    "lightning-pendulum/metrics.csv",
    "lightning-pendulum-long/metrics.csv.gz",
    "marian-bt-gate/train_bt_encs_biclean+bt_noise.doc.gate.log",
    "marian-restart/train_trans_dual_doc.sam_emb.log",
    "mlflow-segformer/metrics/train/loss",
    "mmdet-faster-rcnn-1x/20210218_221611.log.json.gz",
    "mmdet-nan-lrx10/20211207_135738.log.json",
    "mmdet-spikes-freeanchor/20210312_095808.log.json.gz",
    "mxnet-resnet18/resnet-18.log.gz",
    "nanogpt-wandb-output/output.log",
    "openai-logger-kpd/log.txt",
    "openai-logger-kpd/progress.csv",
    "pytorch-swav-cifar10/train.log",
    "pytorch-swav-cifar10-linear/train.log",
    "rl-atari-a2c/progress.csv",
    "stylegan2-phytoplankton/stats.jsonl.gz",
    "xgboost-geotab/xgb.log",
    "yolov5-oral/results.csv",
]


@pytest.fixture(scope="module")
def real_logs(shared_data):
    return shared_data / "logs"


@pytest.mark.parametrize("name", LOGS)
def test_real_logs_give_the_plateaus_of_a_scan(real_logs, name):
    path = real_logs / name
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    events = in_chunks(data, random_sizes(name, max(len(data) // 100, 1000)), str(path))
    assert folded(events) == scanned(read_log(path))


def test_lines_that_belong_together_wait_for_each_other(tmp_path):
    """The step stands below the loss that it counts, between drawn lines."""
    rng = np.random.default_rng(3)
    loss = 1 + 5 * np.exp(-np.arange(2000) / 100) + 0.01 * rng.normal(size=2000)
    block = "-----------\n| loss | {:.4f} |\n| step | {} |\n"
    path = tmp_path / "run.log"
    path.write_text("".join(block.format(v, 100 * i) for i, v in enumerate(loss)))
    data = path.read_bytes()
    events = in_chunks(data, random_sizes(0, 90))
    assert folded(events) == scanned(read_log(path)) != {}
    assert events == in_chunks(data, iter([len(data)]))


@pytest.mark.parametrize("name", ["text", "csv", "jsonl"])
def test_killed_at_any_moment_it_goes_on_exactly(tmp_path, name):
    rng = random.Random(name)
    data = staircase(24_000)
    if name == "csv":
        data = "step,loss,lr\n" + "\n".join(
            ",".join(line.split()[1::3]) for line in data.splitlines()[1:]
        )
    if name == "jsonl":
        rows = (line.split()[1::3] for line in data.splitlines()[1:])
        data = "".join(
            json.dumps({"step": int(s), "loss": float(v), "lr": float(r)}) + "\n"
            for s, v, r in rows
        )
    data = data.encode().rstrip(b"\n") + b"\n"
    whole = tmp_path / "whole.log"
    whole.write_bytes(data)
    want = watch(whole, "--idle", 0, "--format", "jsonl", "--output", tmp_path / "want")
    assert want.returncode == 0, want.stderr
    path, output, state = tmp_path / "run.log", tmp_path / "got", tmp_path / "state"
    options = (path, "--format", "jsonl", "--output", output, "--state", state)
    pieces = np.array_split(np.frombuffer(data, np.uint8), 100)
    for round_ in range(4):
        before = state.stat().st_mtime_ns if state.exists() else 0
        watcher = begin(*options)
        for i, piece in enumerate(pieces[25 * round_ : 25 * (round_ + 1)]):
            with path.open("ab") as file:
                file.write(piece.tobytes())
            if i == 15:  # it has begun, and there is more to come
                until(lambda before=before: state.exists() and state.stat().st_mtime_ns > before)
        time.sleep(rng.uniform(0, 0.3))
        watcher.kill()
        watcher.communicate()
    assert watch(*options, "--idle", 0).returncode == 0
    got = output.read_bytes().replace(str(path).encode(), str(whole).encode())
    assert got == (tmp_path / "want").read_bytes()
    assert len(events_of(got)) >= 4


def test_a_state_of_another_watch_is_refused(tmp_path):
    path, state = tmp_path / "run.log", tmp_path / "state"
    path.write_text(staircase(500))
    assert watch(path, "--idle", 0, "--state", state).returncode == 0
    other = watch(path, "--idle", 0, "--state", state, "--mode", "max")
    assert other.returncode == 2
    assert other.stderr.decode() == f"plateau: {state}: belongs to a watch with another mode\n"
    state.write_text("{}")
    broken = watch(path, "--idle", 0, "--state", state)
    assert broken.returncode == 2
    assert b"is no state of plateau watch" in broken.stderr


def test_an_output_that_lost_events_is_refused(tmp_path):
    path, state, output = tmp_path / "run.log", tmp_path / "state", tmp_path / "events"
    path.write_text(staircase(3000))
    options = (path, "--idle", 0, "--state", state, "--output", output)
    assert watch(*options).returncode == 0
    output.write_bytes(b"")
    done = watch(*options)
    assert done.returncode == 2
    assert b"lacks events" in done.stderr


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
    assert (code, out) == (2, b"")
    names = [f"events.out.{EVENTS}.{name}" for name in "ab"]
    told = f"plateau: {tmp_path}: {names[0]} and {names[1]} are runs side by side: watch one file\n"
    assert err == told
    assert len(read_log(tmp_path).runs) == 2
    other = [record(i, 1.0, b"accuracy", i) for i in range(50, 100)]
    assert run("watch", board(tmp_path, "b", other), "--idle", 0)[0] == 0


def test_a_folder_without_event_files_is_told(run, tmp_path):
    (tmp_path / "run.csv").write_text("step,loss\n1,2\n")
    code, _, err = run("watch", tmp_path, "--idle", 0)
    assert code == 2
    assert err == (
        f"plateau: {tmp_path}: this folder has no event file of TensorBoard yet\n"
        f"plateau: {tmp_path}: no series of numbers found\n"
    )


def test_standard_input_and_the_command(tmp_path):
    told = tmp_path / "told"
    command = f'echo "$PLATEAU_EVENT $PLATEAU_RUN $PLATEAU_X" >> {told}'
    done = watch("-", "--format", "jsonl", "--exec", command, input=staircase().encode())
    assert (done.returncode, done.stderr) == (0, b"")
    events = events_of(done.stdout)
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    assert told.read_text().splitlines() == [f"{e['event']} {e['run']} {e['x']}" for e in events]
    failing = watch("-", "--exec", "exit 3", input=staircase(3000).encode())
    assert failing.returncode == 0
    assert b"--exec: ended with exit code 3: exit 3" in failing.stderr


def test_lines_for_people():
    done = watch("-", input=staircase().encode())
    lines = done.stdout.decode().splitlines()
    assert any(line.startswith("step 43,210: loss is nan") for line in lines)
    assert "plateau since" in lines[0]


@pytest.mark.parametrize(("what", "code"), [("plateau", 1), ("nan", 1), ("worsening", 0)])
def test_fail_on(tmp_path, what, code):
    path = tmp_path / "run.log"
    path.write_text(staircase(6000))
    done = watch(path, "--fail-on", what, "--idle", 0)
    assert done.returncode == code
    assert done.stderr == b""


def test_fail_on_worsening():
    rng = np.random.default_rng(2)
    loss = np.concatenate([np.linspace(5, 1, 1000), np.linspace(1, 4, 1500)])
    lines = [f"step {i} loss {v:.4f}\n" for i, v in enumerate(loss + 0.02 * rng.normal(size=2500))]
    done = watch("-", "--fail-on", "worsening", "--format", "jsonl", input="".join(lines).encode())
    assert done.returncode == 1
    assert events_of(done.stdout)[-1]["event"] == "worsening"


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


def test_rules_that_need_the_whole_log_are_refused(tmp_path):
    done = watch(tmp_path / "run.log", "--window", 100)
    assert done.returncode == 2
    assert b"give --threshold with --window" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path):
    done = watch("-", "--output", tmp_path / "no" / "events", input=b"")
    assert done.returncode == 2
    assert done.stderr.decode() == f"plateau: {tmp_path}/no/events: no such folder\n"


def test_state_of_standard_input_is_refused(tmp_path):
    done = watch("-", "--state", tmp_path / "state", input=b"")
    assert done.returncode == 2
    assert b"--state needs a file" in done.stderr


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


def test_few_rows_are_looked_at_when_no_more_come(run, tmp_path):
    path, state, output = tmp_path / "run.log", tmp_path / "state", tmp_path / "events"
    options = (path, "--idle", 0, "--state", state, "--output", output, "--fail-on", "nan")
    path.write_text(staircase(5))
    assert run("watch", *options) == (0, b"", "")
    path.write_text(f"{staircase(5)}step 50 | loss nan | lr 0.1\n")
    assert run("watch", *options) == (1, b"", "")
    assert output.read_text() == "step 50: loss is nan\n"
    assert not state.exists()  # columns chosen from so little are not kept


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, (), "no such file"),
        ("", (), "the file is empty"),
        ("nothing\nto see\n", (), "no series of numbers found"),
        (staircase(500), ("--metric", "los"), "los"),
    ],
    ids=["none", "empty", "words", "metric"],
)
def test_a_gate_does_not_pass_a_log_that_it_cannot_read(run, tmp_path, content, options, said):
    path = tmp_path / "run.log"
    if content is not None:
        path.write_text(content)
    code, out, err = run("watch", path, "--idle", 0, "--fail-on", "nan", *options)
    assert (code, out) == (2, b"")
    assert err.startswith(f"plateau: {path}: ")
    assert said in err
    assert err.count("\n") == 1


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
        read_until(terminal, b"\r\x1b[2Kwaiting for the log")
        path.write_text("starting up\n")
        read_until(terminal, b"\r\x1b[2Kwaiting for enough rows to c")  # as far as there is room
        with path.open("a") as file:
            file.write(staircase(3000))
        assert b"\r\x1b[2Kloss 1.0" in read_until(terminal, b"at step 29,990: p")
        watcher.send_signal(number)
        out, _ = watcher.communicate(timeout=30)
        assert out.startswith(b"step ")
        assert os.read(terminal, 4096) == b"\r\x1b[2K"  # nothing stays
    finally:
        watcher.kill()
        os.close(terminal)
        os.close(theirs)
    assert watcher.returncode == (0 if number == signal.SIGTERM else 130)


def test_the_end_before_there_are_rows_is_told(tmp_path):
    path = tmp_path / "run.log"
    path.write_text("starting up\n")
    done = subprocess.run(
        ["timeout", "10", *PLATEAU, "watch", path], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (124, b"")
    assert done.stderr.decode() == f"plateau: {path}: too few rows to choose a metric from\n"


def test_it_ends_quietly_when_nobody_reads(tmp_path):
    path, state = tmp_path / "run.log", tmp_path / "state"
    path.write_text(staircase(3000))
    watcher = begin(path, "--state", state)
    assert watcher.stdout.readline().startswith(b"step ")
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


def test_a_command_that_hangs_does_not_hold_up_the_end(tmp_path):
    path, mark = tmp_path / "run.log", tmp_path / "mark"
    path.write_text(staircase(3000))
    watcher = begin(path, "--exec", f"touch {mark}; sleep 100; true")
    until(mark.exists)
    begun = time.monotonic()
    watcher.terminate()
    out, err = watcher.communicate(timeout=60)
    assert (watcher.returncode, time.monotonic() - begun < 30) == (0, True)
    assert out.startswith(b"step ")
    assert err.startswith(b"plateau: --exec: ended with exit code -15: touch")


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


def test_names_cannot_break_a_line_or_a_terminal(run, tmp_path):
    path = tmp_path / "run.jsonl"
    rows = [{"step": i, "lo\x1b[2J\nss": "NaN" if i == 40 else 1.0} for i in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows).replace('"NaN"', "NaN"))
    _, out, _ = run("watch", path, "--idle", 0)
    assert out.decode() == "step 40: lo\ufffd[2J\ufffdss is nan\n"


def test_the_example_for_github_actions_runs(tmp_path):
    page = Path(__file__).parent.parent / "docs" / "watch.md"
    (example,) = re.findall("```yaml\n(.+?)```", page.read_text(), re.DOTALL)
    lines = re.findall(r"^ +run: (.+)$", example, re.MULTILINE)
    assert len(lines) == 3
    (tmp_path / "train.py").write_text(
        "for i in range(100): print(f'step {i} loss {1 / (i + 1):.4f}', flush=True)\n"
    )
    summary, bin_ = tmp_path / "summary.md", tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "plateau").write_text(f'#!/bin/sh\nexec {shlex.join(PLATEAU)} "$@"\n')
    (bin_ / "plateau").chmod(0o755)
    (bin_ / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary)}
    for line in lines:
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", line],
            cwd=tmp_path,
            env=os.environ | environment,
            check=True,
        )
    assert summary.read_text().startswith("### 0 plateaus in 1 run\n")


def test_scan_fails_on_nan(tmp_path):
    path = tmp_path / "run.log"
    for text, code in ((staircase(5000), 1), (staircase(1000), 0)):
        path.write_text(text)
        arguments = [*PLATEAU, "scan", path, "--quiet", "--fail-on", "nan"]
        assert subprocess.run(arguments, check=False).returncode == code


@given(st.data())
@settings(max_examples=40)
def test_places_know_where_every_row_lies(data):
    steps = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=60))
    at = np.cumsum(data.draw(st.lists(st.integers(1, 3), min_size=60, max_size=60)))[: len(steps)]
    values = np.cumsum(steps).astype(float)
    found = places.Places()
    for part in np.split(np.arange(len(steps)), [len(steps) // 3, len(steps) // 2]):
        found.add(at[part], values[part])
    assert [found(int(i)) for i in at] == values.tolist()


def test_places_do_not_grow(monkeypatch):
    monkeypatch.setattr(places, "MOST", 100)
    found = places.Places()
    x = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, size=5000))
    for begin_ in range(0, 5000, 50):
        found.thin()
        found.add(np.arange(begin_, begin_ + 50), x[begin_ : begin_ + 50])
    assert len(found.starts) <= 150
    assert max(abs(found(i) - x[i]) for i in range(5000)) < 100


@given(st.lists(st.sampled_from([0.1, 0.01, float("nan")]), max_size=40), st.integers(0, 40))
def test_rate_steps_are_the_same_in_parts(lr, cut):
    rates = np.repeat(np.array(lr), 60)
    cut = min(cut * 60 + 7, len(rates))
    whole, parts = RateSteps().take(rates), RateSteps()
    assert [*parts.take(rates[:cut]), *parts.take(rates[cut:])] == whole.tolist()


def test_an_epoch_shows_when_the_first_is_over():
    epoch = np.repeat([1.0, 2.0, 3.0], 4)
    inner = np.tile([5.0, 10.0, 15.0, 20.0], 3)
    follow = along.Along(1)
    x, starts = zip(
        *(follow.take([inner[i : i + 1], epoch[i : i + 1]], 1) for i in range(12)), strict=True
    )
    assert np.concatenate(x).tolist() == [5.0 * i for i in range(1, 13)]
    assert not any(starts)
