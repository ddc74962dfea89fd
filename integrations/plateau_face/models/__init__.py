"""Networks that map a face to an embedding, by the names that configurations use."""

from collections.abc import Callable
from functools import partial

from torch import nn

from plateau_face.models.iresnet import IResNet
from plateau_face.models.mobilefacenet import MobileFaceNet
from plateau_face.models.stack import Stack
from plateau_face.models.vit import ViT

MODELS: dict[str, Callable[..., nn.Module]] = {
    "r18": partial(IResNet, (2, 2, 2, 2)),
    "r34": partial(IResNet, (3, 4, 6, 3)),
    "r50": partial(IResNet, (3, 4, 14, 3)),
    "r100": partial(IResNet, (3, 13, 30, 3)),
    "ir18": partial(IResNet, (2, 2, 2, 2), plain_shortcut=True),  # as AdaFace's are
    "ir34": partial(IResNet, (3, 4, 6, 3), plain_shortcut=True),
    "ir50": partial(IResNet, (3, 4, 14, 3), plain_shortcut=True),
    "ir101": partial(IResNet, (3, 13, 30, 3), plain_shortcut=True),
    "mobilefacenet": MobileFaceNet,
    "vit": ViT,
    "narrow": partial(IResNet, (1, 1, 1, 1), (16, 32, 64, 128)),  # for a CPU
}


def make_model(
    name: str, *, dim: int, image_size: int, dropout: float = 0.0, recompute: bool = False
) -> nn.Module:
    """Return a fresh network.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    dim : int
        Length of the embeddings.
    image_size : int
        Side of the square images in pixels.
    dropout : float, default 0
        Share of features that is dropped before the last layer.
    recompute : bool, default False
        Whether blocks compute twice what the gradient needs, instead of keeping it: see `Stack`.
    """
    if name not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, not {name!r}")
    model = MODELS[name](dim=dim, image_size=image_size, dropout=dropout)
    for module in model.modules():
        if isinstance(module, Stack):
            module.recompute = recompute
    return model
