"""The 1:1 protocol of IJB-B and IJB-C: templates of several images and videos against each other.

Reads the protocol as insightface publishes it: ``*_face_tid_mid.txt`` (file, template, media),
``*_template_pair_label.txt`` (template, template, same) and ``*_name_5pts_score.txt`` (file, five
points, detector's score), with loose crops of the faces.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from plateau_face.data.align import aligned
from plateau_face.data.faces import Pixels, decode
from plateau_face.files import read_text
from plateau_face.verify import Floats, embed, roc

Ints = NDArray[np.int64]


class Protocol(NamedTuple):
    """Which image belongs to which template and media, and which templates are compared."""

    files: list[str]
    template: Ints
    """Template of each image, shape (images,)."""
    media: Ints
    """A photo or a video of a template, shape (images,)."""
    points: Floats
    """Eyes, nose and corners of the mouth in each image, shape (images, 5, 2)."""
    scores: Floats
    """How sure the face detector was, shape (images,)."""
    one: Ints
    """First template of each pair, shape (pairs,)."""
    other: Ints
    same: NDArray[np.bool_]


class TarAtFar(NamedTuple):
    """A true-accept rate, twice: as the protocol means it and as insightface reports it."""

    at_most: float
    """At the lowest threshold whose false-accept rate does not exceed the wanted one."""
    nearest: float
    """At the threshold whose false-accept rate is nearest to the wanted one."""


def read_protocol(folder: Path) -> Protocol:
    """Read the three lists.

    Raises
    ------
    ValueError
        If one is missing, a line is not as it should be, a pair has a template without images, or
        two lists have other images.
    """
    images, pairs, points = (
        _only(folder, f"*_{name}.txt")
        for name in ("face_tid_mid", "template_pair_label", "name_5pts_score")
    )
    rows, compared, found = _rows(images, 3), _rows(pairs, 3), _rows(points, 12)
    files = [row[0] for row in rows]
    if [row[0] for row in found] != files:
        raise ValueError(f"{points} does not list the images of {images} in their order")
    ids, numbers = _numbers(images, rows), _numbers(points, found)
    compared_ids = _numbers(pairs, [["", *row] for row in compared]).astype(np.int64)
    template, media = ids.astype(np.int64).T
    one, other, same = compared_ids.T
    missing = np.setdiff1d(np.concatenate([one, other]), template)
    if len(missing):
        raise ValueError(f"{pairs}: template {missing[0]} has no image in {images}")
    five = numbers[:, :10].reshape(-1, 5, 2)
    return Protocol(files, template, media, five, numbers[:, 10], one, other, same.astype(bool))


def compare(
    model: nn.Module, protocol: Protocol, folder: Path, size: int, *, threads: int = 4
) -> Floats:
    """Return the cosine of each pair of templates, from the images below `folder`."""

    def read(index: int) -> Pixels:
        path = folder / protocol.files[index]
        return aligned(decode(path.read_bytes(), str(path)), protocol.points[index])

    raw = embed(model, read, len(protocol.files), size, threads=threads)
    ids, unit = templates(raw, protocol.scores, protocol.template, protocol.media)
    return similarities(protocol, ids, unit)


def templates(
    embeddings: Floats, detector_scores: Floats, template: Ints, media: Ints
) -> tuple[Ints, Floats]:
    """Pool the embeddings of the images to one for each template.

    The sum of an image's embedding and its mirror image's keeps its length, a sign of quality, and
    is weighted with the face detector's score; the mean is taken within a media, the sum over the
    media, and the length made 1.

    Parameters
    ----------
    embeddings : shape (images, dim)
    detector_scores, template, media : shape (images,)

    Returns
    -------
    ids : shape (templates,)
        Sorted.
    unit : shape (templates, dim)
    """
    weighted = embeddings * detector_scores[:, None]
    groups, member = np.unique(np.stack([template, media], axis=1), axis=0, return_inverse=True)
    means = _sums(weighted, member, len(groups)) / np.bincount(member)[:, None]
    ids, member = np.unique(groups[:, 0], return_inverse=True)
    pooled = _sums(means, member, len(ids))
    return ids, pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def similarities(protocol: Protocol, ids: Ints, unit: Floats) -> Floats:
    """Return the cosine of each pair of templates, shape (pairs,)."""
    one, other = np.searchsorted(ids, protocol.one), np.searchsorted(ids, protocol.other)
    cosines = np.empty(len(one))
    for first in range(0, len(one), 100_000):  # 15 million pairs at once would need 60 GB
        part = slice(first, first + 100_000)
        cosines[part] = (unit[one[part]] * unit[other[part]]).sum(axis=1)
    return cosines


def tars(
    scores: Floats, same: NDArray[np.bool_], fars: tuple[float, ...] = (1e-6, 1e-5, 1e-4, 1e-3)
) -> dict[float, TarAtFar]:
    """Return the true-accept rates at false-accept rates."""
    _, rising, tar_rising = roc(scores, same)
    far, tar = rising[::-1], tar_rising[::-1]  # of equal false-accept rates the best comes first
    return {
        wanted: TarAtFar(float(tar[far <= wanted][0]), float(tar[np.abs(far - wanted).argmin()]))
        for wanted in fars
    }


def _sums(values: Floats, member: Ints, groups: int) -> Floats:
    total = np.zeros((groups, values.shape[1]))
    np.add.at(total, member, values)
    return total


def _only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise ValueError(f"{folder} needs one file {pattern}, it has {len(found)}")
    return found[0]


def _rows(path: Path, fields: int) -> list[list[str]]:
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) != fields:
            raise ValueError(f"{path} line {number}: {len(row)} fields, not {fields}")
    return rows


def _numbers(path: Path, rows: list[list[str]]) -> Floats:
    """Return what follows the name in each row as numbers."""
    try:
        return np.array([[float(field) for field in row[1:]] for row in rows])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
