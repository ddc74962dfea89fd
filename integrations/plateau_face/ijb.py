"""The protocols of IJB-B and IJB-C: templates of several images and videos against each other.

Reads them as insightface publishes them: ``*_face_tid_mid.txt`` (file, template, media) and
``*_name_5pts_score.txt`` (file, five points, detector's score), with loose crops of the faces. For
1:1 ``*_template_pair_label.txt`` (template, template, same), for 1:N ``*_1N_gallery_G1.csv``,
``*_1N_gallery_G2.csv`` and ``*_1N_probe_mixed.csv`` (template, subject, …, below a header).
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import nn

from plateau_face.data.align import aligned
from plateau_face.data.faces import Pixels, decode
from plateau_face.files import read_text
from plateau_face.identify import Faces, Identified, Names, averaged, identified, search
from plateau_face.verify import Floats, embed, roc

Ints = NDArray[np.int64]


class Media(NamedTuple):
    """Which image belongs to which template and media."""

    files: list[str]
    template: Ints
    """Template of each image, shape (images,)."""
    media: Ints
    """A photo or a video of a template, shape (images,)."""
    points: Floats
    """Eyes, nose and corners of the mouth in each image, shape (images, 5, 2)."""
    scores: Floats
    """How sure the face detector was, shape (images,)."""


class Pairs(NamedTuple):
    """Which templates are compared."""

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


class Subjects(NamedTuple):
    """Templates by who they show."""

    template: Ints
    names: Names


def read_media(folder: Path) -> Media:
    """Read the lists of the images.

    Raises
    ------
    ValueError
        If one is missing, a line is not as it should be, or they have other images.
    """
    images, points = (
        _only(folder, f"*_{name}.txt") for name in ("face_tid_mid", "name_5pts_score")
    )
    rows, found = _rows(images, 3), _rows(points, 12)
    files = [row[0] for row in rows]
    if [row[0] for row in found] != files:
        raise ValueError(f"{points} does not list the images of {images} in their order")
    ids, numbers = _numbers(images, rows), _numbers(points, found)
    template, media = ids.astype(np.int64).T
    return Media(files, template, media, numbers[:, :10].reshape(-1, 5, 2), numbers[:, 10])


def read_pairs(folder: Path, media: Media) -> Pairs:
    """Read which templates are compared 1:1.

    Raises
    ------
    ValueError
        If the list is missing, a line is not as it should be, or a template has no images.
    """
    path = _only(folder, "*_template_pair_label.txt")
    rows = _rows(path, 3)
    one, other, same = _numbers(path, [["", *row] for row in rows]).astype(np.int64).T
    _check(path, np.concatenate([one, other]), media)
    return Pairs(one, other, same.astype(bool))


def read_searches(folder: Path, media: Media) -> tuple[list[Subjects], Subjects]:
    """Read the two galleries and the probes of 1:N.

    Raises
    ------
    ValueError
        As of `read_pairs`.
    """
    names = ("gallery_G1", "gallery_G2", "probe_mixed")
    first, second, probes = (_subjects(_only(folder, f"*_1N_{n}.csv"), media) for n in names)
    return [first, second], probes


def pooled(
    model: nn.Module, media: Media, folder: Path, size: int, *, threads: int = 4
) -> tuple[Ints, Floats]:
    """Return the templates and their embeddings, from the images below `folder`."""

    def read(index: int) -> Pixels:
        path = folder / media.files[index]
        return aligned(decode(path.read_bytes(), str(path)), media.points[index])

    raw = embed(model, read, len(media.files), size, threads=threads)
    return templates(raw, media.scores, media.template, media.media)


def identified_by(
    model: nn.Module, lists: Path, folder: Path, size: int, *, threads: int = 4
) -> Identified:
    """Find the probes of 1:N in both galleries; the rates are the means over them."""
    media = read_media(lists)
    galleries, probes = read_searches(lists, media)
    ids, unit = pooled(model, media, folder, size, threads=threads)
    asked, *there = (
        Faces(unit[np.searchsorted(ids, some.template)], some.names)
        for some in (probes, *galleries)
    )
    return averaged([identified(search(asked, gallery)) for gallery in there])


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


def similarities(pairs: Pairs, ids: Ints, unit: Floats) -> Floats:
    """Return the cosine of each pair of templates, shape (pairs,)."""
    one, other = np.searchsorted(ids, pairs.one), np.searchsorted(ids, pairs.other)
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


def _check(path: Path, template: Ints, media: Media) -> None:
    missing = np.setdiff1d(template, media.template)
    if len(missing):
        raise ValueError(f"{path}: template {missing[0]} has no image in the list of images")


def _subjects(path: Path, media: Media) -> Subjects:
    """Read who templates show; a line for each image says so again."""
    found: dict[int, str] = {}
    for number, row in enumerate(csv.reader(read_text(path).splitlines()), start=1):
        if number == 1 or not row:
            continue
        if len(row) < 2 or not row[0].strip().isdecimal():
            raise ValueError(f"{path} line {number}: does not begin with template and subject")
        template, name = int(row[0]), row[1].strip()
        if found.setdefault(template, name) != name:
            raise ValueError(f"{path} line {number}: template {template} has two subjects")
    if not found:
        raise ValueError(f"{path}: no templates")
    ids = np.array([*found], dtype=np.int64)
    _check(path, ids, media)
    return Subjects(ids, np.array([*found.values()]))


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
