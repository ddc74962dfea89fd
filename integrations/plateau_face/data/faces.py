"""What every source of faces has in common."""

import io
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from plateau_face.files import read_text

# Of an image too large to be a face Pillow warns, without a name, and from twice the size refuses.
warnings.simplefilter("error", Image.DecompressionBombWarning)

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "PPM", "GIF", "TIFF")
"""Of files that are read. Pillow knows more, and runs another program for some of them."""

Pixels = NDArray[np.uint8]
"""An image, shape (height, width, 3), RGB."""


class Faces(Protocol):
    """Images with labels 0 … classes − 1."""

    labels: NDArray[np.int64]
    """Label of each image, shape (n,)."""
    classes: int

    def read(self, index: int) -> Pixels:
        """Return an image, from any thread."""


UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombWarning,
    Image.DecompressionBombError,
)
"""What Pillow raises for an image that it cannot read, or will not."""


def decode(encoded: bytes | bytearray, name: str) -> Pixels:
    """Decode an image file; `name` is for the error where it cannot be read."""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise ValueError(f"{name}: not a readable image") from None
    except UNREADABLE as error:
        raise ValueError(f"{name}: not a readable image ({error})") from error


def resized(pixels: Pixels, size: int) -> Pixels:
    """Return a square image of that side; one that has it already stays as it is, to the pixel."""
    if pixels.shape[:2] == (size, size):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR))


class FolderFaces:
    """A folder with one folder of images for each identity, in the order of their names.

    Files and folders that begin with a dot are passed over.

    Parameters
    ----------
    folder : Path
    only : Path, optional
        A file that names the identities to take, one on each line.

    Raises
    ------
    ValueError
        If the folder has no identities, one has no images, or one that `only` names is not there
        or named twice.
    """

    def __init__(self, folder: Path, only: Path | None = None) -> None:
        identities = sorted(child for child in _visible(folder) if child.is_dir())
        if only is not None:
            identities = [folder / name for name in listed(only)]
        if not identities:
            raise ValueError(f"{folder}: no identity folders")
        self.files: list[Path] = []
        labels: list[int] = []
        for label, identity in enumerate(identities):
            if not identity.is_dir():
                raise ValueError(f"{only}: no folder {identity}")
            files = sorted(child for child in _visible(identity) if child.is_file())
            if not files:
                raise ValueError(f"{identity}: no images of this identity")
            self.files += files
            labels += [label] * len(files)
        self.labels = np.array(labels, dtype=np.int64)
        self.classes = len(identities)

    def encoded(self, index: int) -> bytes:
        """Return an image file as it is."""
        return self.files[index].read_bytes()

    def read(self, index: int) -> Pixels:
        """Return an image, decoded."""
        return decode(self.encoded(index), str(self.files[index]))


def listed(path: Path) -> list[str]:
    """Return the names of a file, one on each line; empty lines count for nothing.

    Raises
    ------
    ValueError
        If a name is there twice, or the file is no text.
    """
    numbers: dict[str, int] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        name = line.strip()
        if name and numbers.setdefault(name, number) != number:
            raise ValueError(f"{path} line {number}: {name} is in line {numbers[name]} already")
    return list(numbers)


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    return [child for child in folder.iterdir() if not child.name.startswith(".")]
