"""Optimizers: one for the network, and SGD for whatever that one does not suit.

All take a step only if its gradient is finite, and decide that on the device: the host would have
to wait for the answer.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import overload

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from plateau_face.config import Config

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of x → a·x + b·x³ + c·x⁵, as published with Muon: five times, it brings the singular values of a
matrix from anywhere above 0.005 to between 0.68 and 1.16, which is as good as 1 here."""
ITERATIONS = 5
MOMENTS = {
    "sgd": ("momentum_buffer",),
    "adamw": ("exp_avg", "exp_avg_sq"),
    "muon": ("momentum_buffer",),
}
"""What an optimizer keeps for each number of a parameter, by its name in configurations."""


class Muon(SGD):
    """SGD, but the momentum of matrices is made orthogonal: its singular values become nearly 1.

    A filter is a matrix of outputs × whatever goes into one. Momentum is Nesterov's, and a matrix
    with more rows than columns gets a rate higher by √(rows / columns), as in torch's Muon, which
    takes matrices only and no word of a step that is to be skipped. Weight decay is decoupled from
    the momentum of matrices.

    Keller Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024.

    Parameters
    ----------
    others : sequence of Tensor
        Trained by SGD.
    matrices : sequence of Tensor
        With two dimensions or more.
    lr, rate : float
        Of the others, and of the matrices.
    momentum, weight_decay : float
    """

    def __init__(
        self,
        others: Sequence[Tensor],
        matrices: Sequence[Tensor],
        *,
        lr: float,
        rate: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        groups = [
            {"params": list(others), "lr": lr},
            # SGD is given a direction to go, and no momentum of its own.
            {"params": list(matrices), "lr": rate, "momentum": 0.0, "memory": momentum},
        ]
        super().__init__(groups, momentum=momentum, weight_decay=weight_decay, fused=True)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Make one step, unless the gradient scaler has found a gradient that is not finite.

        Parameters
        ----------
        closure : callable, optional
            Computes loss and gradients anew, and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if getattr(self, "grad_scale", None) is not None:  # set by a gradient scaler
            raise RuntimeError("unscale the gradients before the step: momentum takes them up")
        _, group = self.param_groups
        by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            by_shape[tuple(parameter.shape)].append(parameter)
        for alike in by_shape.values():
            self._direct(alike, group["memory"])
        super().step()
        return loss

    def _direct(self, alike: Sequence[Tensor], memory: float) -> None:
        """Put into the gradients of matrices of the same shape the directions that they are to go.

        In stacks, which take few kernels.
        """
        gradients = [parameter.grad for parameter in alike if parameter.grad is not None]
        buffers = [self.state[parameter]["momentum_buffer"] for parameter in alike]
        gradient, before = stacked(gradients), stacked(buffers)
        momentum = memory * before + gradient
        found_inf: Tensor | None = getattr(self, "found_inf", None)
        if found_inf is not None:
            momentum = torch.where(found_inf > 0, before, momentum)
        _, rows, columns = momentum.shape
        direction = polar(gradient + memory * momentum) * math.sqrt(max(1.0, rows / columns))
        torch._foreach_copy_(buffers, list(momentum.view(-1, *alike[0].shape)))
        torch._foreach_copy_(gradients, list(direction.reshape(-1, *alike[0].shape)))


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors of the same shape as matrices, shape (number, rows, columns)."""
    return torch.stack([tensor.flatten(1) for tensor in tensors])


def polar(matrices: Tensor) -> Tensor:
    """Return matrices with the same singular vectors, and singular values near 1.

    By Newton and Schulz' iteration, in products only. On an accelerator these are in bf16, whose
    errors are small beside that of the iteration.

    Parameters
    ----------
    matrices : Tensor, shape (number, rows, columns)
    """
    rows, columns = matrices.shape[1:]
    x = matrices if rows <= columns else matrices.mT
    if x.device.type != "cpu":
        x = x.bfloat16()
    least = torch.finfo(x.dtype).tiny
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=least)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if rows <= columns else x.mT).to(matrices.dtype)


def make_optimizer(config: Config, model: nn.Module, prototypes: list[nn.Parameter]) -> Optimizer:
    """Return what trains a network and the prototypes of its head."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer: Optimizer
    if config.optimizer == "adamw":
        decay = config.weight_decay
        optimizer = AdamW(trained + prototypes, config.lr, weight_decay=decay, fused=True)
    elif config.optimizer == "muon":
        matrices = matrices_of(model)
        others = [p for p in trained if all(p is not matrix for matrix in matrices)]
        optimizer = Muon(
            others + prototypes,
            matrices,
            lr=config.lr,
            rate=config.muon_lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
        )
    else:
        optimizer = SGD(
            trained + prototypes,
            lr=config.lr,
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            fused=True,
        )
    begin_with_zeros(optimizer, MOMENTS[config.optimizer])
    return optimizer


def matrices_of(model: nn.Module) -> list[Tensor]:
    """Return the filters and linear layers of a network.

    The filters of a convolution in groups are left out: those of one channel each, as they are in
    use, have nothing to do with one another.
    """
    return [
        module.weight
        for module in model.modules()
        if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
    ]


def begin_with_zeros(optimizer: Optimizer, moments: Sequence[str]) -> None:
    """Let the state of an optimizer begin with zeros, as its first step would.

    Left to fused SGD, a first step that is skipped, for a gradient that is not finite, leaves them
    uninitialised; and `PartialHead` puts rows in their place before the first step.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            for name in moments:
                state[name] = torch.zeros_like(parameter)
            if isinstance(optimizer, AdamW):
                state["step"] = torch.zeros((), device=parameter.device)
