"""A folder of logs that grow: one detector a log, new ones as they appear."""

import json
import os
import signal

import numpy as np
import pytest
from following import begin, events_of, folded, scanned, until, watch

from plateau.logs import read_log
from plateau.watching.budget import Budget

ROWS = 1500


def lines_of(seed, rows=ROWS):
    """A loss that falls, is flat, and falls again where ``seed`` is odd."""
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    level = 1 + 8 * np.exp(-at / 60) - (seed % 2) * np.clip((at - 900) / 200, 0, 2)
    loss = level + 0.05 * rng.normal(size=rows)
    return [f"step {10 * i} loss {value:.4f}\n" for i, value in enumerate(loss)]


@pytest.fixture(scope="module")
def logs():
    return {f"run{seed}.log": lines_of(seed) for seed in range(6)}


def by_log(events):
    found = {}
    for event in events:
        told = {name: value for name, value in event.items() if name != "number"}
        found.setdefault(told.pop("path"), []).append(told)
    return found


def test_each_log_has_its_own_detector(tmp_path, logs):
    for name, lines in logs.items():
        path = tmp_path / ("deeper" if "3" in name else "") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(lines))
    (tmp_path / "notes.txt").write_text("nothing to see here\n")
    done = watch(tmp_path, "--idle", "0", "--format", "jsonl")
    assert done.returncode == 0
    assert done.stderr == b""
    events = by_log(events_of(done.stdout))
    assert len(events) == len(logs)
    for path, told in events.items():
        assert folded(told) == scanned(read_log(path))
    text = watch(tmp_path, "--idle", "0", "--fail-on", "plateau")
    assert text.returncode == 1
    assert f"{tmp_path}/run0.log, run 1, loss at step".encode() in text.stdout


def test_killed_and_resumed_it_tells_what_it_would_have_told(tmp_path, logs):
    folder, state, out = tmp_path / "logs", tmp_path / "state", tmp_path / "events"
    folder.mkdir()

    def grow(names, start, stop):
        for at in range(start, stop, 100):
            for name in names:
                with (folder / name).open("a") as file:
                    file.write("".join(logs[name][at : min(at + 100, stop)]))

    options = [folder, "--format", "jsonl", "--state", state, "--output", out]
    watching = begin(*options)
    names = list(logs)
    grow(names[2:], 0, 800)  # the first two come later
    until(lambda: out.exists() and out.read_bytes())
    until(lambda: state.exists() and len(json.loads(state.read_text())["logs"]) == 4)
    grow(names[:2], 0, 800)
    watching.send_signal(signal.SIGKILL)
    watching.communicate()
    grow(names, 800, ROWS)
    done = watch(*options, "--idle", "1")
    assert done.returncode == 0, done.stderr
    whole = watch(folder, "--idle", "0", "--format", "jsonl")
    events = events_of(out.read_bytes())
    assert by_log(events) == by_log(events_of(whole.stdout))
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))


def test_what_was_chosen_in_a_hurry_is_not_kept(tmp_path, logs):
    folder, state, out = tmp_path / "logs", tmp_path / "state", tmp_path / "events"
    folder.mkdir()
    log = folder / "a.log"
    log.write_text("".join(f"step {10 * i} accuracy nan\n" for i in range(5)))
    options = [folder, "--idle", "0", "--format", "jsonl"]
    kept = ["--state", state, "--output", out]
    assert watch(*options, *kept).returncode == 0
    assert {event["metric"] for event in events_of(out.read_bytes())} == {"accuracy"}
    with log.open("a") as file:
        file.write("".join(logs["run1.log"][5:]))
    assert watch(*options, *kept).returncode == 0
    events = events_of(out.read_bytes())
    assert {event["metric"] for event in events} == {"loss"}
    assert events == events_of(watch(*options).stdout)


@pytest.mark.skipif(os.name != "posix", reason="no limit of open files here")
def test_more_logs_than_may_be_open(tmp_path):
    import resource

    folder, state = tmp_path / "logs", tmp_path / "state"
    folder.mkdir()
    losses = [max(9 - i / 5, 3) + i * 7919 % 13 / 100 for i in range(160)]
    lines = [f"step {i} loss {loss:.3f}\n" for i, loss in enumerate(losses)]
    logs = [folder / f"run{i}.log" for i in range(140)]
    most = (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    few = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, most)}
    options = [folder, "--idle", "0", "--format", "jsonl", "--horizon", "24"]
    told = []
    for part in (slice(100), slice(100, None)):  # the second from a state
        for path in logs:
            with path.open("a") as file:
                file.write("".join(lines[part]))
        process = begin(*options, "--state", state, **few)
        out, said = process.communicate()
        assert (process.returncode, said) == (0, b"")
        told += events_of(out)
    whole = by_log(events_of(watch(*options).stdout))
    assert len(whole) == len(logs)
    assert by_log(told) == whole


def test_a_log_that_cannot_be_followed_is_told_once_and_left(tmp_path, logs):
    (tmp_path / "good.log").write_text("".join(logs["run0.log"]))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1\n" + bytes(100))
    done = watch(tmp_path, "--idle", "0.5", "--format", "jsonl")
    assert done.returncode == 0
    assert done.stderr.count(b"cannot be followed") == 1
    assert list(by_log(events_of(done.stdout))) == [str(tmp_path / "good.log")]


def test_a_folder_without_logs_is_no_success(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see here\n")
    done = watch(tmp_path, "--idle", "0")
    assert done.returncode == 2
    assert b"no log in this folder can be followed" in done.stderr


def test_a_budget_of_alarms_is_kept_however_many_come():
    for first in (1, 3, 200):
        budget = Budget(alarms=2, per=500)
        lengths = [budget.run_length(first) for _ in range(10_000)]
        assert lengths[:first] == [2 * first * 250] * first
        assert lengths == sorted(lengths)
        assert sum(500 / length for length in lengths) <= 2


def test_logs_share_a_budget_of_alarms(tmp_path, logs):
    folder, state = tmp_path / "logs", tmp_path / "state"
    folder.mkdir()
    options = [folder, "--idle", "0", "--state", state, "--alarms", "0.5", "--per", "1000"]
    lengths = {"run0.log": 8000.0, "run1.log": 8000.0, "run2.log": 16_000.0}
    for names in (["run0.log", "run1.log"], ["run2.log"]):  # the third one after a restart
        for name in names:
            (folder / name).write_text("".join(logs[name]))
        done = watch(*options)
        assert done.returncode == 0, done.stderr
    kept = json.loads(state.read_text())["logs"].values()
    made = [log["runs"]["track"]["detector"]["params"]["run_length"] for log in kept]
    assert made == list(lengths.values())
    other = watch(*options[:-4], "--alarms", "1")
    assert other.returncode == 2
    assert b"another alarms, per" in other.stderr
    rule = watch(folder, "--alarms", "1", "--threshold", "1", "--window", "20")
    assert rule.returncode == 2
    assert b"alarms are a matter of the detector auto" in rule.stderr
