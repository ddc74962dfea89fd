"""A network to use, from wherever it is: a run, an ONNX file, or published weights."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from plateau_face.checkpoint import is_checkpoint, load_model
from plateau_face.config import Config
from plateau_face.parts import chosen_device
from plateau_face.published import open_weights

THREADS = 4
"""That read images, where no configuration says how many."""


class Network(NamedTuple):
    """A network and what it takes."""

    model: nn.Module
    """From images, shape (batch, 3, size, size), to embeddings, shape (batch, dim)."""
    size: int
    """Side of its images."""
    threads: int
    """That read images."""
    config: Config | None
    """How it was trained, if it is that of a run."""


def open_network(path: Path) -> Network:
    """Open a run, an ONNX file, or weights as insightface and AdaFace publish them.

    A run is its folder, or one of the checkpoints in it.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if path.suffix.lower() == ".onnx":
        network = OnnxNetwork(path)
        return Network(network, network.size, THREADS, None)
    if path.is_file() and not is_checkpoint(path):
        model, size = open_weights(path)
        return Network(model.to(chosen_device("auto")), size, THREADS, None)
    trained, config = load_model(path)
    return Network(trained, config.image_size, config.threads, config)


class OnnxNetwork(nn.Module):
    """A network that ONNX Runtime computes, on the CPU.

    Older networks of insightface begin with a subtraction and a multiplication of their own: those
    get the images with values from 0 to 255.

    Raises
    ------
    ValueError
        If the file cannot be read, or does not map square images to one embedding each.
    """

    def __init__(self, path: Path) -> None:
        import onnx
        import onnxruntime

        super().__init__()
        try:
            proto = onnx.load(path)
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except OSError:
            raise
        except Exception as error:  # each of the two has its own
            raise ValueError(f"{path}: not an ONNX network ({error!r:.200})") from error
        shapes = [tuple(entry.shape) for entry in self._session.get_inputs()]
        if len(shapes) != 1 or len(shapes[0]) != 4 or len(self._session.get_outputs()) != 1:
            raise ValueError(f"{path}: not a network from images to embeddings")
        batch, channels, height, width = shapes[0]
        if channels != 3 or height != width or not isinstance(height, int):
            raise ValueError(
                f"{path}: takes {channels} × {height} × {width}, which is no square image"
            )
        self.size = height
        self._batch = batch if isinstance(batch, int) else None
        first = [node.op_type for node in proto.graph.node[:8]]
        self._takes_bytes = "Sub" in first and "Mul" in first

    def forward(self, images: Tensor) -> Tensor:
        """Return the embeddings; images with values from −1 to 1."""
        values = images * 127.5 + 127.5 if self._takes_bytes else images
        (entry,) = self._session.get_inputs()
        found = [
            self._session.run(None, {entry.name: part.contiguous().numpy()})[0]
            for part in values.split(self._batch or len(values))
        ]
        return torch.from_numpy(np.concatenate(found))
