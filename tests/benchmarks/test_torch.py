"""What a step of PlateauLR costs beside one of torch's ReduceLROnPlateau, in the same run.

    pip install -e '.[bench]' -c constraints.txt
    pytest tests/benchmarks/test_torch.py

Divide by the steps that the group's name states. "Tensor.item alone" is what reading a tensor
costs.
"""

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from plateau import EmaHaar, Haar, ThresholdDetector
from plateau_torch import PlateauLR

STEPS = 10_000
LOSSES = np.random.default_rng(0).normal(size=STEPS).tolist()


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def plateau_lr(slope_filter):
    return PlateauLR(optimizer(), ThresholdDetector(slope_filter, 5e-5, 10_000)).step


def after_its_reductions():
    scheduler = PlateauLR(optimizer())
    for loss in LOSSES:
        scheduler.step(loss)
    assert scheduler.get_last_lr() == [0.1 / 2**8]
    return scheduler.step


SCHEDULERS = {
    "torch ReduceLROnPlateau": lambda: ReduceLROnPlateau(optimizer()).step,
    "PlateauLR, EmaHaar": lambda: plateau_lr(EmaHaar(1e-3, 1e-3)),
    "PlateauLR, Haar(4000, 4000)": lambda: plateau_lr(Haar(4000, 4000)),
    "PlateauLR, Detector(), eight reductions": lambda: PlateauLR(optimizer()).step,
    "PlateauLR, Detector(), after them": after_its_reductions,
}
"""What makes each, fresh: the default detector costs most after its start and each reduction."""


def measure(benchmark, group, make, losses):
    def call(step):
        for loss in losses:
            step(loss)

    benchmark.group = group
    benchmark.pedantic(call, setup=lambda: ((make(),), {}), rounds=50, warmup_rounds=2)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_numbers(benchmark, name):
    measure(benchmark, f"{STEPS:,} steps of a scheduler, a number each", SCHEDULERS[name], LOSSES)


@pytest.mark.parametrize("name", [*SCHEDULERS, "Tensor.item alone"])
def test_tensors(benchmark, name):
    make = SCHEDULERS.get(name, lambda: torch.Tensor.item)
    losses = [torch.tensor(loss) for loss in LOSSES]
    measure(benchmark, f"{STEPS:,} steps of a scheduler, a tensor on the CPU each", make, losses)
