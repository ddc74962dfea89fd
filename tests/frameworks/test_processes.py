"""Two processes of one training do the same, each by its framework's own way to begin them."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plateau import Haar, Schedule, Stopper, ThresholdDetector
from plateau.policy import Policy

HERE = Path(__file__).parent


def by_rank(printed):
    """What the processes print, by their ranks."""
    # A line may have no end of its own: a process may write that apart, behind another's line.
    told = dict(re.findall(r"(rank \d):(.*?)(?=rank \d:|$)", printed, re.MULTILINE))
    assert sorted(told) == ["rank 0", "rank 1"]
    return [told[rank] for rank in sorted(told)]


def told(done):
    """What the processes of one command print."""
    assert done.returncode == 0, done.stderr
    return by_rank(done.stdout)


def told_by_both(worker, *arguments):
    """What two processes print that are begun one by one, each with arguments of its own."""
    workers = [
        subprocess.Popen(
            [sys.executable, HERE / worker, *map(str, each)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in arguments
    ]
    try:
        outputs = [process.communicate(timeout=400) for process in workers]
    finally:  # one that waits for the other
        for process in workers:
            process.kill()
    assert [process.returncode for process in workers] == [0, 0], outputs
    return by_rank("".join(output for output, _ in outputs))


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


def free_ports(many):
    """Ports that nobody listens at."""
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(many)]
    ports = [each.getsockname()[1] for each in listening]
    for each in listening:
        each.close()
    return ports


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
    first, second = told_by_both("xgboost_worker.py", [arguments], [arguments])
    thread.join(60)
    assert first == second
    assert int(first.split()[0]) < 200


def test_lightgbm_with_the_same_evaluation_set_on_each_machine():
    pytest.importorskip("lightgbm")
    ports = free_ports(2)
    first, second = told_by_both("lightgbm_worker.py", [0, *ports], [1, *ports])
    assert first == second
    assert int(first.split()[0]) < 200


def test_keras_on_jax(tmp_path):
    """Their losses differ: only their mean is flat. Keras 3.6 takes no arrays there."""
    pytest.importorskip("keras", minversion="3.15")
    pytest.importorskip("jax")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    file = tmp_path / "states"  # of both, as they are the same
    both = told_by_both("keras_worker.py", [address, 0, file], [address, 1, file])
    stopper = Stopper(ThresholdDetector(Haar(4), 0.1, 20))
    steps = 1 + [stopper.step(0.0) for _ in range(40)].index(True)
    for said, alerts in zip(both, (1, 0), strict=True):
        rate, taken, sent = said.split()
        assert float(rate) == pytest.approx(0.05 / 4)
        assert (int(taken), int(sent)) == (steps, alerts)
    assert list(json.loads(file.read_text())) == [str(steps)]
