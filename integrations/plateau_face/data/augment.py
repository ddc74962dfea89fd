"""From the pixels of a batch to the input of a network, on the network's device."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def normalised(images: Tensor) -> Tensor:
    """Map uint8 images, shape (batch, size, size, 3), to −1 … 1, shape (batch, 3, size, size)."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


SIDES = (0.2, 0.4, 0.6, 0.8)
"""Of coarse images, as shares of the side."""


def augmented(
    images: Tensor, strength: float, generator: torch.Generator, coarse: float = 0.0
) -> Tensor:
    """Normalise a batch, mirror half of it, and disturb it.

    The random numbers are drawn on the CPU, so they are the same on every device.

    Parameters
    ----------
    images : Tensor of uint8, shape (batch, size, size, 3)
    strength : float
        0: mirror only. 1: also turn by 10°, shift by 6 % and scale by 10 % (standard deviations),
        change brightness, contrast and saturation by 20 %, and erase a rectangle from half of the
        images. Between and above in proportion.
    generator : torch.Generator
        Of the CPU.
    coarse : float, default 0
        Share of the images that are made as coarse as smaller ones, down to a fifth of their side.
    """
    x = normalised(images)
    batch = len(x)

    def draw(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator).to(x.device, non_blocking=True)

    def scatter(deviation: float) -> Tensor:
        drawn = torch.randn(batch, generator=generator).to(x.device, non_blocking=True)
        return strength * deviation * drawn.clamp(-2, 2)

    mirror = draw() < 0.5
    if coarse:
        x = _coarsened(x, draw() < coarse, draw())
    if strength == 0:
        return torch.where(mirror[:, None, None, None], x.flip(3), x)
    x = _moved(x, mirror, scatter(math.radians(10)), scatter(0.1), scatter(0.12), scatter(0.12))
    x = _coloured(x, 1 + scatter(0.2), scatter(0.2), 1 + scatter(0.2))
    return _erased(x, draw() < 0.5 * strength, draw(2), draw(2), strength)


def _coarsened(x: Tensor, chosen: Tensor, which: Tensor) -> Tensor:
    """Make some images smaller and as large again: to all sizes, of which one is taken."""
    size = x.shape[2]
    for number, share in enumerate(SIDES):
        here = chosen & ((which * len(SIDES)).long() == number)
        small = functional.interpolate(x, size=max(1, round(share * size)), mode="area")
        large = functional.interpolate(small, size=size, mode="bilinear", align_corners=False)
        x = torch.where(here[:, None, None, None], large, x)
    return x


def _moved(
    x: Tensor, mirror: Tensor, turn: Tensor, zoom: Tensor, across: Tensor, down: Tensor
) -> Tensor:
    """Apply an affine map; shifts are in half images."""
    cos, sin, scale = turn.cos(), turn.sin(), zoom.exp()
    sign = torch.where(mirror, -1.0, 1.0)
    top = torch.stack([sign * scale * cos, -scale * sin, across], dim=1)
    bottom = torch.stack([sign * scale * sin, scale * cos, down], dim=1)
    grid = functional.affine_grid(
        torch.stack([top, bottom], dim=1), list(x.shape), align_corners=False
    )
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _coloured(x: Tensor, contrast: Tensor, brightness: Tensor, saturation: Tensor) -> Tensor:
    each = (slice(None), None, None, None)
    grey = x.mean(dim=1, keepdim=True)
    x = grey + saturation[each] * (x - grey)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (mean + contrast[each] * (x - mean) + brightness[each]).clamp(-1, 1)


def _erased(x: Tensor, chosen: Tensor, place: Tensor, sides: Tensor, strength: float) -> Tensor:
    """Make a rectangle of some images grey, up to 40 % of a side in height and width."""
    line = torch.linspace(0, 1, x.shape[2], device=x.device)
    near = (line - place[:, :, None]).abs() < 0.2 * strength * sides[:, :, None]  # (batch, 2, size)
    hole = near[:, 0, :, None] & near[:, 1, None, :] & chosen[:, None, None]
    return x.masked_fill(hole[:, None], 0.0)
