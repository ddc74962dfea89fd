"""Weights as others publish them: read, and written, under the names of insightface and AdaFace.

insightface's iresnet is the network `r18` … `r100` here under other names, AdaFace's is `ir18` …
`ir101`, which takes blue, green and red in this order and has no bias in its last norm.
"""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from plateau_face.files import replacing
from plateau_face.models.iresnet import IResNet

State = Mapping[str, Tensor]

INSIGHTFACE, ADAFACE = "insightface", "AdaFace"
HALVINGS = 4
"""Of the image, by the stages."""


def insightface_names(blocks: tuple[int, ...]) -> dict[str, str]:
    """Return insightface's name of each module, by its name here."""
    names = {"stem.0": "conv1", "stem.1": "bn1", "stem.2": "prelu", "norm": "bn2"}
    names |= {"embedding.linear": "fc", "embedding.norm": "features"}
    places = ((stage, block) for stage, count in enumerate(blocks, 1) for block in range(count))
    for number, (stage, block) in enumerate(places):
        theirs = f"layer{stage}.{block}"
        for part, name in enumerate(("bn1", "conv1", "bn2", "prelu", "conv2", "bn3")):
            names[f"stages.{number}.residual.{part}"] = f"{theirs}.{name}"
        for part in range(2):
            names[f"stages.{number}.shortcut.{part}"] = f"{theirs}.downsample.{part}"
    return names


def adaface_names(blocks: tuple[int, ...]) -> dict[str, str]:
    """Return AdaFace's name of each module, by its name here."""
    names = {f"stem.{part}": f"input_layer.{part}" for part in range(3)}
    names |= {"norm": "output_layer.0", "embedding.linear": "output_layer.3"}
    names |= {"embedding.norm": "output_layer.4"}
    for number in range(sum(blocks)):
        for part in range(6):
            names[f"stages.{number}.residual.{part}"] = f"body.{number}.res_layer.{part}"
        for part in range(2):
            names[f"stages.{number}.shortcut.{part}"] = f"body.{number}.shortcut_layer.{part}"
    return names


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a file, under the names that they have here.

    Raises
    ------
    ValueError
        If it holds something else.
    """
    state = _loaded(path)
    if "conv1.weight" in state:
        blocks = tuple(
            len({name.split(".")[1] for name in state if name.startswith(f"layer{stage}.")})
            for stage in range(1, HALVINGS + 1)
        )
        return _renamed(path, state, insightface_names(blocks))
    if "input_layer.0.weight" in state:
        numbers = {name.split(".")[1] for name in state if name.startswith("body.")}
        found = _renamed(path, state, adaface_names((len(numbers),)))
        found["stem.0.weight"] = found["stem.0.weight"].flip(1)  # of the colours
        if "embedding.norm.weight" not in found:
            mean = found["embedding.norm.running_mean"]
            found |= {"embedding.norm.weight": torch.ones_like(mean)}
            found |= {"embedding.norm.bias": torch.zeros_like(mean)}
        return found
    if "stem.0.weight" in state:
        return dict(state)
    raise ValueError(f"{path}: its names are neither insightface's nor AdaFace's")


def _loaded(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, without what training wraps around them."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise any
        raise ValueError(f"{path}: not weights that can be read ({error!r:.200})") from error
    for key in ("state_dict", "state_dict_backbone", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: not the weights of a network")
    for prefix in ("module.", "model."):  # of several GPUs, of Lightning: there beside the head
        if any(str(name).startswith(prefix) for name in content):
            content = {
                name.removeprefix(prefix): value
                for name, value in content.items()
                if name.startswith(prefix)
            }
    return {name: value for name, value in content.items() if isinstance(value, Tensor)}


def _renamed(path: Path, state: State, names: Mapping[str, str]) -> dict[str, Tensor]:
    here = {theirs: ours for ours, theirs in names.items()}
    found = {}
    for name, value in state.items():
        module, _, entry = name.rpartition(".")
        if module not in here:
            raise ValueError(f"{path}: {name} has no place in a residual network as known here")
        found[f"{here[module]}.{entry}"] = value
    return found


def load_weights(model: nn.Module, path: Path) -> None:
    """Let a network begin with the weights of a file.

    Raises
    ------
    ValueError
        If they are those of another network.
    """
    state = read_weights(path)
    wanted = model.state_dict()
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked"):  # which old files do not have, and nothing uses
            state.setdefault(name, value)
    missing = next((name for name in wanted if name not in state), None)
    surplus = next((name for name in state if name not in wanted), None)
    if missing or surplus:
        what = f"it has no {missing}" if missing else f"this one has no {surplus}"
        raise ValueError(f"{path}: weights of another network: {what}")
    for name, value in wanted.items():
        if state[name].shape != value.shape:
            raise ValueError(
                f"{path}: weights of another network: {name} has the shape "
                f"{tuple(state[name].shape)}, not {tuple(value.shape)}"
            )
    model.load_state_dict(state)


def open_weights(path: Path) -> tuple[IResNet, int]:
    """Return the network whose weights a file has, and the side of its images."""
    state = read_weights(path)
    try:
        filters = [value for name, value in state.items() if name.endswith("residual.4.weight")]
        stages = [(width, len(list(same))) for width, same in groupby(len(f) for f in filters)]
        widths, blocks = zip(*stages, strict=True)
        dim, features = state["embedding.linear.weight"].shape
        side = round((features / widths[-1]) ** 0.5)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: weights of no residual network, or not all of them") from error
    if len(blocks) != HALVINGS:
        raise ValueError(f"{path}: {len(blocks)} stages, where a network has {HALVINGS}")
    size, plain = side * 2**HALVINGS, "stages.0.shortcut.0.weight" not in state
    model = IResNet(blocks, widths, dim=dim, image_size=size, plain_shortcut=plain)
    load_weights(model, path)
    return model, size


def published(model: nn.Module) -> tuple[str, dict[str, Tensor]]:
    """Return whose names suit a network, and its weights under them.

    Raises
    ------
    ValueError
        If nobody has names for such a network.
    """
    if not isinstance(model, IResNet):
        raise ValueError("only residual networks have names that others publish them under")
    state, names = model.state_dict(), insightface_names(model.blocks)
    if model.plain_shortcut:
        names = adaface_names(model.blocks)
        state["stem.0.weight"] = state["stem.0.weight"].flip(1)
        norm = model.embedding.norm
        assert norm.running_mean is not None  # it keeps statistics
        assert norm.running_var is not None
        del state["embedding.norm.weight"], state["embedding.norm.bias"]
        # That norm has no bias: where it is added, the mean that is taken away is smaller.
        spread = (norm.running_var + norm.eps).sqrt()
        state["embedding.norm.running_mean"] = norm.running_mean - norm.bias.detach() * spread
    whose = ADAFACE if model.plain_shortcut else INSIGHTFACE
    return whose, {_theirs(name, names): value.contiguous() for name, value in state.items()}


def _theirs(name: str, names: Mapping[str, str]) -> str:
    module, _, entry = name.rpartition(".")
    return f"{names[module]}.{entry}"


def write_weights(model: nn.Module, path: Path) -> str:
    """Write the weights of a network under the names of others, and return whose they are."""
    whose, state = published(model)
    with replacing(path) as file:
        torch.save(state, file)
    return whose
