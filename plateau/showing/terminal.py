"""Results for people at a terminal: what was read and chosen, a chart, a table."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
import plotext
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from plateau.base import PlateauDetector
from plateau.calibrated import Detector
from plateau.detectors import ThresholdDetector
from plateau.export import LogScan
from plateau.logs.model import Log, Run
from plateau.offline import RunScan, Unit
from plateau.replay import LrChange, Replay
from plateau.segments import Plateau
from plateau.showing import wording
from plateau.showing.heights import heights
from plateau.showing.printing import shown, shown_log, shown_run
from plateau.showing.scales import drawable, is_log

CHARTS = 4
"""Runs of a log that get a chart; what is said of a hundred runs should stay readable."""

WIDTH, HEIGHT = 100, 16
"""Columns and lines of a chart at most."""


def show_scan(console: Console, scans: Sequence[LogScan]) -> None:
    """Print what a scan found, run by run."""
    for scan in shown(scans):
        _show_warnings(console, scan.log)
        for number, found in enumerate(scan.runs):
            _show_choices(console, scan.log, found.run, found.detector, found.unit)
            if number < CHARTS:
                console.print(_chart(found.run, found.plateaus, min(console.width, WIDTH)))
            elif number == CHARTS:
                told = f"charts of the first {CHARTS} runs only; --run or --metric chooses others"
                console.print(Text(told, style="dim"), soft_wrap=True)
            if found.plateaus:
                console.print(_plateau_table(found))
            console.print(wording.summary(found))
            if found.gain is not None:
                console.print(Text(wording.outlook(found.gain), style="dim"))
            console.print()


def show_replay(console: Console, log: Log, replay: Replay) -> None:
    """Print what a plateau scheduler would have done, beside what was done."""
    log, replay = shown_log(log), dataclasses.replace(replay, run=shown_run(replay.run))
    _show_warnings(console, log)
    _show_choices(console, log, replay.run, replay.detector, replay.unit)
    if replay.events or replay.recorded:
        console.print(_replay_table(replay))
    console.print(_comparison(replay), soft_wrap=True)


def _show_warnings(console: Console, log: Log) -> None:
    """Print what was odd about a log."""
    for warning in log.warnings:
        console.print(Text(f"{log.path}: warning: {warning}", style="yellow"), soft_wrap=True)


def _show_choices(
    console: Console, log: Log, run: Run, detector: PlateauDetector, unit: Unit
) -> None:
    """Print what was read and which columns and rule were chosen."""
    console.print(Text(f"{log.path}, run {run.name}", style="bold"), soft_wrap=True)
    console.print(Text(wording.read(run)), soft_wrap=True)
    console.print(Text(wording.rule(detector, unit), style="dim"), soft_wrap=True)


def _plateau_table(found: RunScan) -> Table:
    run, x = found.run, found.run.x
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "",
        "from",
        "known at",
        "to",
        "kind",
        "rows",
        *(("lasts",) if run.clock else ()),
        "level",
        f"slope/{found.unit}",
        "noise",
    ):
        table.add_column(title, justify="right")
    for i, plateau in enumerate(found.plateaus, 1):
        table.add_row(
            str(i),
            *(wording.place(run, x[plateau.start]), wording.known_at(run, plateau)),
            wording.until(run, plateau),
            plateau.kind,
            f"{(plateau.stop - plateau.start) * found.run.every:,}",
            *((wording.lasts(run, plateau),) if run.clock else ()),
            *(f"{plateau.level:.4g}", f"{plateau.slope:+.1e}", f"{plateau.noise:.2g}"),
        )
    return table


def _replay_table(replay: Replay) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("", "replay: at", "factor", "rate", "recorded: at", "factor", "rate")
    for title in headings[: 7 if replay.recorded else 4]:
        table.add_column(title, justify="right")
    for i, pair in enumerate(zip_longest(replay.events, _steps(replay.recorded)), 1):
        cells = [cell for change in pair for cell in _change(replay.run, change)]
        table.add_row(str(i), *cells[: len(table.columns) - 1])
    return table


def _steps(changes: Sequence[LrChange]) -> list[LrChange]:
    """Leave out the small changes of a learning rate that moves all the time."""
    return [change for change in changes if not 0.9 < change.factor < 1.1]


def _change(run: Run, change: LrChange | None) -> tuple[str, str, str]:
    if change is None:
        return "", "", ""
    factor = "?" if math.isnan(change.factor) else f"×{change.factor:.4g}"
    return wording.place(run, change.x), factor, f"{change.lr:.4g}"


def _comparison(replay: Replay) -> str:
    """Say how far the replay can be trusted."""
    text = f"{wording.count(len(replay.events), 'change')} from a rate of {replay.initial_lr:.4g}. "
    small = len(replay.recorded) - len(_steps(replay.recorded))
    if small:
        text += f"{wording.count(small, 'recorded change')} of less than 10 % not shown. "
    text += "A replay is exact only as far as the log's own schedule agrees with it"
    if not replay.recorded:
        return f"{text}; this log records no change of the learning rate."
    near = _reach(replay.detector) * (1.0 if replay.unit == "step" else _usual_step(replay.run))
    for event, recorded in zip_longest(replay.events, replay.recorded):
        if event is None or recorded is None or not _agree(event, recorded, near):
            where = min(change.x for change in (event, recorded) if change)
            return f"{text}: here up to {wording.place(replay.run, where)}."
    return f"{text}; here each change is one that was recorded."


def _reach(detector: PlateauDetector) -> int:
    """Return by how many samples two changes for the same reason may be apart."""
    if isinstance(detector, ThresholdDetector):
        return detector.patience
    assert isinstance(detector, Detector)
    return detector.horizon or wording.NOISE_ONLY


def _agree(event: LrChange, recorded: LrChange, near: float) -> bool:
    """Whether two changes are of the same size and at the same place."""
    same_size = math.isclose(event.factor, recorded.factor, rel_tol=0.01)
    return same_size and abs(event.x - recorded.x) <= near


def _usual_step(run: Run) -> float:
    return float(np.median(np.diff(run.x))) if len(run.x) > 1 else 1.0


def _chart(run: Run, plateaus: Sequence[Plateau], width: int) -> Text:
    """Draw the curve, its plateaus in green and as bars along the bottom."""
    run = drawable(run)
    finite = np.isfinite(run.values)
    if not finite.any():
        return Text("(no finite value to draw)")
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, HEIGHT)
    log = is_log(run)
    low, high = heights(run.values, log=log) or (run.values[finite].min(), run.values[finite].max())
    plotext.yscale("log" if log else "linear")
    ticks = (np.geomspace if log else np.linspace)(low, high, 5)
    plotext.yticks(ticks.tolist(), [f"{tick:.3g}" for tick in ticks])
    ticks = np.linspace(run.x.min(), run.x.max(), 5)
    if np.all(run.x % 1 == 0) and np.ptp(run.x) >= 8:
        ticks = ticks.round()
    plotext.xticks(ticks.tolist(), [wording.place(run, tick) for tick in ticks])
    for flat, rows in _parts(len(run.values), plateaus):
        keep = rows[finite[rows]]
        keep = keep[_extremes(run.values[keep], max(2, 2 * width * len(keep) // len(finite)))]
        color = "green+" if flat else "gray"
        xs, ys = run.x[keep].tolist(), run.values[keep].clip(low, high).tolist()
        plotext.plot(xs, ys, marker="braille", color=color)
        if flat and xs:
            plotext.plot([xs[0], xs[-1]], [low, low], marker="▂", color="green+")
    plotext.xlabel(run.x_name)
    return Text.from_ansi(plotext.build())


def _parts(rows: int, plateaus: Sequence[Plateau]) -> Iterator[tuple[bool, NDArray[np.int64]]]:
    """Yield the stretches between and within plateaus, each up to the next one's first row."""
    begin = 0
    for plateau in plateaus:
        yield False, np.arange(begin, plateau.start + 1)
        yield True, np.arange(plateau.start, min(plateau.stop + 1, rows))
        begin = plateau.stop
    yield False, np.arange(begin, rows)


def _extremes(values: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return indices of the smallest and largest value of each bin, so that no spike is lost."""
    if len(values) <= 2 * bins:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), bins)
    return np.array(
        [
            i
            for part in parts
            for i in sorted((part[values[part].argmin()], part[values[part].argmax()]))
        ]
    )
