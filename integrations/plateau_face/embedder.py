"""Embeddings of faces: what a network is for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from plateau_face.data.align import aligned
from plateau_face.data.faces import Pixels
from plateau_face.networks import Network, open_network
from plateau_face.verify import Floats, embed


class Embedder:
    """Maps faces to vectors of length 1, whose product is high where two are of one person.

    Parameters
    ----------
    network : Network

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import torch
    >>> from plateau_face import Embedder
    >>> from plateau_face.data.synthetic import SyntheticFaces
    >>> from plateau_face.models import make_model
    >>> from plateau_face.published import write_weights
    >>> faces = SyntheticFaces(identities=2, images=2, size=64)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "untrained.pth"
    ...     write_weights(make_model("narrow", dim=32, image_size=64), path)
    ...     embedder = Embedder.load(path)
    'insightface'
    >>> vectors = embedder([faces.read(index) for index in range(4)])
    >>> vectors.shape
    (4, 32)
    >>> cosines = vectors @ vectors.T
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open the folder of a run, an ONNX file, or a ``.pth`` file: see `open_network`."""
        return cls(open_network(Path(path)))

    @property
    def size(self) -> int:
        """Side of the images that the network takes."""
        return self._network.size

    def __call__(
        self, images: Sequence[Pixels], points: Sequence[Floats] | None = None
    ) -> NDArray[np.float32]:
        """Return the embeddings of images, shape (images, dim).

        An image is embedded together with its mirror image, as in verification.

        Parameters
        ----------
        images : sequence of ndarray of uint8, shape (height, width, 3)
            RGB. Without points they are taken to be aligned, and resized.
        points : sequence of ndarray, shape (5, 2), optional
            Where in each image the eyes, the tip of the nose and the corners of the mouth are: see
            `plateau_face.data.align`. The faces are aligned by them.

        Raises
        ------
        ValueError
            If there are no images, or not as many points, or something is not of that shape.
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(
                    f"an image must be uint8 of shape (height, width, 3), not {image.dtype} of "
                    f"{image.shape}"
                )
        if not len(images):
            raise ValueError("there are no images")
        if points is not None and len(points) != len(images):
            raise ValueError(f"{len(images)} images need as many points, not {len(points)}")

        def read(index: int) -> Pixels:
            return images[index] if points is None else aligned(images[index], points[index])

        network = self._network
        raw = embed(network.model, read, len(images), network.size, threads=network.threads)
        unit: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return unit.astype(np.float32)
