"""Steps that accelerate makes once too often: it steps a scheduler once for each process."""

import sys
import warnings

from torch import Tensor
from torch.optim import Optimizer

from plateau.checks import Sample


def processes_of_accelerate() -> int:
    """Return the processes between which accelerate divides a training; 1 without it."""
    state = sys.modules.get("accelerate.state")  # who uses it has it there
    if state is None or not state.is_initialized():
        return 1
    return int(state.AcceleratorState().num_processes)


class Repeats:
    """Knows a loss that is given once more for the same step of the optimizer.

    That it is the same object does not tell: a captured graph writes each loss into the same
    tensor. Nor do its values: they may well be equal. What tells is that the optimizer has made no
    step since; and nobody but accelerate, with several processes, has reason to do that.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Whose steps count.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._begin()

    def _begin(self) -> None:
        self._counts = self._warned = False
        self._stepped = True  # by the optimizer, since the last loss
        self._last = 0  # identity of the last loss

    def __getstate__(self) -> dict[str, object]:
        return {"_optimizer": self._optimizer}  # whose copy has no hooks

    def __setstate__(self, state: dict[str, Optimizer]) -> None:
        self._optimizer = state["_optimizer"]
        self._begin()

    def has(self, loss: Sample | Tensor) -> bool:
        """Whether a loss that is given now was given before."""
        processes = processes_of_accelerate()
        if processes == 1:
            return False
        if not self._counts:
            self._counts = True
            # Where accelerate wraps an optimizer, the one within has the hooks.
            within: Optimizer = getattr(self._optimizer, "optimizer", self._optimizer)
            within.register_step_post_hook(self._count)
        repeated = not self._stepped and id(loss) == self._last
        self._stepped, self._last = False, id(loss)
        if repeated and not self._warned:
            self._warned = True
            warnings.warn(
                f"accelerate steps the scheduler {processes} times, once for each process: the "
                "loss is taken once; leave PlateauLR out of prepare() and call its step() yourself",
                stacklevel=4,
            )
        return repeated

    def _count(self, *_: object) -> None:
        self._stepped = True
