"""Blocks one after another, which may forget what they have computed on the way."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Stack(nn.Sequential):
    """Blocks in a row; with `recompute` the gradient costs a second forward pass, not memory.

    Only what goes into each block is kept for the gradient. Numbers stay the same to the bit: the
    second pass leaves the running statistics of norms alone.
    """

    recompute = False

    def forward(self, x: Tensor) -> Tensor:
        """Map the input through all blocks."""
        for block in self:
            if self.recompute and self.training:
                x = checkpoint(block, x, use_reentrant=False, context_fn=partial(passes, block))
            else:
                x = block(x)
        return x


def passes(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return the contexts of the first and the second pass."""
    return nullcontext(), _without_statistics(block)


@contextmanager
def _without_statistics(block: nn.Module) -> Iterator[None]:
    before = [(module, dict(module._buffers)) for module in block.modules()]
    for module, buffers in before:
        module._buffers |= {name: b.clone() for name, b in buffers.items() if b is not None}
    try:
        yield
    finally:
        for module, buffers in before:
            module._buffers |= buffers
