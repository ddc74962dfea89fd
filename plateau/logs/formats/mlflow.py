"""MLflow's folders: each metric of a run is a file ``metrics/NAME`` of "time value step" lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.columns import Contents, column
from plateau.logs.model import NoSeriesError
from plateau.logs.names.judge import lr_points
from plateau.logs.numerals import number
from plateau.logs.records.tagged import Points, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDER = "metrics"
LINE = re.compile(rb"\d{12,14} \S+ -?\d+\s")  # time, value, step, and what newer versions add
FIELDS = 3
START = 256  # bytes that hold the first line


def metrics_folder(run: Path) -> Path | None:
    """Return the folder of a run's metric files; None where this is no run."""
    folder = run if run.name == FOLDER else run / FOLDER
    first = next((path for path in sorted(folder.rglob("*")) if path.is_file()), None)
    return folder if first and is_metric_file(first) else None


def is_metric_file(path: Path) -> bool:
    """Whether a file is one of a run's metrics."""
    if FOLDER not in path.parent.parts:
        return False
    try:
        with path.open("rb") as file:
            return bool(LINE.match(file.read(START)))
    except OSError:
        return False


def read_run(folder: Path, warnings: list[str]) -> Contents:
    """Read all metrics of a run."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return _read(folder, files, warnings)


def read_metric(path: Path, warnings: list[str]) -> tuple[str, Contents]:
    """Read one metric, with the learning rates of its run, and give its name."""
    folder = next(parent for parent in path.parents if parent.name == FOLDER)
    rates = (
        other
        for other in sorted(folder.rglob("*"))
        if other.is_file() and other != path and _is_rate(_name(folder, other))
    )
    return _name(folder, path), _read(folder, [path, *rates], warnings)


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
    except OSError as error:
        warnings.append(f"{name}: cannot be read: {error.strerror or error}")
        return
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
