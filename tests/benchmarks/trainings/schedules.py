"""The schedules: each is told one number from time to time and sets the rate of an optimizer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from plateau_torch import PlateauLR

Told = Callable[[float], object]
"""Tell a schedule a number."""
Fed = Literal["step", "mean", "validation"]
"""When and what: at each step its loss, at each epoch the mean of these, or the validation loss."""


@dataclass(frozen=True)
class Schedule:
    """A way to set the rate."""

    name: str
    fed: Fed
    make: Callable[[Optimizer, int], Told]
    """Begin with an optimizer and the number of steps to come, which only some may know."""
    by_clock: bool = False
    """Whether the rate depends on nothing but the step."""


def constant(optimizer: Optimizer, steps: int) -> Told:
    """Leave the rate as it is."""
    return lambda loss: None


def cosine(optimizer: Optimizer, steps: int) -> Told:
    """Half a wave, from the whole rate to none at the end."""
    wave = LambdaLR(optimizer, lambda step: (1 + math.cos(math.pi * step / steps)) / 2)
    return lambda loss: wave.step()


def plateau(optimizer: Optimizer, steps: int) -> Told:
    """The library's own, with nothing set."""
    return PlateauLR(optimizer).step


def torch_plateau(optimizer: Optimizer, steps: int, patience: int, factor: float) -> Told:
    """Torch's own."""
    return ReduceLROnPlateau(optimizer, factor=factor, patience=patience).step


def peer(patience: int, factor: float) -> Schedule:
    """Torch's own, told the validation loss of each epoch."""
    name = f"{PEER}(patience={patience}, factor={factor})"
    return Schedule(name, "validation", partial(torch_plateau, patience=patience, factor=factor))


OWN, PEER = "PlateauLR()", "ReduceLROnPlateau"
SCHEDULES = (
    Schedule(f"{OWN}, loss of each step", "step", plateau),
    Schedule(f"{OWN}, mean of each epoch", "mean", plateau),
    Schedule(f"{OWN}, validation of each epoch", "validation", plateau),
    *(peer(patience, factor) for factor in (0.1, 0.5) for patience in (2, 5, 10)),
    Schedule("cosine", "step", cosine, by_clock=True),
    Schedule("constant", "step", constant, by_clock=True),
)
