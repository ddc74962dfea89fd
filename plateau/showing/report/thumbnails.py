"""Small pictures of runs for the table that compares them, as SVG without any script."""

from typing import NamedTuple

import numpy as np

from plateau.offline import RunScan
from plateau.showing.report.curves import chart, spans
from plateau.showing.scales import drawable

WIDTH, HEIGHT, POINTS = 160, 32, 160
"""In units of the SVG's view box; a point to a unit."""


class Thumbnail(NamedTuple):
    """Where the lines and shades of one lie."""

    curve: str
    """Points of the curve, as an SVG polyline has them."""
    bands: list[tuple[float, float, str]]
    """Left edge, width and kind of each plateau."""
    bad: list[tuple[float, float]]
    """The same of rows that are not finite."""


def thumbnail(found: RunScan) -> Thumbnail:
    """Draw a run in a view box of `WIDTH` by `HEIGHT`."""
    drawn = chart(found, POINTS)
    x, y = np.array(drawn["curve"]["x"], dtype=float), np.array(drawn["curve"]["y"], dtype=float)
    y = y.clip(*drawn["heights"]) if drawn["heights"] else y
    y = np.log10(y) if drawn["log"] else y
    places = drawable(found.run).x
    begin, length = float(places[0]), float(np.ptp(places)) or 1.0

    def across(value: float) -> float:
        return round((value - begin) / length * WIDTH, 1)

    def stretch(from_: float, to: float) -> tuple[float, float]:
        return across(from_), round(across(to) - across(from_), 1)

    low, height = (y.min(), np.ptp(y) or 1.0) if len(y) else (0.0, 1.0)
    down = HEIGHT - 2 - (y - low) / height * (HEIGHT - 4)
    points = " ".join(f"{across(a)},{b:.1f}" for a, b in zip(x, down, strict=True))
    bands = [(*stretch(span["from"], span["to"]), span["kind"]) for span in spans(found)]
    return Thumbnail(points, bands, [stretch(*mark) for mark in drawn["notFinite"]])
