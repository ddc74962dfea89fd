"""Images in a folder, and the files that say where the faces in them are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from plateau_face.data.align import Points
from plateau_face.data.faces import Pixels, decode
from plateau_face.files import read_text


def read_points(path: Path, folder: Path) -> dict[Path, Points]:
    """Read a file with the five points of a face for each image.

    A line is the name of the image, below `folder`, then x and y of the two eyes, the tip of the
    nose and the two corners of the mouth, those on the left of the image first, as face detectors
    give them.

    Raises
    ------
    ValueError
        If a line is something else, or names an image twice.
    """
    found: dict[Path, Points] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        name, *numbers = line.rsplit(maxsplit=10)
        try:
            points = np.array([float(field) for field in numbers]).reshape(5, 2)
        except ValueError:
            raise ValueError(f"{path} line {number}: not a name and ten numbers") from None
        if not np.isfinite(points).all() or (points == points[0]).all():
            raise ValueError(f"{path} line {number}: no five points of a face")
        if folder / name in found:
            raise ValueError(f"{path} line {number}: {name} is there already")
        found[folder / name] = points
    if not found:
        raise ValueError(f"{path}: no points")
    return found


def image_files(source: Path) -> list[Path]:
    """Return the files below a folder in the order of their names, or the one file that it is.

    What begins with a dot is passed over.

    Raises
    ------
    ValueError
        If there are none.
    """
    if source.is_file():
        return [source]
    below = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    files = sorted(path for path in below if not any(p.startswith(".") for p in path.parts))
    if not files:
        raise ValueError(f"{source}: no images")
    return [source / path for path in files]


def read_image(path: Path) -> Pixels:
    """Return the image of a file."""
    return decode(path.read_bytes(), str(path))


def points_of(path: Path, points: Mapping[Path, Points]) -> Points:
    """Return the points of an image.

    Raises
    ------
    ValueError
        If there are none.
    """
    if path not in points:
        raise ValueError(f"{path}: the file of points does not name it")
    return points[path]
