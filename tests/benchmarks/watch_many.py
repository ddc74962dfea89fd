"""Whether ``plateau watch`` keeps up with a folder of many logs, through a ``kill -9``.

    python tests/benchmarks/watch_many.py --files 200 --rate 10000 --seconds 60

Half way the watch is killed, and begun again. At the end all rows must have been taken, and the
events be those that a watch of the finished logs tells. Runs where there is ``/proc``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from watch_rate import WATCH, busy, memory

WRITER = """
import math, random, sys, time
from pathlib import Path
folder, files, rate, seconds = Path(sys.argv[1]), *map(int, sys.argv[2:])
logs = [(folder / f"run{i:04d}.log").open("a") for i in range(files)]
random.seed(1)
begin, step, rows = time.monotonic(), [0] * files, 0
while (now := time.monotonic() - begin) < seconds:
    while rows < rate * now:
        i, rows = rows % files, rows + 1
        s = step[i]
        step[i] += 1
        level = 1 + 8 * math.exp(-s / 60) - (i % 2) * min(max((s - 900) / 200, 0), 2)
        loss = random.gauss(level, 0.05)
        logs[i].write(f"2026-01-01 00:00:00 INFO step {s} | loss {loss:.5f}\\n")
    for log in logs:
        log.flush()
    time.sleep(0.05)
print(rows)
"""


def begin(folder, state, output, *more):
    command = [sys.executable, "-c", WATCH, "watch", folder, "--format", "jsonl", "--quiet"]
    options = ["--state", state, "--output", output] if state else []
    return subprocess.Popen(
        [*map(str, [*command, *options, *more])], stdout=None if state else subprocess.PIPE
    )


def told(text):
    """The events of each log, without their numbers."""
    found = {}
    for event in map(json.loads, text.splitlines()):
        event.pop("number")
        found.setdefault(event.pop("path"), []).append(event)
    return found


def follow(watch, writing, seconds):
    """Tell memory and share of a core while both run."""
    end, most = time.monotonic() + seconds, 0.0
    before, when = busy(watch.pid), time.monotonic()
    while time.monotonic() < end and writing.poll() is None:
        time.sleep(min(5, max(end - time.monotonic(), 0.1)))
        if watch.poll() is not None:  # nothing new is written any more
            break
        now, taken = time.monotonic(), busy(watch.pid)
        most = max(most, memory(watch.pid))
        share = (taken - before) / (now - when)
        print(f"{memory(watch.pid):6.1f} MiB of memory, {share:4.0%} of a core", flush=True)
        before, when = taken, now
    return most


def run(files, rate, seconds):
    """Return the rows that were written, those that were taken, and whether events are equal."""
    with tempfile.TemporaryDirectory() as place:
        folder, state, output = (Path(place) / name for name in ("logs", "state", "events"))
        folder.mkdir()
        (folder / "run0000.log").touch()
        watch = begin(folder, state, output)
        writer = [sys.executable, "-c", WRITER, folder, files, rate, seconds]
        writing = subprocess.Popen(list(map(str, writer)), stdout=subprocess.PIPE, text=True)
        follow(watch, writing, seconds / 2)
        watch.kill()
        watch.wait()
        watch = begin(folder, state, output, "--idle", "2")
        follow(watch, writing, seconds)
        rows = int(writing.communicate()[0])
        ended = time.monotonic()
        watch.wait()
        print(f"done {time.monotonic() - ended - 2:.1f} s after the writer")
        logs = json.loads(state.read_text())["logs"].values()
        taken = sum(log["runs"]["track"]["follower"]["rows"] for log in logs)
        whole = begin(folder, None, None, "--idle", "0").communicate()[0]
        events = told(output.read_bytes())
        print(f"{rows:,} rows written, {taken:,} taken; {sum(map(len, events.values()))} events")
        return rows, taken, events == told(whole)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rate", type=int, default=10_000, help="lines a second in all files")
    parser.add_argument("--seconds", type=int, default=60)
    rows, taken, equal = run(**vars(parser.parse_args()))
    sys.exit(0 if rows == taken and equal else "rows were lost, or events differ")


if __name__ == "__main__":
    main()
