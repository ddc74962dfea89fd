"""How much was tried, counted: states, files, commands, killed programs, patterns.

    python -m tests.reliability --minutes 10

Each kind of trial gets an equal share of the time, and what it says of itself is printed. It ends
with exit code 1 if one of them found something, which is kept in ``tests/logs/findings`` where it
is a file for the command line. The page "Reliability" has the counts of a run.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
COMMANDS = 60  # tried in a minute, about
WATCH = "tests/watching/test_state.py::test_killed_at_any_moment_it_goes_on_exactly"
WRITER = "tests/test_outputs.py::test_a_writer_that_is_killed_leaves_a_whole_file"
TIMES = {WATCH: 4, WRITER: 40}  # that each test kills its program


def said(*command, **environment):
    """Run a program in the checkout; return its last line, and end with its words if it fails."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout.strip().splitlines()[-1]


def passed(line):
    """Read how many tests passed from pytest's last line."""
    return int(re.search(r"(\d+) passed", line)[1])


def states(minutes):
    """Numbers and bits of saved states are changed, under bounds checks."""
    seconds = str(60 * minutes)
    seed = str(time.time_ns() % 2**32)
    program = (sys.executable, "tests/tamper.py", "--seconds", seconds, "--seed", seed)
    return said(*program, NUMBA_BOUNDSCHECK="1")


def files(minutes):
    """Sample logs of every format are damaged and read."""
    return said(sys.executable, "tests/logs/test_fuzz.py", str(minutes))


def commands(minutes):
    """Files of any content and name are put through the whole command line."""
    tried = max(int(COMMANDS * minutes), 1)
    said(*PYTEST, "tests/test_anything.py", PLATEAU_FUZZ=str(tried))
    return f"{tried} commands, each done or refused in lines"


def kills(minutes):
    """A watch and a writer of files are killed at any moment; one goes on, one leaves it whole."""
    end, killed = time.monotonic() + 60 * minutes, Counter()
    while not killed or time.monotonic() < end:
        for test, times in TIMES.items():
            killed[test] += times * passed(said(*PYTEST, test))
    return f"{killed[WATCH]} kills of a watch and {killed[WRITER]} of a writer, each survived"


def patterns(minutes):
    """Each compiled pattern of the readers is measured on texts that grow, once."""
    of_texts, of_logs = (
        passed(said(*PYTEST, "tests/logs/test_effort.py", "-k", f"time_as_{its}"))
        for its in ("its_text", "the_log")
    )
    return f"{of_texts} patterns and {of_logs} kinds of logs, whose time grows as they do"


TRIALS = (states, files, commands, kills, patterns)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    minutes = parser.parse_args().minutes / len(TRIALS)
    for trial in TRIALS:
        print(trial(minutes), flush=True)


if __name__ == "__main__":
    main()
