"""Learning-rate schedules: the plateau scheduler, and what it is compared with."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from plateau import Detector
from plateau.detecting import Detecting
from plateau_face.config import Config
from plateau_torch import PlateauEvent, PlateauLR
from plateau_torch.rates import rates_of, set_rate

HORIZON_LEAST = 50
"""Steps: in fewer no drift could be seen through the noise of a training loss."""


class Schedule(Protocol):
    """What the training loop asks of a schedule."""

    end: int
    """Step after which the run ends."""

    def step(self, loss: Tensor) -> None:
        """Take the loss of a step, and set the rates of the next."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state; the optimizer has the rates already."""


Curve = Callable[[float], float]
"""From the share of the run that is over to the factor of the rate."""


def multistep(progress: float, milestones: tuple[float, ...]) -> float:
    """Divide by ten at each milestone."""
    return math.pow(0.1, sum(progress >= milestone for milestone in milestones))


def cosine(progress: float) -> float:
    """Half a period of a cosine, from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * progress))


def poly(progress: float, power: float) -> float:
    """Return (1 − progress)^power."""
    return math.pow(1 - progress, power)


def warm(step: int, warmup: int) -> float:
    """Return the share of the rate that a step of the warm-up gets: rising in equal parts to 1."""
    return min((step + 1) / warmup, 1.0) if warmup else 1.0


def set_rates(optimizer: Optimizer, full: list[float], factor: float) -> None:
    """Give each group that part of its full rate."""
    for group, rate in zip(optimizer.param_groups, full, strict=True):
        set_rate(group, rate * factor)


class Curved:
    """Rates that are a function of the step alone.

    Parameters
    ----------
    optimizer : Optimizer
    curve : callable
    steps : int
        Of the whole run.
    warmup : int
    """

    def __init__(self, optimizer: Optimizer, curve: Curve, steps: int, warmup: int) -> None:
        self._optimizer, self._curve, self.end, self._warmup = optimizer, curve, steps, warmup
        self._full = rates_of(optimizer)
        self._step = 0
        self._set()

    def step(self, loss: Tensor) -> None:
        """Count a step."""
        self._step += 1
        self._set()

    def _set(self) -> None:
        factor = self._curve(self._step / self.end) * warm(self._step, self._warmup)
        set_rates(self._optimizer, self._full, factor)

    def state_dict(self) -> dict[str, Any]:
        """Return the number of steps."""
        return {"step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        self._step = state["step"]
        self._set()


class PlateauThenDecay:
    """A plateau schedule up to the last part of the run, over which the rates fall to 0.

    Where a run is too short for its loss to become flat, no plateau is there to be found, and the
    rate would stay where it began to the end.

    Parameters
    ----------
    optimizer : Optimizer
    config : Config
        Its `horizon`, `factor`, `max_reductions`, `warmup`, `finish` and `at_plateau`. To cool is
        not to reduce the rates at a plateau but to begin the last part there, which is then
        `finish` times as long as what came before; so it is the loss that says how long a run is.
    steps : int
        Of the whole run, if no plateau ends it before.

    Attributes
    ----------
    end : int
        Step after which the run ends.
    """

    def __init__(self, optimizer: Optimizer, config: Config, steps: int) -> None:
        self._optimizer, self.end, self._share = optimizer, steps, config.finish
        self._margin_warmup = config.margin_warmup
        cools = config.at_plateau == "cool"
        self._plateau = PlateauLR(
            optimizer,
            Detector(horizon=max(HORIZON_LEAST, round(config.horizon * steps))),
            factor=config.factor,
            max_reductions=0 if cools else config.max_reductions,
            warmup_steps=config.warmup,
            on_plateau=self._cool if cools else (),
        )
        self._decay = round(config.finish * steps)
        self._step = 0
        self._full: list[float] = []  # rates where the decay begins

    @property
    def detector(self) -> Detecting | None:
        """The detector as long as it is listened to."""
        return None if self._full else self._plateau.detector

    def step(self, loss: Tensor) -> None:
        """Follow the loss, or the number of steps."""
        self._step += 1
        if not self._full:
            self._plateau.step(loss)
            if self._step <= self._margin_warmup:
                self._plateau.detector.changed()  # a margin that grows is no news of the training
        left = self.end - self._step
        if left <= self._decay and self._decay:
            self._full = self._full or rates_of(self._optimizer)
            set_rates(self._optimizer, self._full, left / self._decay)

    def _cool(self, plateau: PlateauEvent) -> None:
        """Begin the last part here."""
        self._decay = max(1, round(self._share * self._step))
        self.end = min(self.end, self._step + self._decay)

    def state_dict(self) -> dict[str, Any]:
        """Return the plateau schedule's state, the number of steps and the rates."""
        return {
            "plateau": self._plateau.state_dict(),
            "step": self._step,
            "decay": self._decay,
            "end": self.end,
            "full": self._full,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        self._plateau.load_state_dict(state["plateau"])
        self._step, self._full = state["step"], state["full"]
        self._decay, self.end = state["decay"], state["end"]


class ReducedEachEpoch:
    """PyTorch's own ReduceLROnPlateau on the mean loss of each epoch, with patience 1.

    The mean is of the finite losses: one that is not would decide alone. An epoch without any is
    no better than those before. Epochs that end in the warm-up do not count: the warm-up would
    undo a reduction with its next step.
    """

    def __init__(
        self, optimizer: Optimizer, factor: float, steps: int, steps_of_epoch: int, warmup: int
    ) -> None:
        self._optimizer, self._full, self.end = optimizer, rates_of(optimizer), steps
        self._reduce = ReduceLROnPlateau(optimizer, factor=factor, patience=1)
        self._steps_of_epoch, self._warmup = steps_of_epoch, warmup
        self._step = 0
        set_rates(optimizer, self._full, warm(0, warmup))
        self._sum: Tensor | float = 0.0
        self._count: Tensor | float = 0.0

    def step(self, loss: Tensor) -> None:
        """Add the loss to those of the epoch, and at its end have the rates reduced."""
        self._step += 1
        if self._step <= self._warmup:
            set_rates(self._optimizer, self._full, warm(self._step, self._warmup))
        finite = loss.detach().isfinite()
        self._sum = self._sum + torch.where(finite, loss.detach(), 0.0)
        self._count = self._count + finite
        if self._step % self._steps_of_epoch == 0:
            if self._step > self._warmup:
                count = float(self._count)
                self._reduce.step(float(self._sum) / count if count else math.inf)
            self._sum = self._count = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return counters, the sum, and PyTorch's state."""
        return {
            "step": self._step,
            "sum": float(self._sum),
            "count": float(self._count),
            "reduce": self._reduce.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a saved state."""
        self._step = state["step"]
        self._sum, self._count = state["sum"], state["count"]
        self._reduce.load_state_dict(state["reduce"])


def make_schedule(
    config: Config, optimizer: Optimizer, steps: int, steps_of_epoch: int
) -> Schedule:
    """Return the schedule that a configuration names."""
    if config.schedule == "plateau":
        return PlateauThenDecay(optimizer, config, steps)
    if config.schedule == "reduce_on_plateau":
        return ReducedEachEpoch(optimizer, config.factor, steps, steps_of_epoch, config.warmup)
    curves: dict[str, Curve] = {
        "multistep": partial(multistep, milestones=config.milestones),
        "cosine": cosine,
        "poly": partial(poly, power=config.power),
    }
    return Curved(optimizer, curves[config.schedule], steps, config.warmup)
