"""What a set of faces or a run is made of, in words."""

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
    """Yield lines on the checkpoint of a run."""
    parameters = sum(
        value.numel()
        for name, value in state["model"].items()
        if value.is_floating_point() and "running_" not in name  # statistics of a batch norm
    )
    yield f"step {state['step']}, {state['classes']} identities, {parameters} parameters"
    for name, value in state["config"].items():
        yield f"{name} = {value!r}"
