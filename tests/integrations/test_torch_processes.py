"""Several processes that train together have the same learning rate at every step."""

import copy
import json
import math
import pickle
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import example, given
from hypothesis import strategies as st
from test_torch_intake import Device, far
from twins import scheduled

from plateau import Haar, ThresholdDetector
from plateau_torch import PlateauLR, PlateauStopper
from plateau_torch.processes import Processes, mean_loss

STEPS = 60
FLAT = ThresholdDetector(Haar(4), threshold=0.1, patience=3)


@pytest.fixture(scope="module")
def losses():
    """The losses of two processes: noisy, apart from each other, one of them once not finite."""
    rng = np.random.default_rng(0)
    level = 2.0 + 8.0 * np.exp(-np.arange(STEPS) / 4)
    noisy = level + 0.05 * rng.normal(size=(2, STEPS)) + [[0.5], [-0.5]]
    noisy[1, 20] = math.nan
    return noisy.tolist()


def expected(losses):
    """What a process alone does with the mean loss."""
    mean = [(a + b) / 2 for a, b in zip(*losses, strict=True)]
    rates = scheduled(mean, FLAT, 0.8, warmup_steps=2)
    assert len(set(rates)) > 5  # there is something to disagree about
    return rates


class Ended(NamedTuple):
    """A process that has."""

    code: int
    out: str
    err: str

    def rates(self, code=0):
        assert self.code == code, self.err
        return json.loads(self.out)


