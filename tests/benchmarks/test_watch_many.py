"""A folder of logs that grow, through a ``kill -9``: nothing is lost, events are equal."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("watch_many.py")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="memory is told by /proc")
def test_many_logs_are_followed_through_a_kill():
    command = [sys.executable, SCRIPT, "--files", "8", "--rate", "2000", "--seconds", "4"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " rows written, " in done.stdout
