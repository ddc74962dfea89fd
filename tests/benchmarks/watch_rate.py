"""Whether ``plateau watch`` keeps up with a log that another process writes, and in what memory.

    python tests/benchmarks/watch_rate.py --rate 10000 --seconds 60

Each line tells how many lines the watch has not read yet, its memory, and its share of a core.
Runs where there is ``/proc``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WATCH = "from plateau.cli import main; main()"
WRITER = """
import math, random, sys, time
rate, seconds = int(sys.argv[2]), int(sys.argv[3])
begin, step = time.monotonic(), 0
with open(sys.argv[1], "a") as log:
    while (now := time.monotonic() - begin) < seconds:
        while step < rate * now:
            loss = 1 + 8 * math.exp(-step / 2e4) + random.gauss(0, 0.02)
            log.write(f"2026-01-01 00:00:00 INFO step {step} | loss {loss:.5f} | lr 0.001\\n")
            step += 1
        log.flush()
        time.sleep(0.01)
"""


def read_bytes(pid, log):
    """How far a process has read a file."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if descriptor.readlink() == log:
            told = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
            return int(told.split()[1])
    return 0


def memory(pid):
    """Resident memory in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def busy(pid):
    """Seconds of a core that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=10_000, help="lines a second")
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log, state = Path(folder).resolve() / "run.log", Path(folder) / "state"
        command = [sys.executable, "-c", WATCH, "watch", str(log), "--state", str(state)]
        watch = subprocess.Popen([*command, "--format", "jsonl"])
        time.sleep(5)  # what it needs is imported, and compiled where it was not before
        writer = [sys.executable, "-c", WRITER, str(log), str(asked.rate), str(asked.seconds)]
        writing = subprocess.Popen(writer)
        before, when, size = busy(watch.pid), time.monotonic(), 0
        while writing.poll() is None:
            time.sleep(5)
            size = log.stat().st_size
            behind = (size - read_bytes(watch.pid, log)) // 58
            now, taken = time.monotonic(), busy(watch.pid)
            share = (taken - before) / (now - when)
            before, when = taken, now
            print(
                f"{size >> 20:5} MiB written, {max(behind, 0):7,} lines to read, "
                f"{memory(watch.pid):6.1f} MiB of memory, {share:4.0%} of a core",
                flush=True,
            )
        watch.terminate()
        watch.wait()


if __name__ == "__main__":
    main()
