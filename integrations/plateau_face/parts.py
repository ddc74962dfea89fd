"""The parts of a run, as a configuration describes them."""

import math

import torch
from torch import nn

from plateau_face.config import Config
from plateau_face.data.faces import Faces
from plateau_face.data.sampling import PairSampler, Sampler
from plateau_face.heads import Head, PartialHead
from plateau_face.margins import MARGINS, Margin
from plateau_face.optimizers import MOMENTS
from plateau_face.siamese import SiameseHead


def chosen_device(name: str) -> torch.device:
    """Return the device of that name; of ``auto`` the GPU where there is one.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no such backend
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device {name!r} cannot be used: {reason}") from error
    return device


def make_sampler(config: Config, faces: Faces) -> Sampler:
    """Return what chooses the images of the steps."""
    if config.siamese:
        by_image = config.pairs_of == "image"
        return PairSampler(faces.labels, config.batch, config.seed, by_image=by_image)
    return Sampler(len(faces.labels), config.batch, config.seed)


def make_head(config: Config, classes: int, model: nn.Module) -> Head | SiameseHead:
    """Return the head that a configuration describes."""
    margin = make_margin(config)
    chunk = config.chunk or None
    if config.siamese:
        return SiameseHead(
            model, config.dim, margin, config.queue, config.decay, chunk, config.agents
        )
    if config.sample_rate < 1:
        moments = MOMENTS[config.optimizer]
        return PartialHead(
            classes, config.dim, margin, config.sample_rate, chunk, moments,
            centres=config.sub_centres,
        )  # fmt: skip
    return Head(classes, config.dim, margin, chunk, centres=config.sub_centres)


def make_margin(config: Config) -> Margin:
    """Return the margin that a configuration names, with its options."""
    margin = MARGINS[config.margin](scale=config.scale, **config.margin_options)
    margin.filter_above = config.filter_above or math.inf
    return margin


def make_scaler(config: Config, device: torch.device) -> torch.amp.GradScaler:
    """Return what skips steps without a finite gradient, and scales the loss where fp16 needs it.

    With a fused optimizer it does so on the device: nothing is waited for.
    """
    if config.precision == "fp16":
        return torch.amp.GradScaler(device.type)
    never = 2**31 - 1
    return torch.amp.GradScaler(device.type, init_scale=1.0, growth_interval=never)
