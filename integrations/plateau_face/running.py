"""Running statistics: what a forward pass changes, and no optimizer takes back."""

from collections.abc import Iterable
from itertools import chain

import torch
from torch import Tensor, nn

from plateau_face.margins import Margin


class RunningStatistics:
    """The statistics of batch norms and margins, with a copy from before the step.

    The optimizer skips a step whose gradient is not finite. By then the forward pass has averaged
    its numbers into the statistics, where infinity or NaN would stay for good.

    Parameters
    ----------
    modules : iterable of Module
        Whose norms and margins; the modules in them too.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        inner = chain.from_iterable(module.modules() for module in modules)
        self._modules = [
            m for m in inner if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | Margin)
        ]
        self._before = torch.empty(0)

    def remember(self) -> None:
        """Copy them as they are before a step."""
        self._before = flat(self._buffers())

    def keep_if(self, finite: Tensor) -> None:
        """Take back what the step did unless its gradient was finite; the host does not ask."""
        buffers = self._buffers()
        if not buffers:
            return
        kept = torch.where(finite, flat(buffers), self._before)
        parts = torch.split(kept, [buffer.numel() for buffer in buffers])
        sources = [part.view_as(buffer) for part, buffer in zip(parts, buffers, strict=True)]
        torch._foreach_copy_(buffers, sources)  # all in a few kernels

    def _buffers(self) -> list[Tensor]:
        # Looked up each time: margins put a new tensor in the place of the old.
        each = chain.from_iterable(module.buffers(recurse=False) for module in self._modules)
        return [buffer for buffer in each if buffer.is_floating_point()]


def flat(tensors: list[Tensor]) -> Tensor:
    """Return a copy of all numbers in one row."""
    return torch.cat([tensor.ravel() for tensor in tensors]) if tensors else torch.empty(0)
