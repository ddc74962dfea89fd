"""Semi-Siamese training: for many identities with two images, or few, of each.

arXiv 2007.08398. With two images a prototype that is learned is an image learned by heart. Here an
image meets a prototype that is made of the identity's *other* image, by a second network that
follows the first slowly, and the prototypes of the latest identities are kept in a queue.

With several agents (arXiv 2105.04113) there are several such networks, which take turns.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from plateau_face.loss import margin_loss
from plateau_face.margins import Margin

NOBODY = -1
"""Class of a place in the queue where none was yet."""


class SiameseHead(nn.Module):
    """Prototypes from a second network, the gallery, in place of learned ones; or from several.

    Takes batches as `PairSampler` makes them: images 2k and 2k + 1 are of one identity. An image
    goes through the network, called the probe here, and its loss is that of a margin against the
    queue of prototypes, in which the batch has places of its own: there, each identity has the
    gallery's embedding of the other image. So each image is once a probe and once a prototype. Then
    one of the two takes the place in the queue, the same for the whole batch.

    What the paper leaves open is done thus:

    - The gallery is no exact average of the probe: its parameters are averaged, its batch norms
      use the statistics of the batch, as the probe's do and as in the authors' program, and so its
      running statistics are its own. It drops nothing out. What is verified and exported is the
      probe.
    - The queue begins with random directions, which belong to nobody.
    - Of several agents, known here from the abstract alone, one makes the prototypes of a step, and
      it alone follows the probe then: if all did, they would stay as equal as they begin. The queue
      is shared, so that its prototypes are of networks of different age. An agent follows once in
      so many steps as there are agents: its decay is 1 − agents·(1 − decay), and so it looks as far
      back as a single one.
    - Where an identity comes again before its last prototype has left the queue, that one is not
      counted against it. The authors' program orders the identities so that none does, for which
      there must be more than twice as many as places.

    Parameters
    ----------
    probe : Module
        The network that is trained; the gallery begins as a copy of it.
    dim : int
        Length of the embeddings.
    margin : Margin
    queue : int, default 16384
        Prototypes, at least as many as a batch has identities.
    decay : float, default 0.999
        Share of itself that the gallery keeps in each step.
    chunk : int, optional
        See `margin_loss`.
    agents : int, default 1
        Galleries.

    Attributes
    ----------
    step : int
        Number of the present step, set by the training loop; it says whose turn it is.
    """

    queue: Tensor
    classes: Tensor
    place: Tensor

    def __init__(
        self,
        probe: nn.Module,
        dim: int,
        margin: Margin,
        queue: int = 16384,
        decay: float = 0.999,
        chunk: int | None = None,
        agents: int = 1,
    ) -> None:
        super().__init__()
        self.margin, self.chunk, self.step = margin, chunk, 0
        self.galleries = nn.ModuleList(
            copy.deepcopy(probe).requires_grad_(False).eval() for _ in range(agents)
        )
        for module in self.galleries.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.train()
        self.register_buffer("queue", functional.normalize(torch.randn(queue, dim)))
        self.register_buffer("classes", torch.full((queue,), NOBODY))
        self.register_buffer("place", torch.tensor(0))  # of the next prototype; on the device
        self._probe = list(probe.parameters())  # in a list: they are no state of the head
        self._average = get_ema_multi_avg_fn(1 - agents * (1 - decay) if agents > 1 else decay)
        # Of the present step: places and classes of its identities, and their two prototypes.
        self._columns = self._identities = self.classes[:0]
        self._first = self._second = self.queue[:0]

    def trained(self) -> list[nn.Parameter]:
        """Return nothing: no prototype is trained."""
        return []

    @property
    def gallery(self) -> nn.Module:
        """The network whose turn it is."""
        return self.galleries[self.step % len(self.galleries)]

    def gather(self, labels: Tensor, optimizer: Optimizer) -> Tensor:
        """Choose the places of the identities in the queue; the labels are the places."""
        self._identities = labels[::2]
        steps = torch.arange(len(self._identities), device=labels.device)
        self._columns = (self.place + steps) % len(self.queue)
        return self._columns.repeat_interleave(2)

    def look(self, images: Tensor) -> None:
        """Have the gallery make the prototypes of the step, for both images of each identity."""
        with torch.no_grad():
            prototypes = functional.normalize(self.gallery(images).to(self.queue))
        self._first, self._second = prototypes[::2], prototypes[1::2]

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch, or of a part of it with whole identities."""
        classes = self.classes.index_copy(0, self._columns, self._identities)
        losses = [
            margin_loss(
                probes,
                labels[::2],
                self.queue.index_copy(0, self._columns, prototypes),
                self.margin,
                self.chunk,
                classes,
            )
            for probes, prototypes in (
                (embeddings[::2], self._second),
                (embeddings[1::2], self._first),
            )
        ]
        return torch.stack(losses).mean()

    def scatter(self, optimizer: Optimizer) -> None:
        """Let the gallery follow the probe, and the queue take one prototype of each identity."""
        self._average(list(self.gallery.parameters()), self._probe, None)
        either = torch.rand((), device=self.queue.device) < 0.5  # not read: the host would wait
        chosen = torch.where(either, self._first, self._second)
        # A prototype that overflowed would spoil the losses of all until it leaves the queue.
        finite = chosen.isfinite().all(dim=1)
        chosen = torch.where(finite[:, None], chosen, self.queue[self._columns])
        identities = torch.where(finite, self._identities, self.classes[self._columns])
        self.queue.index_copy_(0, self._columns, chosen)
        self.classes.index_copy_(0, self._columns, identities)
        self.place.add_(len(self._columns)).remainder_(len(self.queue))
