"""Learning rates of an optimizer: numbers, or tensors that are changed in place."""

from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def rates_of(optimizer: Optimizer) -> list[float]:
    """Return the learning rate of each param group."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a param group."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)  # compiled steps and graphs hold on to the tensor
    else:
        group["lr"] = rate


def scale_rates(optimizer: Optimizer, factor: float, min_lr: float) -> None:
    """Multiply all learning rates; none falls below `min_lr`."""
    for group, rate in zip(optimizer.param_groups, rates_of(optimizer), strict=True):
        set_rate(group, max(rate * factor, min(rate, min_lr)))
