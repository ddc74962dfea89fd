"""Margins: how a head makes the right class harder while training.

A head compares an embedding with one prototype per class and gets cosines. A margin lowers the
cosine of the right class, so that training does not stop when the right class is merely first.
Everything is in fp32: just below 1, where cosines of a trained network live, fp16 moves in steps
of 5e-4 and bf16 of 4e-3. All are out of place.

Written with c = cos θ for the cosine of the right class and m for the margin.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

Others = Callable[[Tensor], Tensor]
"""From cosines with the prototypes of some classes, shape (batch, classes), to as many others."""


def sine(cosine: Tensor) -> Tensor:
    """Return sin θ from cos θ, kept so far above 0 that its gradient −c/sin θ stays finite.

    (1−c)(1+c) and not 1−c², which cancels near 1.
    """
    room = (1 - cosine) * (1 + cosine)
    return room.clamp(min=torch.finfo(cosine.dtype).eps).sqrt()


def angle(cosine: Tensor) -> Tensor:
    """Return θ in [0, π]; unlike that of `acos` its gradient is finite at both ends."""
    return torch.atan2(sine(cosine), cosine)


def add_angle(cosine: Tensor, margin: float | Tensor) -> Tensor:
    """Return cos(θ + m), and c − m·sin m where θ + m would go past π.

    ArcFace, arXiv 1801.07698, equation 3; past π the cosine would rise again, so a line takes over.
    """
    cos: float | Tensor
    sin: float | Tensor
    if isinstance(margin, Tensor):
        cos, sin = margin.cos(), margin.sin()
    else:  # no tensor made of it: that would be a copy to the device
        cos, sin = math.cos(margin), math.sin(margin)
    turned = cosine * cos - sine(cosine) * sin
    return torch.where(cosine > -cos, turned, cosine - margin * sin)


class Margin(nn.Module):
    """What the margins have in common; itself the head without a margin (NormFace).

    Parameters
    ----------
    scale : float, default 64
        What the cosines are multiplied with before the softmax.

    Attributes
    ----------
    strength : float
        From 0 (no margin) to 1 (all of it): the margin's warm-up, set by the training loop.
    filter_above : float
        Wrong classes with a higher cosine are left out: in a noisy set they may be the right one.
    """

    def __init__(self, scale: float = 64.0) -> None:
        super().__init__()
        self.scale = scale
        self.strength = 1.0
        self.filter_above = math.inf

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Return what takes the place of the right class's cosine.

        Parameters
        ----------
        cosine : Tensor, shape (batch,)
            Cosines of the embeddings with the prototypes of their own classes.
        norms : Tensor, shape (batch,)
            Lengths of the embeddings.
        """
        return cosine

    def others(self, own: Tensor) -> Others:
        """Return the function to what takes the place of the wrong classes' cosines.

        It goes by the statistics as they are now. A part of the classes is computed again for the
        gradient, perhaps after `observe` has seen other images.

        Parameters
        ----------
        own : Tensor, shape (batch,)
            Cosines with the prototypes of the embeddings' own classes.
        """
        return lambda cosine: cosine

    def penalty(self, norms: Tensor) -> Tensor:
        """Return what is added to the loss, a number."""
        return norms.new_zeros(())

    def observe(self, cosine: Tensor, norms: Tensor) -> None:
        """Take note of a batch in training, before `target` and `others`."""

    def soften(self, plain: Tensor, hard: Tensor) -> Tensor:
        """Blend cosines with and without the margin, as far as the warm-up is."""
        return hard if self.strength == 1.0 else plain + self.strength * (hard - plain)


class ArcFace(Margin):
    """cos(θ + m) (arXiv 1801.07698)."""

    def __init__(self, margin: float = 0.5, scale: float = 64.0) -> None:
        super().__init__(scale)
        self.margin = margin

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Add to the angle."""
        return add_angle(cosine, self.margin)


class CosFace(Margin):
    """cos θ − m (arXiv 1801.09414)."""

    def __init__(self, margin: float = 0.4, scale: float = 64.0) -> None:
        super().__init__(scale)
        self.margin = margin

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Take from the cosine."""
        return cosine - self.margin


