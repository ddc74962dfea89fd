"""Logs of an archive: losses that fall and rest, each a little otherwise, some files damaged."""

import errno
from pathlib import Path

import numpy as np

from plateau.logs.several.parallel import read_one


def read_unless(path, *, failing):
    """Read a log, unless the file ``failing`` names it: then the disk gives an error."""
    file = Path(failing)
    if file.exists() and file.read_text() == path:
        raise OSError(errno.EIO, "Input/output error")
    return read_one(path)


def make_logs(folder, count, *, rows=300, damaged=()):
    """Write so many logs into subfolders of a hundred; those whose numbers are damaged are none."""
    for number in range(count):
        path = folder / f"{number // 100:03d}" / f"run{number:05d}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number in damaged:
            path.write_bytes(b"\x00\xff nothing to see\n" * 20)
            continue
        rng = np.random.default_rng(number)
        steps = np.arange(rows)
        losses = 2 * np.exp(-steps / (5 + number % 40)) + 0.5 + 0.01 * rng.normal(size=rows)
        lines = [f"{step},{loss:.5f}" for step, loss in zip(steps, losses, strict=True)]
        path.write_text("\n".join(["step,loss", *lines, ""]))
