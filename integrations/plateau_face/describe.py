"""What a set of faces or a run is made of, in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from plateau_face.data.faces import Faces


def describe_faces(faces: Faces) -> Iterator[str]:
    """Yield lines on images and identities of a set."""
    counts = np.bincount(faces.labels, minlength=faces.classes)
    height, width, _ = faces.read(0).shape
    yield f"{len(faces.labels)} images of {faces.classes} identities"
    yield (
        f"{counts.min()} to {counts.max()} images an identity, median {np.median(counts):g}; "
        f"{(counts < 2).sum()} with fewer than 2"
    )
    yield f"the first image is {width} × {height} pixels"


def describe_run(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines on the checkpoint of a run; the settings as a TOML file would have them."""
    parameters = sum(
        value.numel()
        for name, value in state["model"].items()
        if value.is_floating_point() and "running_" not in name  # statistics of a batch norm
    )
    yield f"# step {state['step']}, {state['classes']} identities, {parameters} parameters"
    for name, value in state["config"].items():
        yield f"{name} = {as_toml(value)}"


def as_toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {as_toml(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | str) else repr(value)
