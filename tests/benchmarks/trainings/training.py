"""One training: a task, an optimizer, a seed and a schedule give curves."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from .schedules import Fed, Schedule, Told
from .tasks import Task


@dataclass(frozen=True)
class Training:
    """What all schedules are tried on: they get the same start and the same examples."""

    task: Task
    optimizer: str
    seed: int

    @property
    def name(self) -> str:
        """Task, optimizer and seed."""
        return f"{self.task.name}, {self.optimizer}, seed {self.seed}"


class Curves(NamedTuple):
    """What became of a training."""

    loss: NDArray[np.float64]
    """Loss of each step."""
    rate: NDArray[np.float64]
    """Rate of each step."""
    validation: NDArray[np.float64]
    """Validation loss after each epoch."""

    @property
    def reductions(self) -> list[float]:
        """Epochs, with fractions, after which the rate was lowered."""
        lowered = np.flatnonzero(self.rate[1:] < self.rate[:-1]) + 1
        return [float(at) for at in lowered * len(self.validation) / len(self.rate)]


def network(sizes: Iterable[int]) -> nn.Sequential:
    """Linear layers with rectifiers between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def optimizer_of(name: str, model: nn.Module, rate: float) -> Optimizer:
    """Return the optimizer of that name; in one kernel, since the layers are small."""
    if name == "SGD":
        return SGD(model.parameters(), lr=rate, momentum=0.9, fused=True)
    return Adam(model.parameters(), lr=rate, fused=True)


def train(training: Training, schedule: Schedule) -> Curves:
    """Train from the start to the end."""
    task = training.task
    chance = torch.Generator().manual_seed(training.seed)
    draw = task.source(chance)
    validation = draw(task.validation)
    torch.manual_seed(training.seed)
    model = network(task.sizes)
    optimizer = optimizer_of(training.optimizer, model, task.rates[training.optimizer])
    tell = schedule.make(optimizer, task.epochs * task.steps)
    losses, rates, judged = [], [], []
    for _ in range(task.epochs):
        rate, loss = epoch(task, draw(task.steps * task.batch), model, optimizer, schedule, tell)
        with torch.no_grad():
            judged.append(task.loss(model(validation[0]), validation[1]).item())
        rates += rate
        losses += loss
        told: dict[Fed, float] = {"mean": sum(loss) / task.steps, "validation": judged[-1]}
        if schedule.fed in told:
            tell(told[schedule.fed])
    return Curves(np.array(losses), np.array(rates), np.array(judged))


def epoch(
    task: Task,
    examples: tuple[Tensor, Tensor],
    model: nn.Module,
    optimizer: Optimizer,
    schedule: Schedule,
    tell: Told,
) -> tuple[list[float], list[float]]:
    """Train with these examples; return the rate and the loss of each step."""
    rates, losses = [], []
    for inputs, targets in zip(*(part.split(task.batch) for part in examples), strict=True):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        loss = task.loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if schedule.fed == "step":
            tell(losses[-1])
    return rates, losses
