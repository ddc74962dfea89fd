"""One loss for several processes: each gathers the losses of all and takes the same mean."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from plateau._samples import Sample, as_sample

Group = dist.ProcessGroup | Literal["world"]
"""The processes that act as one; ``"world"`` is all of them."""


class Processes(NamedTuple):
    """The processes that act as one."""

    group: dist.ProcessGroup

    def gather(self, loss: Sample | Tensor, step: int) -> Tensor:
        """Return loss and step of each process, shape (processes, 2), on the device of the loss.

        Every process receives the same numbers, so that what they make of them is the same bit for
        bit, which a reduction does not promise. On an accelerator nothing waits for them here.
        """
        if not isinstance(loss, Tensor):
            loss = torch.tensor(as_sample(loss), dtype=torch.float64)
        loss = loss.detach().to(torch.float64).reshape(())
        own = torch.stack([loss, torch.full_like(loss, step)])
        gathered = own.new_empty(dist.get_world_size(self.group), 2)
        dist.all_gather(list(gathered), own, group=self.group)
        return gathered


def processes(group: Group | None) -> Processes | None:
    """Return the processes of a group, None for a process alone.

    Raises
    ------
    TypeError
        If it is no group.
    RuntimeError
        If ``"world"`` is meant before ``torch.distributed`` was initialised.
    """
    if group is None:
        return None
    if group == "world":
        world = dist.group.WORLD if dist.is_available() else None
        if world is None:
            raise RuntimeError('process_group="world" needs torch.distributed.init_process_group()')
        return Processes(world)
    if not isinstance(group, dist.ProcessGroup):
        raise TypeError(f'process_group must be a ProcessGroup or "world", not {group!r}')
    return Processes(group)


def mean_loss(rows: Sequence[Sequence[float]]) -> float:
    """Return the mean of what `Processes.gather` returned; NaN if one loss is not finite.

    Raises
    ------
    RuntimeError
        If the processes are not at the same step, say because one has loaded another checkpoint.
    """
    steps = [int(step) for _, step in rows]
    if len(set(steps)) > 1:
        raise RuntimeError(
            f"the processes have taken {steps} steps: let all of them load the same checkpoint "
            "and call step() equally often"
        )
    losses = [loss for loss, _ in rows]
    if not all(map(math.isfinite, losses)):
        return math.nan
    return math.fsum(loss / len(losses) for loss in losses)
