"""The loss of a head: cross-entropy of scaled cosines, with a margin, a few classes at a time."""

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from plateau_face.margins import Margin, Others


def margin_loss(
    embeddings: Tensor,
    labels: Tensor,
    weight: Tensor,
    margin: Margin,
    chunk: int | None = None,
    classes: Tensor | None = None,
) -> Tensor:
    """Return the mean cross-entropy of a batch, plus the margin's penalty.

    Parameters
    ----------
    embeddings : Tensor, shape (batch, dim)
    labels : Tensor of int64, shape (batch,)
        Rows of `weight`.
    weight : Tensor, shape (classes, centres · dim)
        Prototypes, of any length; of several centres a class goes by the nearest.
    margin : Margin
    chunk : int, optional
        Handle so many classes at a time, and compute their logits again for the gradient: the
        memory falls from several times 4·batch·classes bytes to several times 4·batch·chunk.
    classes : Tensor of int64, shape (rows of weight,), optional
        Class of each prototype, where a class can have several: the others of an image's own class
        are left out. By default each row is a class.

    Notes
    -----
    The loss is log(exp z_y + Σ_j≠y exp z_j) − z_y with z_y = s·target and z_j = s·others. The sum
    over the wrong classes is all that needs every class, and it can be taken in parts.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        embeddings = _at_least_float32(embeddings)
        norms = embeddings.norm(dim=1)
        direction = functional.normalize(embeddings)
        weight = _at_least_float32(weight).unflatten(1, (-1, direction.shape[1]))
        each = (direction[:, None] * functional.normalize(weight[labels], dim=2)).sum(dim=2)
        own = each.amax(dim=1).clamp(-1, 1)
        if margin.training:
            margin.observe(own, norms)
        target = margin.scale * margin.soften(own, margin.target(own, norms))
        others = margin.others(own)
        sums = [target]
        if classes is None:
            classes = torch.arange(len(weight), device=labels.device)
        size = chunk or len(weight)
        right = classes[labels]
        for first in range(0, len(weight), size):
            rows = slice(first, first + size)
            part = (direction, weight[rows], right, classes[rows], others, margin)
            if len(weight) <= size:
                sums.append(log_sum_of_others(*part))
            else:
                sums.append(checkpoint(log_sum_of_others, *part, use_reentrant=False))
        loss = torch.stack(sums).logsumexp(dim=0) - target
        return loss.mean() + margin.strength * margin.penalty(norms)


def log_sum_of_others(
    direction: Tensor,
    weight: Tensor,
    right: Tensor,
    classes: Tensor,
    others: Others,
    margin: Margin,
) -> Tensor:
    """Return log Σ exp z over the rows of `weight` that are not of the right class, shape (batch,).

    `right` has the classes of the batch, `classes` those of the rows, shape (rows, centres, dim).
    """
    rows, centres, _ = weight.shape
    each = direction @ functional.normalize(weight, dim=2).flatten(0, 1).T
    cosine = each.unflatten(1, (rows, centres)).amax(dim=2).clamp(-1, 1)
    logits = margin.scale * margin.soften(cosine, others(cosine))
    # Not −inf: where all are left out the gradient would be NaN.
    least = torch.finfo(logits.dtype).min
    left_out = right[:, None] == classes
    if margin.filter_above < 1:
        left_out = left_out | (cosine > margin.filter_above)
    return logits.masked_fill(left_out, least).logsumexp(dim=1)


def _at_least_float32(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()