@pytest.fixture(scope="module")
def ended(losses, tmp_path_factory):
    """The processes of three trainings of two, of which one is killed and resumed."""
    base, jobs = tmp_path_factory.mktemp("trainings"), []

    def begin(training, rank, **job):
        folder = base / training
        folder.mkdir(exist_ok=True)
        job = {"rank": rank, "processes": 2, "losses": losses[rank], **job}
        places = ("first", "second", "checkpoint") if training == "killed" else ("first",)
        job |= {name: str(folder / name) for name in places}
        jobs.append(job | {name: f"{folder}/{len(jobs)}.{name}" for name in ("out", "err")})

    begin("equal", 0)
    begin("equal", 1)
    begin("killed", 0)
    begin("killed", 1, killed_after=25)
    begin("killed", 1, resume=True, after=3)
    begin("unequal", 0)
    begin("unequal", 1, lr=0.1)
    worker = Path(__file__).with_name("gloo_worker.py")
    command = [sys.executable, "-W", "error", str(worker), json.dumps(jobs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    codes = json.loads(done.stdout)
    said = ((Path(job[name]).read_text() for name in ("out", "err")) for job in jobs)
    return [Ended(code, *each) for code, each in zip(codes, said, strict=True)]


def test_two_processes_with_different_losses_have_the_same_rate(losses, ended):
    assert [process.rates() for process in ended[:2]] == [expected(losses)] * 2


def test_one_of_two_is_killed_and_resumed(losses, ended):
    survivor, killed, resumed = ended[2:5]
    before, after = killed.rates(-signal.SIGKILL), resumed.rates()
    assert before + after == survivor.rates() == expected(losses)
    assert (len(before), len(after)) == (25, STEPS - 25)


def test_two_processes_of_unequal_rates_stop_with_an_error(ended):
    for process in ended[5:]:
        assert process.code == 1
        assert not process.out
        assert (
            "RuntimeError: the processes began differently, with learning rates [0.4, 0.05]"
            in process.err
        )


@pytest.fixture
def alone():
    """A group of this process only."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield dist.group.WORLD
    dist.destroy_process_group()


def scheduler_of(process_group, lr=0.8, **arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    return PlateauLR(optimizer, FLAT.clone(), process_group=process_group, **arguments)


@pytest.mark.parametrize(("arguments", "lag"), [({}, 4), ({"lag": 2}, 2), ({"lag": 0}, 0)])
def test_on_an_accelerator_all_take_a_loss_after_the_same_steps(alone, monkeypatch, arguments, lag):
    device = Device().stands_in(monkeypatch)
    made = scheduler_of(alone, **arguments)
    counts = []
    for step in range(8):
        device.finished = step + 1 if step % 2 else 0  # now at once, now late
        made.step(far(1.0))
        counts.append(made.detector.count)
    assert counts == [max(step + 1 - lag, 0) for step in range(8)]


@pytest.mark.parametrize("loss", [1.5, 2, np.float32(1.5), torch.tensor([1.5])])
def test_a_number_is_taken_at_once(alone, loss):
    made = scheduler_of(alone)
    made.step(loss)
    assert (made.detector.count, made.detector.level) == (1, float(loss))


def test_steps_are_counted_beyond_what_a_small_float_holds(alone):
    gathered = Processes(alone).gather(torch.tensor(1.5, dtype=torch.float16), 100_001)
    assert gathered[:, :5].tolist() == [[1.5, 100_001.0, 0.0, 0.0, 0.0]]


def test_the_group_is_named_or_given(alone):
    assert scheduler_of("world").last_epoch == 0
    with pytest.raises(TypeError, match='process_group must be a ProcessGroup or "world", not 3'):
        scheduler_of(3)


def test_without_torch_distributed_there_is_no_world():
    with pytest.raises(RuntimeError, match='"world" needs torch'):
        scheduler_of("world")


ALIKE = (0.8, 0.0, 7.0, 5.0)  # rate, reductions and marks, the same in all processes
finite = st.floats(allow_nan=False, allow_infinity=False)


@example([sys.float_info.max] * 3, Random(0))
@given(st.lists(finite, min_size=1, max_size=9), st.randoms())
def test_the_mean_is_the_same_in_any_order(losses, random):
    mean = mean_loss([(loss, 7.0, *ALIKE) for loss in losses])
    exact = float(sum(map(Fraction, losses)) / len(losses))
    assert mean == pytest.approx(exact, abs=1e-15 * max(map(abs, losses)) + 1e-300)
    random.shuffle(losses)
    assert mean_loss([(loss, 7.0, *ALIKE) for loss in losses]) == mean


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_loss_that_is_not_finite_makes_the_mean_so(bad):
    assert math.isnan(mean_loss([(loss, 3.0, *ALIKE) for loss in (1.0, bad, math.inf)]))


def test_a_process_at_another_step_is_noticed(alone, monkeypatch):
    with pytest.raises(
        RuntimeError, match=r"have taken \[1, 0\] steps: let all of them load the s"
    ):
        mean_loss([(2.0, 1.0, *ALIKE), (2.0, 0.0, *ALIKE)])
    gathered = []
    monkeypatch.setattr("plateau_torch.intake.mean_loss", lambda rows: gathered.append(rows) or 1.0)
    made, stopper = scheduler_of(alone), PlateauStopper(FLAT.clone(), process_group=alone)
    for step in range(3):
        made.step(0.5)
        assert gathered.pop()[0][:4] == [0.5, step, 0.8, 0.0]
        stopper.step(0.5)
        assert gathered.pop()[0][:2] == [0.5, step]
    twin = scheduler_of(alone)
    twin.load_state_dict(made.state_dict())
    twin.step(0.5)
    assert gathered.pop()[0][:2] == [0.5, 3]


def beginnings(schedulers, monkeypatch):
    """What each would gather as its own at its next step."""
    gathered = []
    with monkeypatch.context() as patch:
        patch.setattr("plateau_torch.intake.mean_loss", lambda rows: gathered.extend(rows) or 1.0)
        for scheduler in schedulers:
            copy.deepcopy(scheduler).step(0.5)
    return [tuple(row) for row in gathered]


def test_processes_that_did_not_begin_alike_are_noticed(alone, monkeypatch):
    def loaded(losses, **arguments):
        first, second = (scheduler_of(alone, **arguments) for _ in range(2))
        for loss in losses:
            first.step(loss)
        second.load_state_dict(first.state_dict())
        return second

    flat = loaded([1.0] * 12)
    assert mean_loss(beginnings([flat, loaded([1.0] * 12)], monkeypatch)) == 0.5
    history = loaded([-float(i) for i in range(12)])
    with pytest.raises(RuntimeError, match=r"rates \[0.2, 0.8\] and \[2, 0\] reductions: give all"):
        mean_loss(beginnings([flat, history], monkeypatch))
    slow = scheduler_of(alone, lr=0.1)
    with pytest.raises(RuntimeError, match=r"differently, with learning rates \[0.8, 0.1\]"):
        mean_loss(beginnings([scheduler_of(alone), slow], monkeypatch))
    for other in ({"lag": 3}, {"cooldown": 5}, {"warmup_steps": 1}):
        with pytest.raises(RuntimeError, match="the processes began differently"):
            mean_loss(beginnings([scheduler_of(alone), scheduler_of(alone, **other)], monkeypatch))
    others = [PlateauStopper(FLAT.clone(), process_group=alone) for _ in range(2)]
    others[1].load_state_dict(others[1].state_dict() | {"stopped": True})
    with pytest.raises(RuntimeError, match="the processes began differently"):
        mean_loss(beginnings(others, monkeypatch))


@pytest.mark.parametrize(
    "apart",
    [
        lambda made: made.detector.changed(),
        lambda made: made.optimizer.param_groups[0].update(lr=0.3),
    ],
)
def test_processes_that_come_apart_are_noticed_at_the_next_step(alone, monkeypatch, apart):
    """What `changed()` does in one shows when the other fires: no second step has its rates."""
    both = [scheduler_of(alone), scheduler_of(alone)]
    for made in both:
        for _ in range(9):  # two samples into the next stretch
            made.step(1.0)
    assert mean_loss(beginnings(both, monkeypatch)) == 0.5
    apart(both[1])
    for _ in range(10):
        first, second = ((m.get_last_lr(), m.detector.fires, m.detector.count) for m in both)
        if first != second:
            break
        assert mean_loss(beginnings(both, monkeypatch)) == 0.5
        for made in both:
            made.step(1.0)
    with pytest.raises(RuntimeError, match=r"differ in learning rates, fires or plateaus .* step"):
        mean_loss(beginnings(both, monkeypatch))


def test_a_copy_shares_the_group_and_a_pickle_is_refused(alone):
    made = scheduler_of(alone)
    made.step(1.0)
    twin = copy.deepcopy(made)
    for loss in [1.0] * 12:
        made.step(loss)
        twin.step(loss)
    assert twin.state_dict() == made.state_dict()
    assert twin.get_last_lr() == [0.2]
    with pytest.raises(TypeError, match="with a process_group it cannot be pickled: save its st"):
        pickle.dumps(made)
