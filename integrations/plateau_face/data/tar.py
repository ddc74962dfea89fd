"""Images in tar files, as WebDataset writes them: ``key.jpg`` beside ``key.cls`` with its label."""

import json
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from plateau_face.data.faces import Pixels, decode

IMAGES = frozenset({"jpg", "jpeg", "png", "webp", "bmp"})

LABELS = ("cls", "json")
LONGEST = 1 << 20
"""Bytes of a file with a label that are read; longer ones are none."""


class TarFaces:
    """Images of one or several tar files, read where they lie.

    Beside each image is its label, a whole number: in ``key.cls``, or as ``label`` in ``key.json``.
    Labels are numbered anew, in their order.

    Parameters
    ----------
    paths : sequence of Path
        Not compressed.

    Raises
    ------
    ValueError
        If a file is damaged, an image has no label, or there are no images.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._places: list[tuple[Path, str, int, int]] = []  # file, name, offset and length
        labels: list[int] = []
        for path in paths:
            for member, label in labelled(path):
                self._places.append((path, member.name, member.offset_data, member.size))
                labels.append(label)
        if not labels:
            raise ValueError(f"{', '.join(map(str, paths))}: no images")
        identities, numbers = np.unique(labels, return_inverse=True)
        self.labels = numbers.astype(np.int64)
        self.classes = len(identities)

    def encoded(self, index: int) -> bytes:
        """Return an image file as it is."""
        path, _, offset, length = self._places[index]
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def read(self, index: int) -> Pixels:
        """Return an image, decoded."""
        path, name, *_ = self._places[index]
        return decode(self.encoded(index), f"{path} member {name}")


def labelled(path: Path) -> list[tuple[tarfile.TarInfo, int]]:
    """Return the images of a tar file and their labels."""
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, int] = {}
    for member, content in members(path):
        folder, _, base = member.name.rpartition("/")
        name, _, kind = base.partition(".")
        key = f"{folder}/{name}"
        if kind.lower() in IMAGES:
            images[key] = member
        elif kind in LABELS and not member.isdir():
            labels[key] = label(path, member.name, content)
    for key, member in images.items():
        if key not in labels:
            raise ValueError(f"{path} member {member.name}: no label beside it")
    return [(member, labels[key]) for key, member in images.items()]


def members(path: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield what is in a tar file, and the content of what may be a label."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(LABELS) else None
                yield member, file.read(LONGEST) if file else b""
    # Damaged headers may also say numbers that none can be.
    except (tarfile.TarError, ValueError, OverflowError, KeyError) as error:
        raise ValueError(f"{path}: not a plain tar file, or damaged ({error})") from error


def label(path: Path, name: str, content: bytes) -> int:
    """Return the label in a file whose name ends in ``.cls`` or ``.json``."""
    try:
        found = json.loads(content)["label"] if name.endswith("json") else content
        if isinstance(found, float) and not found.is_integer():
            raise ValueError("not a whole number")
        return int(found)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise ValueError(f"{path} member {name}: no label, a whole number") from None
