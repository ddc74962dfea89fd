"""Curves on disk, one file for each training and schedule."""

import hashlib
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch

from .schedules import Schedule
from .training import Curves, Training, train


def file_of(folder: Path, training: Training, schedule: Schedule) -> Path:
    """Return where the curves are: a task of other sizes or rates has files of its own."""
    task = training.task
    settings = (task.sizes, dict(task.rates), task.epochs, task.steps, task.batch)
    text = f"{settings} {task.validation} {torch.__version__}"
    name = re.sub(r"[^\w.]+", "_", f"{training.name} {schedule.name}")
    return folder / f"{name}_{hashlib.sha256(text.encode()).hexdigest()[:8]}.npz"


def curves_of(
    training: Training, schedule: Schedule, folder: Path | None, anew: list[str]
) -> Curves:
    """Return the curves that the folder holds; train if it has none, or the schedule is anew."""
    if folder is None:
        return train(training, schedule)
    file = file_of(folder, training, schedule)
    if file.exists() and not any(part in schedule.name for part in anew):
        with np.load(file) as arrays:
            return Curves(**arrays)
    curves = train(training, schedule)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **curves._asdict())
    return curves


def told_curves(pair: tuple[Training, Schedule], folder: Path | None, anew: list[str]) -> Curves:
    """Return the curves of a pair, and tell how long they took."""
    training, schedule = pair
    begun = time.perf_counter()
    curves = curves_of(training, schedule, folder, anew)
    spent = time.perf_counter() - begun
    print(f"{training.name}, {schedule.name}: {spent:.1f} s", file=sys.stderr, flush=True)
    return curves
