"""One loss for several processes: each gathers the losses of all and takes the same mean."""

import math
import zlib
from collections.abc import Sequence
from typing import Any, Literal, NoReturn, Self

import torch
import torch.distributed as dist
from torch import Tensor

from plateau.checks import Sample, as_sample

Group = dist.ProcessGroup | Literal["world"]
"""The processes that act as one; ``"world"`` is all of them."""


class Processes:
    """The processes that act as one."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group
        self._beginning = torch.zeros(3, dtype=torch.float64)

    def begin(self, rate: float, reductions: int, state: object) -> None:
        """Note what this process begins with, as plain data; it goes along with each loss.

        So no process waits for the others before the first loss.
        """
        self._beginning = torch.tensor([rate, reductions, _mark(state)], dtype=torch.float64)

    def gather(self, loss: Sample | Tensor, step: int, standing: object = None) -> Tensor:
        """Return what each process has, shape (processes, 6), on the device of the loss.

        It is the loss, the step, what it began with (rate, reductions and mark), and a mark of
        where it stands, plain data. Every process receives the same numbers, so that what they make
        of them is the same bit for bit, which a reduction does not promise. On an accelerator
        nothing waits for them here.
        """
        if not isinstance(loss, Tensor):
            loss = torch.tensor(as_sample(loss), dtype=torch.float64)
        loss = loss.to(torch.float64).reshape(1)
        if self._beginning.device != loss.device:
            self._beginning = self._beginning.to(loss.device)  # waits, so once only
        stands = torch.full_like(loss, _mark(standing))
        own = torch.cat([loss, torch.full_like(loss, step), self._beginning, stands])
        gathered = own.new_empty(dist.get_world_size(self.group), len(own))
        dist.all_gather(list(gathered), own, group=self.group)
        return gathered

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy that shares the group, which belongs to the processes and not to it."""
        twin = type(self)(self.group)
        twin._beginning = self._beginning
        return twin

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "with a process_group it cannot be pickled: save its state_dict(), and load that in "
            "every process"
        )


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
        If the processes are not at the same step, did not begin alike, say because one has
        loaded another checkpoint, or have come apart since.
    """
    losses, steps, rates, reductions, marks, standings = zip(*rows, strict=True)
    if len(set(steps)) > 1:
        raise RuntimeError(
            f"the processes have taken {_whole(steps)} steps: let all of them load the same "
            "checkpoint and call step() equally often"
        )
    if len(set(marks)) > 1:
        raise RuntimeError(
            "the processes began differently, "
            f"with learning rates {list(rates)} and {_whole(reductions)} reductions: "
            "give all of them the same rates, arguments and detector, or the same checkpoint"
        )
    if len(set(standings)) > 1:
        raise RuntimeError(
            "the processes differ in learning rates, fires or plateaus although they took the same "
            f"losses, at step {_whole(steps)[0]}: call changed(), reset() and whatever sets a rate "
            "in all of them"
        )
    if not all(map(math.isfinite, losses)):
        return math.nan
    # Halved, as losses next to the largest float would overflow on the way.
    mean = 2.0 * math.fsum(0.5 * loss / len(losses) for loss in losses)
    lowest, highest = float(min(losses)), float(max(losses))  # rounding must not leave them
    return min(max(mean, lowest), highest)


def _mark(data: object) -> int:
    """Return what differs, but for a few in 2**32, where plain data does; a float64 holds it."""
    return zlib.crc32(repr(data).encode())


def _whole(numbers: Sequence[float]) -> list[int]:
    return [int(number) for number in numbers]
