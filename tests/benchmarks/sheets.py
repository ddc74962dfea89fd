"""Contact sheets of the real series with what was found in them: to be looked at.

    PLATEAU_DATA=FOLDER python -m tests.benchmarks.sheets FOLDER

draws every run of the real logs and every series that people marked. Bars below a curve are what
two annotators saw, one above the other.
"""

import argparse
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from plateau import Plateau
from plateau.cli import read
from plateau.hindsight import BLOCKS, blocks_of, spans_decades
from plateau.logs import LogError, Run, read_log
from plateau.offline import scan_run
from plateau.plots import CURVE, FLAT, SLOW, label, tidy, write_figure

from .quality.data import folder
from .quality.marks import marked

COLUMNS, ROWS = 4, 6

POINTS = 4000
"""Points of a curve that are drawn at most: the least and the greatest of each of half as many."""


@dataclass(frozen=True)
class Panel:
    """A series and what is known of it."""

    title: str
    values: np.ndarray
    plateaus: list[Plateau]
    marks: list[dict[str, list[list[float]]]] = field(default_factory=list)
