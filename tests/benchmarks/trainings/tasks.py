"""The tasks: made-up data without an end, a network, a loss and the rates to begin with."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor
from torch.nn import functional

Draw = Callable[[int], tuple[Tensor, Tensor]]
"""So many new inputs and what is to be learnt of them."""


@dataclass(frozen=True)
class Task:
    """Something to learn.

    Each epoch draws new examples, so that the loss of the training is an estimate of that of the
    validation: what the rate brings is seen in both, and nothing is learnt by heart.
    """

    name: str
    source: Callable[[Generator], Draw]
    """Make the world to learn from a source of chance."""
    loss: Callable[[Tensor, Tensor], Tensor]
    sizes: tuple[int, ...]
    """Units of the layers, inputs and outputs included."""
    rates: Mapping[str, float] = field(hash=False)
    """Rate to begin with for each optimizer: one that is fast at first and too high in the end."""
    epochs: int = 40
    steps: int = 200
    batch: int = 64
    validation: int = 4000
    """Examples that all epochs are judged by."""


def clusters(generator: Generator) -> Draw:
    """Ten classes of six prototypes each, in noise; of a label in twenty anything may be."""
    prototypes = 0.4 * torch.randn(10, 6, 196, generator=generator)

    def draw(count: int) -> tuple[Tensor, Tensor]:
        label = torch.randint(10, (count,), generator=generator)
        kind = torch.randint(6, (count,), generator=generator)
        inputs = prototypes[label, kind] + torch.randn(count, 196, generator=generator)
        wrong = torch.rand(count, generator=generator) < 0.05
        other = torch.randint(10, (count,), generator=generator)
        return inputs, torch.where(wrong, other, label)

    return draw


def surface(generator: Generator) -> Draw:
    """A smooth random function of eight numbers, a sum of waves, in noise of deviation 0.3."""
    waves = torch.randn(8, 128, generator=generator) / 2
    phases = 2 * math.pi * torch.rand(128, generator=generator)
    heights = torch.randn(128, generator=generator) / 8

    def draw(count: int) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(count, 8, generator=generator)
        value = torch.cos(inputs @ waves + phases) @ heights
        return inputs, value + 0.3 * torch.randn(count, generator=generator)

    return draw


def squares(outputs: Tensor, values: Tensor) -> Tensor:
    """Mean squared error of a network with one output."""
    return functional.mse_loss(outputs[:, 0], values)


TASKS: tuple[Task, ...] = (
    Task(
        "classification",
        clusters,
        functional.cross_entropy,
        (196, 96, 10),
        {"SGD": 0.1, "Adam": 0.01},
    ),
    Task("regression", surface, squares, (8, 96, 96, 1), {"SGD": 0.05, "Adam": 0.01}),
)
