"""Folders that hold one run: TensorBoard event files, or MLflow's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plateau.logs.columns import Contents
from plateau.logs.files.stream import Stream
from plateau.logs.formats.mlflow import metrics_folder, read_run
from plateau.logs.formats.tensorboard import read_events
from plateau.logs.model import LogError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

EVENTS = "tfevents"  # in the name of every event file
LARGEST = 1 << 30  # bytes of a file that is read as a whole


def event_files(names: Iterable[str]) -> list[str]:
    """Take the event files among the names of a folder."""
    return sorted(name for name in names if EVENTS in name)


def read_folder(path: Path, warnings: list[str]) -> Contents:
    """Read the run that a folder holds."""
    metrics = metrics_folder(path)
    if metrics:
        return read_run(metrics, warnings)
    names = event_files(item.name for item in path.iterdir() if item.is_file())
    if not names:
        raise LogError(f"{path}: is a folder but no run of TensorBoard or MLflow")
    files = []
    for name in names:
        with Stream(str(path / name), warnings) as stream:
            files.append((name, read_whole(stream)))
    return Contents("tensorboard", *read_events(files, warnings))


def read_whole(stream: Stream, head: bytes = b"") -> bytes:
    """Read a file to its end that cannot be read in parts."""
    data = head + stream.read(LARGEST - len(head) + 1)
    if len(data) > LARGEST:
        raise LogError(f"{stream.path}: larger than {LARGEST >> 20} MiB, which is read as a whole")
    return data
