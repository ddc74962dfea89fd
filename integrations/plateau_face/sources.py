"""From a configuration to faces and verification sets."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from plateau_face.config import Config
from plateau_face.data.faces import Faces, FolderFaces
from plateau_face.data.joined import JoinedFaces, with_images
from plateau_face.data.packed import PackedFaces, pack_decoded
from plateau_face.data.pairs import FOLDS, Pairs, drawn_pairs, read_bin, read_pair_list
from plateau_face.data.recordio import RecordFaces
from plateau_face.data.synthetic import KeptFaces, SyntheticFaces
from plateau_face.data.tar import TarFaces

KEPT_MOST = 2**30
"""Bytes of drawn faces that are kept in memory."""


def open_faces(
    path: Path, identities: Path | None = None
) -> FolderFaces | RecordFaces | PackedFaces | TarFaces:
    """Open what lies at `path`: a folder, a ``.rec`` file, a packed file, or tar files."""
    if path.is_dir() and (path / "train.rec").is_file():
        path = path / "train.rec"
    shards = sorted(path.glob("*.tar")) if path.is_dir() else [path]
    if shards and all(shard.is_file() and shard.suffix == ".tar" for shard in shards):
        return TarFaces(shards)
    if path.is_dir():
        return FolderFaces(path, identities)
    if identities is not None:
        raise ValueError(f"{path}: identities can be chosen from a folder only")
    if not path.is_file():
        raise ValueError(f"{path}: no such file or folder")
    return RecordFaces(path) if path.suffix == ".rec" else PackedFaces(path)


def training_faces(config: Config) -> Faces:
    """Open the faces to train on.

    Identities with few images, even one, are taken as they are: the head learns a prototype from
    each. How many there are `plateau-face info` says.

    Raises
    ------
    ValueError
        If they cannot be read, or show one identity only.
    """
    if config.synthetic:
        faces = drawn_faces(
            config,
            config.synthetic_identities,
            config.synthetic_images,
            tail=config.synthetic_tail,
        )
    else:
        identities = Path(config.identities) if config.identities else None
        sets = [open_faces(Path(path), identities) for path in config.data]
        faces = sets[0] if len(sets) == 1 else JoinedFaces(sets)
    name = ", ".join(config.data) or "synthetic"
    if config.least_images > 1:
        faces = with_images(faces, config.least_images, name)
    if (faces.labels == faces.labels[0]).all():
        raise ValueError(f"{name}: training needs two identities, not one")
    return faces


def verification_sets(config: Config) -> list[Pairs]:
    """Open the verification sets; synthetic ones have identities that are not trained on."""
    found = [open_pairs(Path(path), Path(config.val_folder)) for path in config.val]
    if config.synthetic and not found:
        faces = drawn_faces(
            config,
            config.synthetic_val_identities,
            config.synthetic_val_images,
            first=config.synthetic_identities,
        )
        found = [drawn_pairs(faces, "synthetic", config.synthetic_val_pairs, config.seed)]
    return found


def sets_of_run(config: Config, run: Path, *, trusted: bool) -> list[Pairs]:
    """Open the verification sets of a run, which may be somebody else's.

    Raises
    ------
    ValueError
        If its configuration names files and it is not said to be ``trusted``.
    """
    if trusted:
        return verification_sets(config)
    if config.val:
        raise ValueError(
            f"{run} names files of its own as verification sets ({', '.join(config.val)}): "
            "open them with --own-sets, or name some"
        )
    return verification_sets(replace(config, synthetic_cache=""))


def drawn_faces(
    config: Config, identities: int, images: int, first: int = 0, tail: float = 0.0
) -> Faces:
    """Draw faces, or take those that the cache keeps from the last time."""
    faces = SyntheticFaces(identities, images, config.image_size, config.seed, first, tail)
    if not config.synthetic_cache:
        size = 3 * config.image_size**2 * len(faces.labels)
        return KeptFaces(faces) if size <= KEPT_MOST else faces
    kind = f"{identities}x{images}" + (f"-tail{tail:g}" if tail else "")
    name = f"{kind}-from{first}-size{config.image_size}-seed{config.seed}.packed"
    path = Path(config.synthetic_cache) / name
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        pack_decoded(faces, path, config.image_size, lambda _: None)
    return PackedFaces(path)


def open_pairs(path: Path, folder: Path) -> Pairs:
    """Open a ``.bin`` set, or a list of pairs of files below `folder`.

    Raises
    ------
    ValueError
        If it cannot be read, or has fewer pairs than folds or only one kind of them.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    pairs = read_bin(path) if path.suffix == ".bin" else read_pair_list(path, folder)
    if len(pairs.same) < FOLDS:
        raise ValueError(f"{path}: {FOLDS} folds need as many pairs, there are {len(pairs.same)}")
    if pairs.same.all() or not pairs.same.any():
        kind = "the same person" if pairs.same.all() else "two persons"
        raise ValueError(f"{path}: all pairs are of {kind}, some of both are needed")
    return pairs


def check_images(pairs: Pairs, threads: int) -> None:
    """Decode all images of a verification set.

    Raises
    ------
    ValueError
        If one cannot be: better now than after an epoch.
    """
    with ThreadPoolExecutor(threads) as pool:
        try:
            for checked in [pool.submit(decoded, pairs, index) for index in range(pairs.images)]:
                checked.result()
        finally:
            pool.shutdown(cancel_futures=True)


def decoded(pairs: Pairs, index: int) -> None:
    """Read an image, and keep nothing of it."""
    pairs.read(index)
