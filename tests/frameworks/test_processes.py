"""Two processes of one training do the same, each by its framework's own way to begin them."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plateau import Haar, Schedule, Stopper, ThresholdDetector
from plateau.policy import Policy

HERE = Path(__file__).parent


def told(done):
    """What the processes print, by their ranks."""
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if line.startswith("rank"))
    assert [line.split(":")[0] for line in lines] == ["rank 0", "rank 1"]
    return [line.split(":")[1] for line in lines]


def side_by_side(worker, *arguments):
    """Two processes by the launcher of torch."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return told(
        subprocess.run(
            [*launch, HERE / worker, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    )


def test_lightning():
    """Their losses differ: only their mean is flat."""
    pytest.importorskip("lightning")
    worker = HERE / "lightning_worker.py"
    first, second = told(
        subprocess.run(
            [sys.executable, worker], capture_output=True, text=True, timeout=400, check=False
        )
    )
    assert first == second
    rate, steps = first.split()
    assert float(rate) == 0.05 / 4
    stopper = Stopper(ThresholdDetector(Haar(4), 0.1, 20))
    assert int(steps) == 1 + [stopper.step(0.0) for _ in range(40)].index(True)


def test_transformers(tmp_path):
    pytest.importorskip("transformers")
    schedule, rate = Schedule(ThresholdDetector(Haar(4), 0.1, 3), Policy()), 0.4
    first, second = side_by_side("transformers_worker.py", tmp_path)
    taken, found = first.split()
    assert first == second
    for _ in range(int(taken)):
        event = schedule.step(1.5, rate)
        rate = event.lr if event else rate
    assert float(found) == pytest.approx(rate)
    assert rate < 0.4


def test_accelerate_steps_a_prepared_scheduler_twice_and_each_loss_is_taken_once():
    pytest.importorskip("accelerate")
    from accelerate_worker import LOSSES

    schedule, rate = Schedule(ThresholdDetector(Haar(4), 0.1, 3), Policy(max_reductions=2)), 0.4
    for loss in LOSSES:
        event = schedule.step(loss, rate)
        rate = event.lr if event else rate
    assert rate == 0.1
    for said in side_by_side("accelerate_worker.py"):
        assert said.split() == [str(len(LOSSES)), "0.1", "1"]


def test_xgboost():
    pytest.importorskip("xgboost")
    from xgboost.tracker import RabitTracker

    tracker = RabitTracker(host_ip="127.0.0.1", n_workers=2)
    tracker.start()
    thread = threading.Thread(target=tracker.wait_for)
    thread.start()
    arguments = json.dumps(tracker.worker_args())
    workers = [
        subprocess.Popen(
            [sys.executable, HERE / "xgboost_worker.py", arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [worker.communicate(timeout=200) for worker in workers]
    thread.join(60)
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    ranks = dict(output.strip().split(":") for output, _ in outputs)
    assert sorted(ranks) == ["rank 0", "rank 1"]
    assert ranks["rank 0"] == ranks["rank 1"]
    assert int(ranks["rank 0"].split()[0]) < 200