class Combined(Margin):
    """cos(m1·θ + m2) − m3 (arXiv 1801.07698, equation 4).

    Where m1·θ + m2 is past π the formula, as published, rises again.
    """

    def __init__(
        self, factor: float = 1.0, margin: float = 0.3, offset: float = 0.2, scale: float = 64.0
    ) -> None:
        super().__init__(scale)
        self.factor, self.margin, self.offset = factor, margin, offset

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Multiply and add to the angle, and take from the cosine."""
        return torch.cos(self.factor * angle(cosine) + self.margin) - self.offset


class AdaFace(Margin):
    """cos(θ − m·z) − (m + m·z), where z tells how good the image is (arXiv 2204.00964, eq. 9-12).

    z = h·(‖x‖ − μ)/σ, cut to [−1, 1]; μ and σ are running means of the mean and the standard
    deviation of the embeddings' lengths. A bad image, z = −1, gets ArcFace's margin, an average
    one, z = 0, CosFace's, and a good one that of cos(θ − m) − 2m. No gradient goes through z.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, margin: float = 0.4, spread: float = 0.333, weight: float = 0.01, scale: float = 64.0
    ) -> None:
        super().__init__(scale)
        self.margin, self.spread, self.weight = margin, spread, weight
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    def observe(self, cosine: Tensor, norms: Tensor) -> None:
        """Follow mean and standard deviation of the lengths."""
        norms = norms.detach().clamp(1e-3, 100)
        self.mean = self.mean.lerp(norms.mean().to(self.mean), self.weight)
        deviation = norms.std(correction=min(1, len(norms) - 1))  # of one image it is 0, not NaN
        self.deviation = self.deviation.lerp(deviation.to(self.deviation), self.weight)

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Turn by the image's quality."""
        norms = norms.detach().clamp(1e-3, 100)
        quality = self.spread * (norms - self.mean) / (self.deviation.to(norms) + 1e-3)
        extra = self.margin * quality.clamp(-1, 1)
        turned = (angle(cosine) - extra).clamp(1e-3, math.pi - 1e-3)
        return turned.cos() - (self.margin + extra)


class MagFace(Margin):
    """cos(θ + m(a)) with a margin that grows with the length a, and a reward for length.

    arXiv 2103.06627, equations 3 and 6: m(a) is a line from 0.45 at a = 10 to 0.8 at a = 110, a is
    cut to that range, and λ·(a/110² + 1/a) is added to the loss.
    """

    shortest, longest = 10.0, 110.0
    least, most = 0.45, 0.8

    def __init__(self, reward: float = 35.0, scale: float = 64.0) -> None:
        super().__init__(scale)
        self.reward = reward

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Add to the angle what the length asks for."""
        length = norms.clamp(self.shortest, self.longest)
        slope = (self.most - self.least) / (self.longest - self.shortest)
        return add_angle(cosine, self.least + slope * (length - self.shortest))

    def penalty(self, norms: Tensor) -> Tensor:
        """Reward long embeddings."""
        length = norms.clamp(self.shortest, self.longest)
        return self.reward * (length / self.longest**2 + 1 / length).mean()


class CurricularFace(Margin):
    """cos(θ + m), and wrong classes that are ahead of it count more as training goes on.

    arXiv 2004.00288, equations 5 and 11-12: where a wrong cosine exceeds cos(θ + m) it becomes
    cos·(t + cos), with t the running mean of the right classes' cosines.
    """

    progress: Tensor

    def __init__(self, margin: float = 0.5, weight: float = 0.01, scale: float = 64.0) -> None:
        super().__init__(scale)
        self.margin, self.weight = margin, weight
        self.register_buffer("progress", torch.tensor(0.0))

    def observe(self, cosine: Tensor, norms: Tensor) -> None:
        """Follow the mean cosine of the right classes."""
        mean = cosine.detach().mean().to(self.progress)
        self.progress = self.progress.lerp(mean, self.weight)

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Add to the angle."""
        return add_angle(cosine, self.margin)

    def others(self, own: Tensor) -> Others:
        """Weigh the hard ones."""
        own = own.detach()
        limit = (own * math.cos(self.margin) - sine(own) * math.sin(self.margin))[:, None]
        progress = self.progress
        return lambda cosine: torch.where(cosine > limit, cosine * (progress + cosine), cosine)


class ElasticFace(Margin):
    """ArcFace or CosFace with a margin drawn anew for each image, m ~ N(m, σ) (arXiv 2109.09416).

    Parameters
    ----------
    margin : float, optional
        Mean of the margin; by default 0.5 on the angle and 0.35 on the cosine, as published.
    deviation : float, default 0.0125
        Its standard deviation.
    on_angle : bool, default True
        Add to the angle (ElasticFace-Arc) or take from the cosine (ElasticFace-Cos).
    plus : bool, default False
        Give the largest margin to the lowest cosine, and so on by rank.
    scale : float, default 64
    """

    def __init__(
        self,
        margin: float | None = None,
        deviation: float = 0.0125,
        on_angle: bool = True,
        plus: bool = False,
        scale: float = 64.0,
    ) -> None:
        super().__init__(scale)
        self.margin = (0.5 if on_angle else 0.35) if margin is None else margin
        self.deviation, self.on_angle, self.plus = deviation, on_angle, plus

    def target(self, cosine: Tensor, norms: Tensor) -> Tensor:
        """Draw the margins and apply them."""
        margin = self.margin + self.deviation * torch.randn_like(cosine)
        if self.plus:
            rank = cosine.argsort().argsort()
            margin = margin.sort(descending=True).values[rank]
        return add_angle(cosine, margin) if self.on_angle else cosine - margin


MARGINS: dict[str, type[Margin]] = {
    "none": Margin,
    "arcface": ArcFace,
    "cosface": CosFace,
    "combined": Combined,
    "adaface": AdaFace,
    "magface": MagFace,
    "curricularface": CurricularFace,
    "elasticface": ElasticFace,
}
"""Margins by the names that configurations use."""
