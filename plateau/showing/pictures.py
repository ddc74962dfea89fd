"""``plateau.plot``: a series, a scan or a detector as a picture of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from plateau.base import PlateauDetector
from plateau.calibrated import Detector, Settings
from plateau.scanning import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from plateau.logs.model import Run
    from plateau.offline import RunScan
    from plateau.segments import Plateau, Plateaus


@overload
def plot(what: Scan, detector: None = None, ax: Axes | None = None) -> Axes | list[Axes]: ...


@overload
def plot(
    what: ArrayLike | Iterable[float] | RunScan | Plateaus | PlateauDetector,
    detector: PlateauDetector | None = None,
    ax: Axes | None = None,
    **settings: Unpack[Settings],
) -> Axes: ...


def plot(
    what: Any,
    detector: PlateauDetector | None = None,
    ax: Axes | None = None,
    **settings: Unpack[Settings],
) -> Axes | list[Axes]:
    """Draw a curve with its level, its plateaus of both kinds, and where a detector fired.

    Parameters
    ----------
    what : array_like, Scan, run of a Scan, list of find_plateaus, or Detector
        A series is searched for plateaus, in hindsight, and its x is the index of one of pandas or
        xarray. Of a `Detector` it is what it remembers: block means since its last change.
    detector : Detector or ThresholdDetector, optional
        For a series, as in `find_plateaus`.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure of pyplot.
    **settings
        For a series those of `Detector`, in place of one: ``mode="max"``.

    Returns
    -------
    matplotlib Axes
        A list of them for a `Scan` of several runs.

    Raises
    ------
    TypeError
        If it cannot be drawn.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import numpy as np
    >>> import plateau
    >>> noise = 0.1 * np.random.default_rng(0).normal(size=2000)
    >>> axes = plateau.plot(np.exp(-np.arange(2000) / 200) + noise)
    >>> axes.get_xlabel()
    'sample'
    >>> plt.close()
    """
    if hasattr(detector, "get_figure"):  # what others take in second place
        raise TypeError("axes are given by name: plot(..., ax=axes)")
    if isinstance(what, Scan):
        _refuse(detector, settings, "a scan")
        return _plot_scan(what, ax)
    from plateau.offline import RunScan
    from plateau.segments import Plateaus
    from plateau.showing.plots import draw

    if isinstance(what, (RunScan, Plateaus, PlateauDetector)):
        _refuse(detector, settings, f"a {type(what).__name__}")
    if isinstance(what, RunScan):
        drawn: tuple[Any, ...] = what.run, what.plateaus, what.fires
    elif isinstance(what, Plateaus):
        drawn = what.run, what
    elif isinstance(what, PlateauDetector):
        drawn = _remembered(what)
    else:
        drawn = _heard(what, detector, settings)
    axes = _new_axes() if ax is None else ax
    draw(axes, *drawn)
    return axes


def _refuse(detector: PlateauDetector | None, settings: Settings, what: str) -> None:
    given = (["detector"] if detector else []) + list(settings)
    if given:
        raise TypeError(f"{' and '.join(given)}: only for a series, not for {what}")


def _plot_scan(scan: Scan, ax: Axes | None) -> Axes | list[Axes]:
    from plateau.showing.plots import draw_panels, figure_size

    if len(scan) == 1:
        return plot(scan[0], ax=ax)
    if ax is not None:
        raise TypeError(f"ax: {len(scan)} runs have one each: leave it out, or draw scan[0]")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=figure_size(len(scan)), layout="constrained")
    return draw_panels(figure, scan.logs)


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    from plateau.showing.plots import figure_size

    _, axes = plt.subplots(figsize=figure_size(1), layout="constrained")
    return axes


def _heard(
    xs: Any, detector: PlateauDetector | None, settings: Settings
) -> tuple[Run, list[Plateau], Any]:
    """Return a series as a run, its plateaus, and the samples at which a detector fires."""
    from plateau._samples import as_samples
    from plateau.segments import find_plateaus, fresh, trace
    from plateau.series import run_of

    if not hasattr(xs, "__array__"):
        xs = as_samples(xs)  # an iterator is gone through once
    made = fresh(detector, settings, as_samples(xs))
    fired = np.flatnonzero(trace(xs, made).fired)
    return run_of(xs, made.mode), find_plateaus(xs, made), fired


def _remembered(detector: PlateauDetector) -> tuple[Run, list[Plateau]]:
    """Return what a detector keeps of its stream as a run, and the plateau that it is in."""
    from dataclasses import replace

    from plateau.segments import Plateau
    from plateau.series import run_of

    if not isinstance(detector, Detector):
        name = type(detector).__name__
        raise TypeError(f"a {name} keeps nothing to draw: give it the series, plot(xs, detector)")
    x, means = detector.remembered
    run = replace(run_of(means, detector.mode), x=x)
    if detector.onset is None or detector.declared is None or detector.kind is None:
        return run, []
    start, declared = np.searchsorted(x[:-1], [detector.onset, detector.declared]).tolist()
    known = detector.level, detector.slope, detector.noise
    return run, [Plateau(start, len(x), declared, *known, closed=False, kind=detector.kind)]
