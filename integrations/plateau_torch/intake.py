"""Losses on their way to the detector: in order, none dropped, no waiting for an accelerator."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from plateau._arguments import whole
from plateau._samples import Sample, as_sample
from plateau_torch.processes import Group, mean_loss, processes

LAG_OF_A_GROUP = 4
"""Steps after which a group of processes takes a loss from an accelerator, by default."""


class Copy:
    """A tensor on its way from the accelerator to pinned memory."""

    def __init__(self, value: Tensor) -> None:
        self._host = pinned_like(value)
        self._host.copy_(value, non_blocking=True)
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it open
        self._done.record(torch.cuda.current_stream(value.device))

    def has_arrived(self) -> bool:
        """Whether it can be read without waiting."""
        return bool(self._done.query())  # type: ignore[no-untyped-call]

    def read(self) -> Tensor:
        """Return it; wait until it has arrived."""
        self._done.synchronize()
        return self._host


class Intake:
    """A queue of losses, each a number or a tensor.

    Parameters
    ----------
    process_group : ProcessGroup or "world", optional
        The loss is the mean over these processes.
    lag : int, optional
        A loss on an accelerator is taken exactly so many steps after it was given, if need be by
        waiting for it. By default it is taken as soon as it has arrived, but with a process group
        after `LAG_OF_A_GROUP` steps: when a copy arrives differs between the processes.
    """

    def __init__(self, process_group: Group | None = None, lag: int | None = None) -> None:
        self.processes = processes(process_group)
        if lag is None and self.processes:
            lag = LAG_OF_A_GROUP
        self._lag = None if lag is None else whole("lag", lag, least=0)
        self._given = 0
        self._queue: deque[float | Copy] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, loss: Sample | Tensor) -> None:
        """Queue the loss of a step."""
        if self.processes:
            loss = self.processes.gather(loss, self._given)
        elif isinstance(loss, Tensor):
            loss = loss.detach().reshape(())
        if not isinstance(loss, Tensor):
            self._queue.append(as_sample(loss))
        else:
            self._queue.append(Copy(loss) if loss.is_cuda else self._number(loss))
        self._given += 1

    def take(self) -> Iterator[float]:
        """Remove the losses that can be taken now, and yield them."""
        while self._queue and self._is_due(self._queue[0]):
            yield self._read(self._queue.popleft())

    def state_dict(self) -> dict[str, Any]:
        """Return the state as plain data; losses that have not arrived are waited for."""
        return {"given": self._given, "waiting": [self._read(loss) for loss in self._queue]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        self._given = state["given"]
        self._queue = deque(state["waiting"])

    def __getstate__(self) -> dict[str, Any]:
        waiting = deque(self.state_dict()["waiting"])  # a copy under way cannot be saved
        return self.__dict__ | {"_queue": waiting}

    def _is_due(self, loss: float | Copy) -> bool:
        if isinstance(loss, float):
            return True
        return loss.has_arrived() if self._lag is None else len(self._queue) > self._lag

    def _read(self, loss: float | Copy) -> float:
        return loss if isinstance(loss, float) else self._number(loss.read())

    def _number(self, loss: Tensor) -> float:
        return mean_loss(loss.tolist()) if self.processes else float(loss)


def pinned_like(value: Tensor) -> Tensor:
    """Return memory of the host to which an accelerator can copy by itself."""
    return torch.empty_like(value, device="cpu", pin_memory=True)
