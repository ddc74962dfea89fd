"""Learning rates of an optimizer: numbers, or tensors that are changed in place."""

import math
import warnings
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def rates_of(optimizer: Optimizer) -> list[float]:
    """Return the learning rate of each param group; warn of one that is not finite."""
    rates = [float(group["lr"]) for group in optimizer.param_groups]
    for number, rate in enumerate(rates):
        if not math.isfinite(rate):
            message = f"the learning rate of param group {number} is {rate}: no step is right"
            warnings.warn(message, stacklevel=2)
    return rates


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a param group."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)  # compiled steps and graphs hold on to the tensor
    else:
        group["lr"] = rate


def scale_rates(optimizer: Optimizer, factor: float, least: list[float], most: list[float]) -> None:
    """Multiply all learning rates; none falls below its entry of `least` or rises above `most`."""
    rates = rates_of(optimizer)
    for group, rate, low, top in zip(optimizer.param_groups, rates, least, most, strict=True):
        set_rate(group, min(max(rate * factor, min(rate, low)), top))


def higher(rates: list[float], before: list[float]) -> list[float]:
    """Return the higher of each rate and the one before, of which there may be fewer."""
    known = [max(pair) for pair in zip(rates, before, strict=False)]
    return known + rates[len(known) :]


def full_rates(optimizer: Optimizer, known: list[float]) -> list[float]:
    """Return the rates that a warm-up leads to: those that are known, and those of newer groups.

    A group without a rate of its own shares a tensor with others, which the warm-up may have
    changed.
    """
    groups, full = optimizer.param_groups, list(known)
    for group in groups[len(known) :]:
        rate = group["lr"]
        shared = [i for i in range(len(full)) if groups[i]["lr"] is rate]
        full.append(full[shared[0]] if shared and isinstance(rate, Tensor) else float(rate))
    return full
