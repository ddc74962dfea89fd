"""The adapters, each in the same clothes, so that one suite can run over all of them.

An adapter of another framework gets a class here and a line in `ADAPTERS`.
"""

import io
from typing import Protocol

from plateau import ThresholdDetector


class Adapter(Protocol):
    """A schedule of one learning rate, driven by the loss of each step."""

    detector: ThresholdDetector

    def __init__(self, detector, lr, **policy): ...

    def step(self, loss):
        """One training step with this loss."""

    def rate(self) -> float:
        """The learning rate of the next step."""

    def saved(self) -> bytes:
        """A checkpoint, as the framework writes it."""

    def load(self, checkpoint):
        """Go on from a checkpoint."""


class TorchScheduler:
    def __init__(self, detector, lr, **policy):
        import torch

        from plateau_torch import PlateauLR

        self.torch = torch
        self.optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
        self.scheduler = PlateauLR(self.optimizer, detector, **policy)
        self.detector = self.scheduler.detector

    def step(self, loss):
        self.optimizer.step()
        self.scheduler.step(loss)

    def rate(self):
        (rate,) = self.scheduler.get_last_lr()
        assert rate == self.optimizer.param_groups[0]["lr"]
        return rate

    def saved(self):
        file = io.BytesIO()
        states = {"optimizer": self.optimizer.state_dict(), "lr": self.scheduler.state_dict()}
        self.torch.save(states, file)
        return file.getvalue()

    def load(self, checkpoint):
        states = self.torch.load(io.BytesIO(checkpoint), weights_only=True)
        self.optimizer.load_state_dict(states["optimizer"])
        self.scheduler.load_state_dict(states["lr"])


ADAPTERS = {"torch": TorchScheduler}
