"""MLflow's folders: each metric of a run is a file ``metrics/NAME`` of "time value step" lines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Contents, column
from plateau.logs.files.stream import unreadable
from plateau.logs.model import NoSeriesError
from plateau.logs.names.as_rate import lr_points
from plateau.logs.numerals import number
from plateau.logs.records.tagged import Points, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateau.logs.files.stream import Stream
    from plateau.logs.formats.format import Head

FOLDER = "metrics"
LINE = re.compile(rb"\d{12,14} \S+ -?\d+\s")  # time, value, step, and what newer versions add
FIELDS = 3
START = 256  # bytes that hold the first line


def recognised(head: Head) -> bool:
    """Whether a file is one of a run's metrics, by its folder and its first line."""
    return (
        head.local and FOLDER in Path(head.path).parent.parts and LINE.match(head.data) is not None
    )


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read one metric, with the learning rates of its run."""
    path = Path(stream.path)
    folder = next(parent for parent in path.parents if parent.name == FOLDER)
    rates = (
        other
        for other in sorted(folder.rglob("*"))
        if other.is_file() and other != path and _is_rate(_name(folder, other))
    )
    return replace(_read(folder, [path, *rates], warnings), metric=_name(folder, path))


def metrics_folder(run: Path) -> Path | None:
    """Return the folder of a run's metric files; None where this is no run."""
    folder = run if run.name == FOLDER else run / FOLDER
    first = next((path for path in sorted(folder.rglob("*")) if path.is_file()), None)
    return folder if first and _is_metric_file(first) else None


def read_folder(run: Path, warnings: list[str]) -> Contents | None:
    """Read all metrics of a run; None where the folder is none."""
    folder = metrics_folder(run)
    if folder is None:
        return None
    return _read(folder, (path for path in sorted(folder.rglob("*")) if path.is_file()), warnings)


def _is_metric_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(LINE.match(file.read(START)))
    except OSError:
        return False


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _is_rate(name: str) -> bool:
    return lr_points(column(name, np.empty(0, dtype=np.int64), np.empty(0))) > 0


def _read(folder: Path, files: Iterable[Path], warnings: list[str]) -> Contents:
    points = Points()
    for path in files:
        _add(points, _name(folder, path), path, warnings)
    if not points.tags:
        raise NoSeriesError(f"{folder}: no series of numbers found")
    table, places = table_of(points.in_time())
    return Contents("mlflow", [table], places)


def _add(points: Points, name: str, path: Path, warnings: list[str]) -> None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except (FileNotFoundError, PermissionError) as error:
        warnings.append(f"{name}: cannot be read: {error.strerror}")
        return
    except OSError as error:
        raise unreadable(str(path), error) from None
    bad: list[int] = []
    for place, line in enumerate(lines, start=1):
        read = [number(cell) for cell in line.split()[:FIELDS]]
        if len(read) < FIELDS or None in read:
            bad += [place] if line.strip() else []
            continue
        time, value, step = (one or 0.0 for one in read)
        points.add(name, step, time, value, place)
    if bad:
        warnings.append(
            f"{name}: {len(bad)} lines are no 'time value step' and were left out, "
            f"the first is line {bad[0]}"
        )
