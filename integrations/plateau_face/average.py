"""An average of a network along its training, which often verifies better than its last step."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """A network whose numbers are exponential averages of those of another.

    Up to its horizon, 1 / (1 - decay) steps, it is the mean of all steps, so the random weights of
    the beginning do not stay in it. The running statistics of norms are averaged like weights.

    Parameters
    ----------
    model : Module
        The network that is trained.
    decay : float
        Share of itself that the average keeps in each step, below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = deepcopy(model).requires_grad_(False)
        self.decay = decay
        self._own, self._trained = self.model.state_dict(), model.state_dict()

    def take(self, step: int) -> None:
        """Take the network as it is after a step, which are counted from 0."""
        weight = max(1.0 - self.decay, 1.0 / (step + 1))
        torch._foreach_lerp_(_numbers(self._own), _numbers(self._trained), weight)
        counts = zip(_counts(self._own), _counts(self._trained), strict=True)
        for own, trained in counts:
            own.copy_(trained)


def _numbers(state: Mapping[str, Any]) -> list[Tensor]:
    return [tensor for tensor in state.values() if tensor.is_floating_point()]


def _counts(state: Mapping[str, Any]) -> list[Tensor]:
    return [tensor for tensor in state.values() if not tensor.is_floating_point()]
