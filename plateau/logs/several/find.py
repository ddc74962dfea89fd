"""From what a user names to logs: folders are walked, patterns expanded, files of a run joined."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plateau.logs.files.stream import STDIN, URL, is_folder, remote, resolved
from plateau.logs.model import LogError
from plateau.logs.names.words import vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Endings of files that hold no log, whatever is in them: they are left alone in a walk.
OTHERS = vocabulary(
    "7z avi avif bin bmp c caffemodel cfg ckpt conf cpp css cu dll docx gif go h h5 hdf5 html ico "
    "index ini java jpeg jpg js keras lock md meta mid model mov mp3 mp4 msgpack npy npz o "
    "ogg onnx params pb pbtxt pdf pickle pkl png pptx profile-empty proto prototxt pt pth py pyc "
    "rar rs rst safetensors sh so svg tar tex tflite tgz tif tiff toml ts ttf vocab wav webp whl "
    "xlsx xml yaml yml zip"
)
ARCHIVES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst")


@dataclass(frozen=True)
class Found:
    """A log to read.

    Attributes
    ----------
    path : str
        As :func:`plateau.logs.read_log` takes it.
    folder : str or None
        The folder in whose walk it was found; None where the user named it.
    """

    path: str
    folder: str | None = None


def find_logs(paths: Iterable[str], complain: Callable[[str], None]) -> list[Found]:
    """Find the logs that paths name.

    Parameters
    ----------
    paths : iterable of str
        Files, folders, patterns such as ``runs/**/*.csv``, URLs, or ``-`` for standard input.
    complain : callable
        Is told in one line what cannot be found or looked into.

    Returns
    -------
    list of Found
        Each log once, in the order of the paths, those of a folder sorted.
    """
    found: dict[str, Found] = {}
    for path in paths:
        for one in _named(path, complain):
            found.setdefault(one.path, one)
    return list(found.values())


def _named(path: str, complain: Callable[[str], None]) -> Iterator[Found]:
    if path == STDIN or "\0" in path:
        yield Found(path)
    elif URL.match(path):
        yield from _remote(path, complain)
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield from _local(path, complain)
    else:
        # Path.glob takes no absolute pattern, and drops the "./" of a name that was asked for.
        matches = sorted(glob.glob(path, recursive=True))  # noqa: PTH207
        if not matches:
            complain(f"{path}: no file matches")
        for match in matches:
            yield from _local(match, complain)


def _local(path: str, complain: Callable[[str], None]) -> Iterator[Found]:
    if not is_folder(path):
        yield Found(path)
        return
    found = [Found(one, path) for one in _walk(path, complain)]
    if not found:
        complain(f"{path}: no logs in this folder")
    yield from found


def _walk(folder: str, complain: Callable[[str], None]) -> Iterator[str]:
    """Walk a folder; links to folders are not followed, so that none is walked twice."""
    from plateau.logs.formats.mlflow import FOLDER, metrics_folder
    from plateau.logs.formats.tensorboard import (
        event_files,  # takes numpy, of no use for a single file
    )

    def tell(error: OSError) -> None:
        complain(f"{error.filename}: cannot be read: {error.strerror}")

    for here, folders, names in os.walk(folder, onerror=tell):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if FOLDER in folders and metrics_folder(Path(here)):
            folders.remove(FOLDER)
            yield here
        events = event_files(names)
        if len(events) > 1:
            yield here
            names = [name for name in names if name not in events]
        for name in sorted(names):
            if _may_be_log(here, name) and _is_file(path := Path(here, name)):
                if path.is_symlink() and not _is_within(path, folder):
                    complain(f"{path}: is a link out of {folder}, to {os.path.realpath(path)}")
                yield str(path)


def _is_file(path: Path) -> bool:
    """Whether a name is none of a pipe, which would wait for somebody who writes, or a device."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True  # reading it will tell why it cannot be read


def _is_within(path: Path, folder: str) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _may_be_log(here: str, name: str) -> bool:
    """Whether to look into a file; a link to a file of the same folder would be read twice."""
    lowered = name.lower()
    if name.startswith(".") or Path(lowered).suffix[1:] in OTHERS or lowered.endswith(ARCHIVES):
        return False
    path = Path(here, name)
    return not (path.is_symlink() and resolved(path).parent == resolved(here))


def _remote(path: str, complain: Callable[[str], None]) -> Iterator[Found]:
    try:
        files, inside = remote(path).url_to_fs(path)
        if glob.has_magic(path):
            matches = sorted(files.glob(inside))
        elif files.isdir(inside):
            matches = sorted(name for name in files.find(inside) if _may_be_log("", name))
        else:
            yield Found(path)
            return
    except LogError as error:
        complain(str(error))
    except Exception as error:  # each remote file system raises its own
        complain(f"{path}: cannot be read: {error}")
    else:
        if not matches:
            complain(f"{path}: no file matches")
        yield from (Found(files.unstrip_protocol(name), path) for name in matches)
