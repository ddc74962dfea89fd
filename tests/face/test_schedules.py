import dataclasses
import math

import numpy as np
import pytest
import torch
from face_runs import TINY

from plateau import Verdict
from plateau_face.config import SCHEDULES
from plateau_face.schedules import make_schedule


def followed(losses, **values):
    """The rate of each step of a run with these losses, the one after it, and the schedule."""
    config = dataclasses.replace(TINY, lr=1.0, **values)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule, found = make_schedule(config, optimizer, len(losses), 5), []
    for loss in losses:
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step(torch.tensor(loss))
    return [*found, optimizer.param_groups[0]["lr"]], schedule


def test_curves():
    def rates(**values):
        return followed([1.0] * 20, **values)[0][:20]

    steps = [1.0] * 10 + [0.1] * 5 + [0.01] * 3 + [0.001] * 2
    assert rates(schedule="multistep") == pytest.approx(steps)
    assert rates(schedule="poly")[10] == pytest.approx(0.25)
    assert rates(schedule="cosine")[::10] == pytest.approx([1.0, 0.5])
    assert rates(schedule="multistep", warmup=4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert rates(schedule="plateau", warmup=4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    finished = rates(schedule="plateau", finish=0.25)  # no plateau in 20 steps
    assert finished == pytest.approx([1.0] * 16 + [0.8, 0.6, 0.4, 0.2])
    reduced = rates(schedule="reduce_on_plateau", warmup=4)  # epochs 2 and 3 are no better than 1
    assert reduced == pytest.approx([0.25, 0.5, 0.75] + [1.0] * 12 + [0.5] * 5)


def test_nothing_is_reduced_in_the_warm_up():
    """Seven epochs of a loss that stays: four in the warm-up, then the third is no better twice."""
    rates, _ = followed([1.0] * 36, schedule="reduce_on_plateau", warmup=20)
    rising = [step / 20 for step in range(1, 20)]
    assert rates == pytest.approx(rising + [1.0] * 16 + [0.5] * 2)


def test_reductions_come_before_the_finish():
    """A loss that is flat from the start: halved twice, then down from there."""
    noise = np.random.default_rng(1).normal(size=500)
    rates, schedule = followed(noise, schedule="plateau", finish=0.2)
    before = rates[400]
    assert before < 1.0
    assert {math.log2(rate) % 1 for rate in rates[:401]} == {0.0}
    assert rates[401:] == pytest.approx([before * left / 100 for left in range(99, -1, -1)])
    assert rates[500] == 0.0
    assert schedule.detector is None


def test_a_plateau_begins_the_finish_and_ends_the_run():
    """A loss that falls to step 300 and is then flat: the run ends long before its 2,000 steps."""
    noise = np.random.default_rng(1).normal(size=2000)
    losses = np.maximum(300 - np.arange(2000), 0) + noise
    options = {"at_plateau": "cool", "horizon": 0.05, "finish": 0.5, "warmup": 10}
    rates, schedule = followed(losses, schedule="plateau", **options)
    began = rates.index(1.0, 20) + sum(rate == 1.0 for rate in rates[20:]) - 1
    assert 400 <= began < 600  # 100 steps of the horizon have to be flat
    decay = round(0.5 * began)
    assert schedule.end == began + decay
    falling = [left / decay for left in range(decay, -1, -1)]
    assert rates[began : schedule.end + 1] == pytest.approx(falling)
    never, schedule = followed(-np.arange(200.0), schedule="plateau", at_plateau="cool")
    assert schedule.end == 200  # as the finish of a run without plateaus
    assert never[140:142] == pytest.approx([1.0, 59 / 60])
    with pytest.raises(ValueError, match="at_plateau = cool needs a finish"):
        dataclasses.replace(TINY, at_plateau="cool", finish=0.0)


def test_a_margin_that_grows_makes_no_verdict():
    """The loss rises with it, which is no news of the training."""
    noise = np.random.default_rng(1).normal(size=400)
    losses = np.minimum(np.arange(400), 200) + noise
    for warmup, rising in [(0, Verdict.WORSENING), (200, Verdict.WARMING_UP)]:
        config = dataclasses.replace(TINY, finish=0.0, margin_warmup=warmup)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        schedule, found = make_schedule(config, optimizer, 400, 10), []
        for loss in losses:
            schedule.step(torch.tensor(loss))
            found.append(schedule.detector.verdict)
        assert found[190] is rising
        assert (Verdict.WORSENING in found) == (not warmup)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_rates_of_all_groups_are_scaled_together(name):
    config = dataclasses.replace(TINY, schedule=name, warmup=3)
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.1, 0.04)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = make_schedule(config, optimizer, 300, 10)
    noise, seen = np.random.default_rng(1).normal(size=300), set()
    for loss in noise:
        one, other = (group["lr"] for group in optimizer.param_groups)
        assert other == pytest.approx(0.4 * one)
        seen.add(round(one, 9))
        schedule.step(torch.tensor(loss))
    assert len(seen) > 4  # the warm-up, and what came of a loss that is flat


def test_a_step_that_overflows_counts_for_nothing_in_the_mean_of_its_epoch():
    losses = np.arange(30.0, 0.0, -1.0)
    losses[[2, 7, 13, 14]] = math.nan, math.inf, math.nan, -math.inf
    rates, schedule = followed(losses, schedule="reduce_on_plateau")
    assert set(rates) == {1.0}
    assert schedule.state_dict()["reduce"]["best"] == 3.0
    nothing, _ = followed([math.nan] * 15, schedule="reduce_on_plateau")
    assert nothing[15] < 1.0  # no better than before
