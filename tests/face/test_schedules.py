import dataclasses
import math

import numpy as np
import pytest
import torch
from face_runs import TINY

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


def test_a_step_that_overflows_counts_for_nothing_in_the_mean_of_its_epoch():
    losses = np.arange(30.0, 0.0, -1.0)
    losses[[2, 7, 13, 14]] = math.nan, math.inf, math.nan, -math.inf
    rates, schedule = followed(losses, schedule="reduce_on_plateau")
    assert set(rates) == {1.0}
    assert schedule.state_dict()["reduce"]["best"] == 3.0
    nothing, _ = followed([math.nan] * 15, schedule="reduce_on_plateau")
    assert nothing[15] < 1.0  # no better than before
