"""Heads: the prototypes of the classes, all in each step or, as Partial FC does it, some.

A head lives beside the network only while training. The loop calls, in each step,
``gather → look → forward → backward → optimizer.step → scatter``.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from plateau_face.loss import margin_loss
from plateau_face.margins import Margin


class Head(nn.Module):
    """All classes in each step.

    Parameters
    ----------
    classes, dim : int
    margin : Margin
    chunk : int, optional
        See `margin_loss`.
    centres : int, default 1
        Prototypes of a class, of which the nearest counts: for sets in which some images of a
        class are of somebody else (sub-centre ArcFace, ECCV 2020).

    Attributes
    ----------
    step : int
        Number of the present step, set by the training loop.
    """

    weight: Tensor

    def __init__(
        self,
        classes: int,
        dim: int,
        margin: Margin,
        chunk: int | None = None,
        *,
        centres: int = 1,
    ) -> None:
        super().__init__()
        self.margin, self.chunk = margin, chunk
        self.step = 0
        self.weight = nn.Parameter(0.01 * torch.randn(classes, centres * dim))

    def trained(self) -> list[nn.Parameter]:
        """Return what the optimizer trains."""
        return list(self.parameters())

    def look(self, images: Tensor) -> None:
        """See the images of a step before the network does."""

    def gather(self, labels: Tensor, optimizer: Optimizer) -> Tensor:
        """Get the classes of a step ready, and return the labels among them."""
        return labels

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch; labels as `gather` returned them."""
        (weight,) = self.trained()
        return margin_loss(embeddings, labels, weight, self.margin, self.chunk)

    def scatter(self, optimizer: Optimizer) -> None:
        """Take back what the optimizer changed."""


class PartialHead(Head):
    """A share of the classes in each step: those of the batch, and others at random.

    Partial FC (arXiv 2203.15565) on one device. The sampled prototypes are taken out together with
    their momentum, trained, and put back, so that neither momentum nor weight decay moves the
    others, and gradient and logits need memory for the sample only.

    Parameters
    ----------
    classes, dim : int
    margin : Margin
    rate : float
        Share of the classes, above 0 and at most 1. A batch of more classes has all of its own.
    chunk : int, optional
        See `margin_loss`.
    moments : sequence of str, default ``("momentum_buffer",)``
        What the optimizer keeps for each number of a parameter.
    centres : int, default 1
        See `Head`.
    """

    def __init__(
        self,
        classes: int,
        dim: int,
        margin: Margin,
        rate: float,
        chunk: int | None = None,
        moments: Sequence[str] = ("momentum_buffer",),
        *,
        centres: int = 1,
    ) -> None:
        super().__init__(classes, dim, margin, chunk, centres=centres)
        if not 0 < rate <= 1:
            raise ValueError(f"the share of classes must be above 0 and at most 1, not {rate}")
        weight = self.weight.detach()
        del self.weight
        self.register_buffer("weight", weight)  # no parameter: the optimizer must not see it
        self._moments = {moment: moment.removesuffix("_buffer") for moment in moments}
        for name in self._moments.values():
            self.register_buffer(name, torch.zeros_like(weight))
        self.size = max(1, int(rate * classes))
        self._rows = torch.arange(self.size)
        # In a list, where the module does not find it: it is no state, each step fills it anew.
        self._sample = [nn.Parameter(weight[: self.size].clone())]

    def trained(self) -> list[nn.Parameter]:
        """Return the sampled prototypes."""
        return self._sample

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch has no types there
        (sample,) = self._sample
        sample.data = fn(sample.data)
        return self

    def gather(self, labels: Tensor, optimizer: Optimizer) -> Tensor:
        """Take out the sampled prototypes and what the optimizer keeps of them."""
        self._rows = sampled(labels, len(self.weight), self.size)
        (sample,) = self._sample
        sample.data = self.weight[self._rows]
        for moment, name in self._moments.items():
            optimizer.state[sample][moment] = self.get_buffer(name)[self._rows]
        return torch.searchsorted(self._rows, labels)

    def scatter(self, optimizer: Optimizer) -> None:
        """Put the sampled prototypes back."""
        (sample,) = self._sample
        self.weight[self._rows] = sample.detach()
        for moment, name in self._moments.items():
            self.get_buffer(name)[self._rows] = optimizer.state[sample][moment]


def sampled(labels: Tensor, classes: int, size: int) -> Tensor:
    """Return sorted classes: all that are in `labels`, and others at random up to `size`."""
    draw = torch.rand(classes, device=labels.device)
    draw[labels] = 2.0  # above all others
    if len(labels) > size:  # only then can there be too many; counting them waits for the device
        present: Tensor = torch.unique(labels)
        if len(present) >= size:
            return present
    rows: Tensor = draw.topk(size).indices.sort().values
    return rows
