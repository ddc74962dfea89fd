"""A watch that was killed goes on exactly where it was."""

import json
import random
import time
from types import SimpleNamespace

import numpy as np
import pytest
from following import begin, events_of, staircase, until, watch

from plateau.watching import kept


def test_one_watch_for_each_state(tmp_path):
    path, state = tmp_path / "run.log", tmp_path / "state"
    path.write_text(staircase(2000))
    with begin(path, "--state", state) as first:
        until(state.exists)
        second = watch(path, "--state", state, "--idle", 0)
        assert (second.returncode, second.stderr.decode()) == (
            2, f"plateau: {state}: is in use by process {first.pid}\n"
        )  # fmt: skip
        first.kill()
    third = watch(path, "--state", state, "--idle", 0)
    assert third.returncode == 0, third.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.log", "state"]


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


def test_a_damaged_state_is_one_line(tmp_path):
    path, state = tmp_path / "run.log", tmp_path / "state"
    path.write_text(staircase(500))
    assert watch(path, "--idle", 0, "--state", state).returncode == 0
    good = json.loads(state.read_text())
    damaged = [json.dumps(good | other) for other in ({"log": {}}, {"log": 5}, {"told": 5})]
    damaged += [json.dumps(good | {"settings": 5}), "[" * 100_000, '{"version": ' * 50_000]
    for text in damaged:
        state.write_text(text)
        done = watch(path, "--idle", 0, "--state", state)
        lines = done.stderr.decode().splitlines()
        assert (done.returncode, len(lines)) == (2, 1)
        assert lines[0].startswith(f"plateau: {state}: is ")


def test_a_damaged_state_of_a_folder_is_one_line(tmp_path):
    folder, state = tmp_path / "logs", tmp_path / "state"
    folder.mkdir()
    (folder / "a.log").write_text(staircase(500))
    assert watch(folder, "--idle", 0, "--state", state).returncode == 0
    good = json.loads(state.read_text())
    (name,) = good["logs"]
    own = good["logs"][name]
    for logs in (5, {name: 5}, {name: {"log": {}}}, {name: own | {"runs": 5}}):
        state.write_text(json.dumps(good | {"logs": logs}))
        done = watch(folder, "--idle", 0, "--state", state)
        assert done.returncode == 2
        assert done.stderr.decode().endswith(f"{state}: is damaged: begin without it\n")
    state.write_text(json.dumps({key: value for key, value in good.items() if key != "logs"}))
    assert watch(folder, "--idle", 0, "--state", state).returncode == 2


def test_an_output_that_lost_events_is_refused(tmp_path):
    path, state, output = tmp_path / "run.log", tmp_path / "state", tmp_path / "events"
    path.write_text(staircase(3000))
    options = (path, "--idle", 0, "--state", state, "--output", output)
    assert watch(*options).returncode == 0
    output.write_bytes(b"")
    done = watch(*options)
    assert done.returncode == 2
    assert b"lacks events" in done.stderr


def test_state_of_standard_input_is_refused(tmp_path):
    done = watch("-", "--state", tmp_path / "state", stdin=b"")
    assert done.returncode == 2
    assert b"--state needs a file" in done.stderr


def test_a_large_state_takes_a_tenth_of_the_time_at_most(tmp_path, monkeypatch):
    """It is written less often then, but never left behind."""
    clock, teller = SimpleNamespace(now=0.0), SimpleNamespace(number=0, size=0)
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: clock.now))
    path, written = tmp_path / "state", []
    file = kept.Kept(path, {})

    def make():
        clock.now += 0.2
        written.append(clock.now)
        return {"events": teller.number}

    for i in range(400):  # a busy half of 20 seconds
        clock.now += 0.05
        teller.number += i < 200
        file.keep(teller, make, new=i < 200)
    apart = np.diff(written)
    assert len(apart) >= 4
    assert 2.0 <= apart.min() <= apart.max() <= 2.1
    assert json.loads(path.read_text())["events"] == 200


def test_a_small_state_is_written_with_each_event(tmp_path, monkeypatch):
    clock, teller = SimpleNamespace(now=0.0), SimpleNamespace(number=0, size=0)
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: clock.now))
    file, written = kept.Kept(tmp_path / "state", {}), []
    for i in range(100):
        clock.now += 0.1
        teller.number += i % 10 == 5
        file.keep(teller, lambda: written.append(teller.number) or {}, new=True)
    assert sorted({*written} - {0}) == list(range(1, 11))
    assert len(written) <= 20  # a second apart where nothing is told
