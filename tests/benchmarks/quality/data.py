"""The labelled series and the real logs: no part of the project, see ``PLATEAU_DATA``."""

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Series:
    """One labelled series."""

    id: str
    x: np.ndarray
    """Samples, shape (n,), or (channels, n)."""
    label: dict


def folder():
    """Where the data lie."""
    place = Path(os.environ.get("PLATEAU_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not place.is_dir():
        raise SystemExit(f"no data at {place}: let PLATEAU_DATA name their folder")
    return place


@cache
def labelled(name, array="x"):
    """Series of one data set, with their labels."""
    place = folder() / "steady" / name
    arrays = np.load(place / "series.npz")
    whole = arrays[array] if array in arrays.files else None
    labels = json.loads((place / "labels.json").read_text())["series"]
    return [
        Series(label["id"], arrays[label["key"]] if whole is None else whole[label["row"]], label)
        for label in labels
    ]
