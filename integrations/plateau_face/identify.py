"""Identification: who of a gallery a face is, and whether it is anybody of them (1:N)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from plateau_face.data.points import image_files, read_image
from plateau_face.verify import Floats, embed

Ints = NDArray[np.int64]
Names = NDArray[np.str_]
K = TypeVar("K", int, float)

RANKS = (1, 5, 10, 20)
FPIRS = (1e-2, 1e-1)
AT_A_TIME = 1 << 24
"""Cosines that are in memory at a time."""

ROUNDING = 1e-9
"""A share of a number that is whole but for rounding counts as whole."""

STRANGER = ""
"""Name of those of a gallery who are nobody's mate."""


class Faces(NamedTuple):
    """Faces by name."""

    unit: Floats
    """Embeddings of length 1, shape (n, dim)."""
    names: Names
    """Who each is, shape (n,)."""


class Search(NamedTuple):
    """What a gallery says of each of some probes."""

    mate: Floats
    """Cosine to the nearest face of the same person; minus infinity where there is none."""
    other: Floats
    """Cosine to the nearest face of anybody else."""
    rank: Ints
    """Place of the mate, from 1, among all of the gallery."""


class Identified(NamedTuple):
    """How well people are found in a gallery."""

    rates: dict[int, float]
    """Share of the probes with a mate whose mate is among the first 1, 5, 10 and 20."""
    tpir: dict[float, float]
    """Share of these whose mate is the first, above the lowest threshold at which at most a given
    share of the probes without a mate find anybody (FPIR). Empty where all have one."""


def search(probes: Faces, gallery: Faces) -> Search:
    """Compare each probe with all of a gallery.

    A face of somebody else that is exactly as near as the mate comes before it.

    Raises
    ------
    ValueError
        If no probe has a mate.
    """
    if not np.isin(probes.names, gallery.names[gallery.names != STRANGER]).any():
        raise ValueError("nobody of the probes is in the gallery")
    parts = [
        _compared(Faces(*part), gallery)
        for part in _parts(probes, max(1, AT_A_TIME // len(gallery.names)))
    ]
    return Search(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def identified(found: Search) -> Identified:
    """Return the rates of a search."""
    mated = np.isfinite(found.mate)
    mate, other, rank = (column[mated] for column in found)
    rates = {most: float((rank <= most).mean()) for most in RANKS}
    strangers = np.sort(found.other[~mated])[::-1]
    tpir = {}
    for fpir in FPIRS if len(strangers) else ():
        # So many may find somebody: the next one must not.
        allowed = int(fpir * len(strangers) + ROUNDING)
        above = mate > strangers[allowed]
        tpir[fpir] = float((above & (mate > other)).mean())
    return Identified(rates, tpir)


def averaged(results: Sequence[Identified]) -> Identified:
    """Return the mean of the rates of several galleries; TPIR where strangers ask all of them."""
    return Identified(_mean([one.rates for one in results]), _mean([one.tpir for one in results]))


def _mean(rates: Sequence[dict[K, float]]) -> dict[K, float]:
    told = [key for key in rates[0] if all(key in one for one in rates)]
    return {key: float(np.mean([one[key] for one in rates])) for key in told}


def by_folder(folder: Path) -> dict[Path, str]:
    """Return the images below a folder that has a folder for each person, with their names."""
    files = {file: file.relative_to(folder).parts[0] for file in image_files(folder)}
    for file in files:
        if file.parent == folder:
            raise ValueError(f"{file} lies in no folder of a person")
    return files


def tinyface(folder: Path) -> tuple[dict[Path, str], dict[Path, str]]:
    """Return probes and gallery of TinyFace's test set, as it is published.

    Files in ``Probe`` and ``Gallery_Match`` begin with the number of a person, those in
    ``Gallery_Distractor`` are strangers.

    Raises
    ------
    ValueError
        If a folder is missing.
    """
    of = {name: folder / name for name in ("Probe", "Gallery_Match", "Gallery_Distractor")}
    for part in of.values():
        if not part.is_dir():
            raise ValueError(f"{part}: no such folder of TinyFace's test set")
    probes, mates = (
        {file: file.name.partition("_")[0] for file in image_files(of[name])}
        for name in ("Probe", "Gallery_Match")
    )
    return probes, mates | dict.fromkeys(image_files(of["Gallery_Distractor"]), STRANGER)


def among(
    model: nn.Module,
    probes: dict[Path, str],
    gallery: dict[Path, str],
    size: int,
    *,
    threads: int = 4,
) -> Identified:
    """Find the people of some images in a gallery."""
    asked, there = (_embedded(model, files, size, threads) for files in (probes, gallery))
    return identified(search(asked, there))


def _embedded(model: nn.Module, files: dict[Path, str], size: int, threads: int) -> Faces:
    paths = list(files)
    raw = embed(model, lambda index: read_image(paths[index]), len(paths), size, threads=threads)
    return Faces(raw / np.linalg.norm(raw, axis=1, keepdims=True), np.array([*files.values()]))


def _parts(faces: Faces, count: int) -> Iterable[tuple[Floats, Names]]:
    for first in range(0, len(faces.names), count):
        yield faces.unit[first : first + count], faces.names[first : first + count]


def _compared(probes: Faces, gallery: Faces) -> Search:
    cosines = probes.unit @ gallery.unit.T
    same = (probes.names[:, None] == gallery.names) & (gallery.names != STRANGER)
    mate = np.where(same, cosines, -np.inf).max(axis=1)
    others = np.where(same, -np.inf, cosines)
    return Search(mate, others.max(axis=1), 1 + (others >= mate[:, None]).sum(axis=1))
