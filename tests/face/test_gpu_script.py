import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "face_gpu.py"


def said(*options):
    command = [sys.executable, SCRIPT, "--device", "cpu", "--small", "--eager", "--threads", "2"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_script_for_a_gpu_runs_on_a_cpu():
    lines = said()
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


def test_what_there_is_no_time_for_is_said():
    assert [line for line in said("--minutes", "0") if "left out" in line] == [
        "left out, the time is over: narrow at 8",
        "left out, the time is over: narrow, 500 classes, {'sample_rate': 0.1}",
        "left out, the time is over: narrow, 500 classes, {'chunk': 100}",
        "left out, the time is over: a quarter against the full budget",
    ]
