import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "face_gpu.py"
OPTIONS = ["--device", "cpu", "--small", "--eager", "--threads", "2"]
RUNS = """
import json, runpy, sys
script, runs = sys.argv[1:]
for options in json.loads(runs):
    sys.argv = [script, *options]
    runpy.run_path(script, run_name="__main__")
    print("over", flush=True)
"""


@pytest.fixture(scope="module")
def said():
    """What it says, and where there is no time: run by one process, which imports torch once."""
    runs = json.dumps([OPTIONS, [*OPTIONS, "--minutes", "0"]])
    command = [sys.executable, "-c", RUNS, SCRIPT, runs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *whole, rest = done.stdout.split("over\n")
    assert (len(whole), rest) == (2, "")
    return [text.splitlines() for text in whole]


def test_the_script_for_a_gpu_runs_on_a_cpu(said):
    lines, _ = said
    assert re.fullmatch(r"CPU, torch \S+, bf16, eager", lines[0])
    for line, source in zip(lines[3:], ("decoded", "packed JPEG", "loose JPEG"), strict=False):
        measured = rf"\| narrow \| 8 \| {source} \| \d+ \| \d+ \| not known \| \d+\.\d{{3}} % \|"
        assert re.fullmatch(measured, line)
    assert lines[6] == "narrow: whether a step waits for the device can be seen on a GPU only"
    assert re.fullmatch(r"narrow: \d+\.\d % of a step at 8 in Muon", lines[7])
    assert re.search(r"500 classes, {'sample_rate': 0.1}: head 0.\d{3} GB", lines[8])
    assert re.search(r"500 classes, {'chunk': 100}: head 0.\d{3} GB", lines[9])
    names = ["sgd, 4 of 4 epochs", "sgd, 1 of 4 epochs", "muon, 1 of 4 epochs"]
    for line, name in zip(lines[10:13], names, strict=True):
        assert re.fullmatch(rf"{name}, seed 0: \d+\.\d\d % in \d+ s", line)
    for line, name in zip(lines[13:], names, strict=True):
        assert re.fullmatch(rf"narrow, {name}: \d+\.\d\d % of 1 seeds", line)


def test_what_there_is_no_time_for_is_said(said):
    assert [line for line in said[1] if "left out" in line] == [
        "left out, the time is over: narrow at 8",
        "left out, the time is over: narrow, 500 classes, {'sample_rate': 0.1}",
        "left out, the time is over: narrow, 500 classes, {'chunk': 100}",
        "left out, the time is over: a quarter against the full budget",
    ]
