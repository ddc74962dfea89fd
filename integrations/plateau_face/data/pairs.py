"""Verification sets: pairs of images, and whether they show the same person."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau_face.data import plain
from plateau_face.data.faces import Faces, Pixels, decode
from plateau_face.files import read_text

FOLDS = 10


class Pairs(NamedTuple):
    """A verification set in its published order, which decides the folds."""

    name: str
    images: int
    """Number of images."""
    read: Callable[[int], Pixels]
    """Return an image, from any thread."""
    first: NDArray[np.int64]
    """Index of each pair's first image, shape (pairs,)."""
    second: NDArray[np.int64]
    same: NDArray[np.bool_]


def read_bin(path: Path) -> Pairs:
    """Read a ``.bin`` set: a pickle of 2n encoded images and n answers.

    Raises
    ------
    ValueError
        If it is something else, also if the pickle asks for anything but plain data.
    """
    try:
        images, same = plain.load(path.read_bytes())
        encoded, answers = plain.images(images), np.array(plain.answers(same), dtype=bool)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise any
        raise ValueError(f"{path}: no verification set ({error})") from error
    if len(encoded) != 2 * len(answers) or not encoded:
        raise ValueError(f"{path}: {len(encoded)} images do not go with {len(answers)} pairs")

    def read(index: int) -> Pixels:
        return decode(encoded[index], f"{path} image {index}")

    first = np.arange(0, len(encoded), 2)
    return Pairs(path.stem, len(encoded), read, first, first + 1, answers)


def read_pair_list(path: Path, folder: Path) -> Pairs:
    """Read a list of pairs of image files below `folder`.

    Either tab-separated columns ``fold same path1 path2`` under a line that says so, or LFW's
    ``pairs.txt``: ``name i j`` for the same person, ``name1 i name2 j`` for two.

    Raises
    ------
    ValueError
        If a line is neither, a file is not there, or the folds are not ten of the same size.
    """
    lines = read_text(path).splitlines()
    header = lines[0].lstrip("#").split() if lines else []
    is_table = header == ["fold", "same", "path1", "path2"]
    parse = _table_row if is_table else _lfw_row
    numbers: dict[str, int] = {}
    first, second, same, fold = [], [], [], []
    for row, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        try:
            one, other, answer = parse(line.split("\t"))
        except ValueError:
            raise ValueError(f"{path} line {row}: not a pair") from None
        for name in (one, other):
            if not (folder / name).is_file():
                raise ValueError(f"{path} line {row}: no file {folder / name}")
        first.append(numbers.setdefault(one, len(numbers)))
        second.append(numbers.setdefault(other, len(numbers)))
        same.append(answer)
        fold.append(line.split("\t")[0])
    if not same:
        raise ValueError(f"{path}: no pairs")
    files = [folder / name for name in numbers]

    def read(index: int) -> Pixels:
        return decode(files[index].read_bytes(), str(files[index]))

    order = fold_by_fold(path, fold) if is_table else np.arange(len(same))
    columns = (np.array(column)[order] for column in (first, second, same))
    return Pairs(path.stem, len(files), read, *columns)


def fold_by_fold(path: Path, fold: Sequence[str]) -> NDArray[np.int64]:
    """Return the order of the pairs that brings the folds one after the other, as they first come.

    Raises
    ------
    ValueError
        If there are not ten of the same size, or as nearly as the number of pairs allows with the
        first ones larger: the accuracy is that of such folds.
    """
    names, number, sizes = np.unique(fold, return_inverse=True, return_counts=True)
    wanted = [len(part) for part in np.array_split(np.arange(len(fold)), FOLDS)]
    if sorted(sizes, reverse=True) != wanted:
        raise ValueError(
            f"{path}: the column fold must have {FOLDS} folds of the same size, "
            f"it has {len(names)} of {sizes.min()} to {sizes.max()} pairs"
        )
    first = np.full(FOLDS, len(fold))
    np.minimum.at(first, number, np.arange(len(fold)))
    return np.lexsort((np.arange(len(fold)), first[number], -sizes[number]))


def _table_row(fields: Sequence[str]) -> tuple[str, str, bool]:
    _, same, one, other = fields
    if same not in ("0", "1"):
        raise ValueError
    return one, other, same == "1"


def _lfw_row(fields: Sequence[str]) -> tuple[str, str, bool]:
    def file(name: str, number: str) -> str:
        return f"{name}/{name}_{int(number):04d}.jpg"

    if len(fields) == 3:
        name, one, other = fields
        return file(name, one), file(name, other), True
    name, one, other_name, other = fields
    return file(name, one), file(other_name, other), False


def drawn_pairs(faces: Faces, name: str, pairs: int, seed: int) -> Pairs:
    """Draw pairs from labelled faces: half the same person, half two, in ten alike folds.

    Raises
    ------
    ValueError
        If there are fewer than two identities, or none has two images.
    """
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(faces.labels == label) for label in range(faces.classes)]
    several = [images for images in members if len(images) > 1]
    if len(members) < 2 or not several:
        raise ValueError(f"{name}: pairs need two identities, and one with two images")
    first, second = np.empty(pairs, dtype=np.int64), np.empty(pairs, dtype=np.int64)
    same = np.arange(pairs) % 2 == 0
    for pair in range(pairs):
        if same[pair]:
            images = several[random.integers(len(several))]
            first[pair], second[pair] = random.choice(images, 2, replace=False)
        else:
            one, other = random.choice(len(members), 2, replace=False)
            first[pair], second[pair] = random.choice(members[one]), random.choice(members[other])
    return Pairs(name, len(faces.labels), faces.read, first, second, same)
