"""One memory-mapped file with all images of a set.

Layout: ``PLATFACE``, the images one after the other, then at the end a numpy array of n + 1 offsets
(uint64) and one of n labels (int64), a JSON description, its length (uint64) and ``PLATFACE``.
"""

import json
from collections.abc import Callable
from operator import index
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from plateau_face.data.faces import Faces, Pixels, decode, resized
from plateau_face.files import replacing

MAGIC = b"PLATFACE"
VERSION = 1

MOST_CLASSES = 2**31 - 1
"""More than there are faces in any set: what says so is damaged."""


class EncodedFaces(Faces, Protocol):
    """Faces whose image files can be had as they are."""

    def encoded(self, index: int) -> bytes:
        """Return an image file."""


class PackedFaces:
    """Images of a packed file.

    Raises
    ------
    ValueError
        If it is not one, of another version, cut off or damaged, or has labels that are none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.stat().st_size == 0:
            raise ValueError(f"{path}: an empty file")
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        tail = self._bytes[-16:].tobytes()
        if self._bytes[:8].tobytes() != MAGIC or tail[8:] != MAGIC:
            raise ValueError(f"{path}: not a packed file, or cut off")
        end = len(self._bytes) - 16
        start = end - int.from_bytes(tail[:8], "little")
        version, count, self.classes, self.size = self._description(start, end)
        if version != VERSION:
            raise ValueError(f"{path}: version {version}, not {VERSION}")
        begin = start - 8 * (2 * count + 1)
        if begin < len(MAGIC):
            raise ValueError(f"{path}: damaged: there is no room for its {count} images")
        arrays = self._bytes[begin:start].tobytes()
        self._offsets = np.frombuffer(arrays, dtype="<u8", count=count + 1).astype(np.int64)
        self.labels = np.frombuffer(arrays, dtype="<i8", offset=8 * (count + 1)).astype(np.int64)
        self._check_offsets(begin)
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= self.classes))
        if len(wrong):
            raise ValueError(
                f"{path} image {wrong[0]}: label {self.labels[wrong[0]]} is none of the "
                f"{self.classes} from 0"
            )

    def _description(self, start: int, end: int) -> tuple[int, int, int, int | None]:
        """Return version, number of images and of classes, and the size."""
        try:
            found = json.loads(self._bytes[max(0, start) : end].tobytes())
            numbers = [found[name] for name in ("version", "images", "classes")]
            size = found["size"]
            if any(whole < 1 for whole in map(index, [*numbers, 1 if size is None else size])):
                raise ValueError
            if numbers[2] > MOST_CLASSES:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ValueError(f"{self.path}: damaged: its description cannot be read") from None
        version, images, classes = numbers
        return version, images, classes, size

    def _check_offsets(self, end: int) -> None:
        lengths = np.diff(self._offsets)
        wrong = lengths < 0 if self.size is None else lengths != 3 * self.size**2
        if self._offsets[0] != len(MAGIC) or self._offsets[-1] != end or wrong.any():
            raise ValueError(
                f"{self.path}: damaged: where image {np.argmax(wrong)} lies cannot be right"
            )

    def _refuse_cut(self) -> None:
        """Refuse a file that was cut since it was opened: reading there would end the process."""
        if self.path.stat().st_size < len(self._bytes):
            raise ValueError(f"{self.path}: has become shorter since it was opened")

    def read_many(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return images that were packed decoded, shape (images, size, size, 3), at once."""
        self._refuse_cut()
        assert self.size is not None  # whoever asks has looked
        pixels = self._bytes[len(MAGIC) : self._offsets[-1]]
        return pixels.reshape(-1, self.size, self.size, 3)[indices]

    def encoded(self, index: int) -> bytes:
        """Return an image as it is in the file."""
        self._refuse_cut()
        return self._bytes[self._offsets[index] : self._offsets[index + 1]].tobytes()

    def read(self, index: int) -> Pixels:
        """Return an image, decoded unless it was packed so."""
        if self.size is not None:
            pixels = np.frombuffer(self.encoded(index), dtype=np.uint8)
            return pixels.reshape(self.size, self.size, 3)
        return decode(self.encoded(index), f"{self.path} image {index}")


def pack(
    faces: EncodedFaces, path: Path, size: int | None, progress: Callable[[int], object]
) -> None:
    """Write a packed file; it appears under its name when it is complete.

    Parameters
    ----------
    faces : EncodedFaces
    path : Path
    size : int, optional
        See `pack_decoded`. By default the image files go in as they are, to the byte.
    progress : callable
        Told the number of images written so far.
    """

    def encoded(index: int) -> bytes:
        faces.read(index)  # an unreadable image shows now
        return faces.encoded(index)

    if size is None:
        _write(faces, path, None, encoded, progress)
    else:
        pack_decoded(faces, path, size, progress)


def pack_decoded(faces: Faces, path: Path, size: int, progress: Callable[[int], object]) -> None:
    """Write a packed file of images that are decoded and resized to a side of `size`.

    Nothing is left to do when training, at 3·size² bytes an image.
    """

    def decoded(index: int) -> bytes:
        return resized(faces.read(index), size).tobytes()

    _write(faces, path, size, decoded, progress)


def _write(
    faces: Faces,
    path: Path,
    size: int | None,
    content: Callable[[int], bytes],
    progress: Callable[[int], object],
) -> None:
    offsets = [len(MAGIC)]
    with replacing(path) as file:
        file.write(MAGIC)
        for index in range(len(faces.labels)):
            offsets.append(offsets[-1] + file.write(content(index)))
            progress(index + 1)
        file.write(np.array(offsets, dtype="<u8").tobytes())
        file.write(faces.labels.astype("<i8").tobytes())
        description = {
            "version": VERSION,
            "images": len(faces.labels),
            "classes": faces.classes,
            "size": size,
        }
        file.write(text := json.dumps(description).encode())
        file.write(len(text).to_bytes(8, "little") + MAGIC)
