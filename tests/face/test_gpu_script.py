import re
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "face_gpu.py"


def test_the_script_for_a_gpu_runs_on_a_cpu():
    command = [sys.executable, SCRIPT, "--device", "cpu", "--small", "--threads", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"CPU, torch \S+, bf16, compile False", lines[0])
    for line, source in zip(lines[1:], ("decoded", "JPEG"), strict=False):
        measured = (
            rf"narrow, {source} input: \d+ images/s, \d\.\d{{3}} % of a step in the scheduler"
        )
        assert re.fullmatch(measured, line)
    assert lines[3] == "narrow: whether a step waits for the device can be seen on a GPU only"
    assert re.search(r"500 classes, {'sample_rate': 0.1}: head 0.\d{3} GB", lines[4])
    assert re.search(r"500 classes, {'chunk': 100}: head 0.\d{3} GB", lines[5])
    assert len(lines) == 6
