"""Losses on their way to the detector: in order, none dropped, no waiting for an accelerator."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from plateau.checks import Sample, as_sample, whole
from plateau.detecting import Detecting
from plateau_torch.processes import Group, mean_loss, processes

LAG_OF_A_GROUP = 4
"""Steps after which a group of processes takes a loss from an accelerator, by default."""


class Copy:
    """A tensor on its way from the accelerator to pinned memory."""

    def __init__(self, value: Tensor) -> None:
        self._host = pinned_like(value)
        self._host.copy_(value, non_blocking=True)
        self._done = torch.cuda.Event()
        self._done.record(torch.cuda.current_stream(value.device))

    def has_arrived(self) -> bool:
        """Whether it can be read without waiting."""
        return bool(self._done.query())

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
        Each loss is taken exactly so many steps after it was given, if need be by waiting for it.
        By default it is taken as soon as it has arrived; with a process group, where the time of
        arrival differs, a loss on an accelerator has a lag of `LAG_OF_A_GROUP` and others of 0.
    """

    def __init__(self, process_group: Group | None = None, lag: int | None = None) -> None:
        self.processes = processes(process_group)
        self.lag = None if lag is None else whole("lag", lag, least=0)
        self._queue: deque[float | Copy] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(
        self, loss: Sample | Tensor, step: int, detector: Detecting, rates: Sequence[float] = ()
    ) -> None:
        """Queue the loss of a step; before it, detector and rates are the same in all processes."""
        if isinstance(loss, Tensor):
            loss = one_number(loss)
        if self.processes:
            standing = detector.count, detector.fires, detector.onset is None, *rates
            loss = self.processes.gather(loss, step, standing)
        if not isinstance(loss, Tensor):
            self._queue.append(as_sample(loss))
        else:
            self._queue.append(Copy(loss) if loss.is_cuda else self._number(loss))

    def begin(self, state: object, rate: float = 0.0, reductions: int = 0) -> None:
        """Note what the steps from here on begin with: it must be the same in all processes."""
        if self.processes:
            self.processes.begin(rate, reductions, (state, self.lag))

    def take(self) -> Iterator[float]:
        """Remove the losses that are due, and yield them."""
        while self._queue and self._is_due():
            yield self._read(self._queue.popleft())

    @property
    def is_plain(self) -> bool:
        """Whether a number that is put now could be taken at once and be the same."""
        return self.processes is None and self.lag is None and not self._queue

    def waiting(self) -> list[float | None]:
        """Return the losses that were not taken yet, as JSON has them: None for one not finite.

        Those that have not arrived are waited for.
        """
        return [loss if math.isfinite(loss) else None for loss in self._arrived()]

    def restore(self, waiting: Iterable[float | None]) -> None:
        """Replace the losses that were not taken yet."""
        self._queue = deque(math.nan if loss is None else loss for loss in waiting)

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_queue": self._arrived()}  # a copy under way cannot be saved

    def _arrived(self) -> deque[float]:
        """Return the losses that were not taken yet as numbers."""
        return deque(self._read(loss) for loss in self._queue)

    def _is_due(self) -> bool:
        """Whether the oldest loss can be taken, after the newest was put."""
        oldest, newest = self._queue[0], self._queue[-1]
        lag = self.lag
        if self.processes and lag is None:
            lag = LAG_OF_A_GROUP if isinstance(newest, Copy) else 0
        if lag is not None:
            return len(self._queue) > lag
        return isinstance(oldest, float) or oldest.has_arrived()

    def _read(self, loss: float | Copy) -> float:
        return loss if isinstance(loss, float) else self._number(loss.read())

    def _number(self, loss: Tensor) -> float:
        return mean_loss(loss.tolist()) if self.processes else float(loss)


def one_number(loss: Tensor) -> Tensor:
    """Return a loss as a tensor without dimensions and without a gradient.

    Raises
    ------
    TypeError
        If it is not one real number.
    """
    if loss.numel() != 1 or loss.is_complex():
        raise TypeError(
            "a loss must be one real number, "
            f"not a tensor of shape {tuple(loss.shape)} and {loss.dtype}"
        )
    return loss.detach().reshape(())


def pinned_like(value: Tensor) -> Tensor:
    """Return memory of the host to which an accelerator can copy by itself."""
    return torch.empty_like(value, device="cpu", pin_memory=True)
