"""Results as tables."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from tests.benchmarks.pages import ABSENT, table

from .bounds import BOUNDS
from .processor import processor, vector_bits

PACKAGES = ["numba", "numpy", "scipy", "polars", "pandas", "bottleneck", "numbagg", "river"]
PACKAGES += ["torch", "stumpy", "focus-cpt"]


def result_table(result):
    """Rows of a group by their least times, then those that are absent, and why."""
    group = result.group
    lines = [row(result, key) for key in sorted(result.times, key=result.minimum)]
    lines += [
        [
            f"{each.name} (absent: {result.absent[each.needs]})",
            *(ABSENT for _ in [group.unit, *ratios(group)]),
        ]
        for each in group.candidates
        if each.needs in result.absent
    ]
    return table([group.name, group.unit, *ratios(group)], lines)


def ratios(group):
    """Which ratios to the reference are shown."""
    return ["ratio"] if group.once else ["minimum", "median"]


def row(result, key):
    """Least time, and the ratios."""
    name = f"**{key}**" if key.lower().startswith("plateau") else key
    cells = [figure(result.minimum(key) / result.group.scale)]
    for _, of in zip(ratios(result.group), (result.minimum, result.median), strict=False):
        there = result.group.reference in result.times
        cells.append(figure(of(key) / of(result.group.reference)) if there else ABSENT)
    return [name, *cells]


def figure(value):
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def growth_table(result):
    """Least time of each line at each place."""
    places = sorted({at for _, at in result.times})
    lines = [
        [name, *(at_place(result, (name, at)) for at in places)]
        for name in dict.fromkeys(name for name, _ in result.times)
    ]
    lines += [
        [f"{package} (absent: {why})", *[ABSENT] * len(places)]
        for package, why in result.absent.items()
    ]
    return table([f"{result.group.name}, ns a sample", *(f"{at:,}" for at in places)], lines)


def at_place(result, key):
    return figure(result.minimum(key)) if key in result.times else ABSENT


def bounds_table(results):
    """What must be reached."""
    header = ["bound", "limit", "reached, minimum", "median", "kept"]
    return table(header, [bound.row(results) for bound in BOUNDS])


def machine():
    """The machine and the versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = [f"{name} {installed(name)}" for name in PACKAGES]
    made_of = f"{processor()}, vectors of {vector_bits()} bits, {cores} cores"
    return f"{made_of}; Python {platform.python_version()}, {', '.join(found)}."


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
