"""Runs from saved logs: rows that stand for samples, and the plateaus in them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from plateau import hindsight, segments
from plateau._recurrence import LIMIT
from plateau.base import SIGNS, PlateauDetector, Trace
from plateau.blocks import BLOCK, Blocks, held, pieces
from plateau.events import worsening
from plateau.logs.model import LogError, Run
from plateau.outlook import Gain, gain_of
from plateau.rule import Rule
from plateau.segments import Plateau, places_of, plateaus_of

Unit = Literal["step", "row"]
"""What a sample is: a step of the x column, or a row of the log."""

T = TypeVar("T")
Track = Callable[[Blocks, int], Blocks]
"""Passes blocks on, given their number, and may show how far they are."""


def untracked(things: Iterable[T], count: int) -> Iterable[T]:
    """Pass things on, whatever their number."""
    del count
    return things


STANDING, STEP = 100, 1.5
"""Rows for which a learning rate must have stood still, and the factor by which it must then
change, for a new regime to begin there."""

MOST = 1_000_000_000
"""Samples that the rows of a run may stand for: more would take minutes."""


class Rows:
    """The rows of a run that have a finite value, and the samples that they stand for.

    Parameters
    ----------
    run : Run
        The run.
    unit : {"step", "row"}, optional
        With ``"step"`` a row whose x moved on by k stands for k samples of its value, the first
        row for as many as is usual. By default steps where x counts them, else rows.

    Raises
    ------
    LogError
        If the unit is ``"step"`` and x is not made of whole numbers that grow, or spans too many.
    """

    def __init__(self, run: Run, unit: Unit | None = None) -> None:
        self.run = run
        self.places = np.flatnonzero(np.abs(run.values) <= LIMIT)
        """Row of each of these rows among all rows of the run."""
        self.values = run.values[self.places]
        self.unit: Unit = unit or ("step" if run.counts_steps and not _objection(run) else "row")
        if self.unit == "step" and (objection := _objection(run)):
            raise LogError(f"column {run.x_name!r} {objection}: use --unit row")
        hold = _hold(run.x) if self.unit == "step" else np.ones(len(run.x), dtype=np.int64)
        self.hold = hold[self.places]
        """Samples that each row stands for."""
        self.ends = np.cumsum(self.hold)
        """Samples up to and with each row."""

    @property
    def samples(self) -> int:
        """Samples in all."""
        return int(self.ends[-1]) if len(self.ends) else 0

    @property
    def block_count(self) -> int:
        """How many blocks there are."""
        return -(-self.samples // BLOCK)

    def blocks(self) -> Iterator[NDArray[np.float64]]:
        """Yield the samples, at most `BLOCK` at a time."""
        yield from held(self.values, self.ends)

    def regimes(self) -> NDArray[np.int64]:
        """Return the samples at which the learning rate makes a step after it stood still.

        There the metric is expected to move: a detector is told so, as a scheduler tells it. A
        rate that changes all the time, as in a warm-up or a cosine, or little by little makes none.
        """
        if self.run.lr is None:
            return np.zeros(0, dtype=np.int64)
        rows = np.searchsorted(self.places, RateSteps().take(self.run.lr))
        regimes: NDArray[np.int64] = self.ends[rows[(rows > 0) & (rows < len(self.ends))] - 1]
        return regimes

    def row(self, sample: int) -> int:
        """Return the row that a sample belongs to, counted among these rows."""
        return int(np.searchsorted(self.ends, sample, side="right"))

    def x(self, sample: int) -> float:
        """Return where in the log's x column a sample lies."""
        row = self.row(sample)
        x = float(self.run.x[self.places[row]])
        return x - float(self.ends[row] - 1 - sample) if self.unit == "step" else x


class RateSteps:
    """Finds where a learning rate makes a step after it stood still, a few rows at a time."""

    def __init__(self) -> None:
        self.rows = 0
        """How many were taken."""
        self.last = np.nan
        """The rate in the last row."""
        self.changed = 0
        """Row of the last change."""

    def take(self, lr: NDArray[np.float64]) -> NDArray[np.int64]:
        """Take the rates of the next rows; return the rows of the steps, of all rows taken."""
        if not len(lr):
            return np.zeros(0, dtype=np.int64)
        known = np.insert(lr, 0, self.last if self.rows else lr[0])
        changes = np.flatnonzero(np.diff(known))
        low, high = np.sort([np.abs(known[changes]), np.abs(lr[changes])], axis=0)
        at: NDArray[np.int64] = changes + self.rows
        stood = np.diff(at, prepend=self.changed) >= STANDING
        steps: NDArray[np.int64] = at[(high >= STEP * low) & stood]
        self.rows += len(lr)
        self.last = float(lr[-1])
        self.changed = int(at[-1]) if len(at) else self.changed
        return steps


def rows_for(run: Run, rule: Rule, unit: Unit | None) -> Rows:
    """Return the rows of a run; unless told otherwise the calibrated detector takes each as one.

    It judges noise and autocorrelation, and a row held for k steps would look like k that agree.
    """
    return Rows(run, unit or ("row" if rule.calibrated else None))


def _objection(run: Run) -> str | None:
    """Say what keeps the rows of a run from standing for the steps that x moved on by."""
    steps = np.diff(run.x)
    if not (np.all(run.x % 1 == 0) and np.all(steps >= 1)):
        return "is no growing count of steps"
    length = float(steps.sum()) + float(np.median(steps)) if len(steps) else 1.0
    return f"would stand for {length:,.0f} samples" if length > MOST else None


def _hold(x: NDArray[np.float64]) -> NDArray[np.int64]:
    steps = np.diff(x).astype(np.int64)
    usual = int(np.median(steps)) if len(steps) else 1
    return np.insert(steps, 0, usual)


@dataclass(frozen=True, eq=False)
class RunScan:
    """What a scan found in one run."""

    run: Run
    detector: PlateauDetector
    """As it stands at the end of the run."""
    unit: Unit
    plateaus: list[Plateau]
    """Their indices are rows of the run, their slopes are per sample."""
    level: NDArray[np.float64]
    """The detector's level after each row, shape (n,)."""

    @property
    def flat(self) -> list[Plateau]:
        """The plateaus that are flat."""
        return [plateau for plateau in self.plateaus if plateau.kind == "flat"]

    @property
    def flat_share(self) -> float:
        """Share of the rows that lie in a flat plateau."""
        return sum(p.stop - p.start for p in self.flat) / max(len(self.run.values), 1)

    @property
    def ends(self) -> tuple[str, ...]:
        """What can be said of the run's end: ``"plateau"``, ``"worsening"``, both or neither.

        Both, because the threshold rule counts a metric that moves the wrong way as flat.
        """
        worse = worsening(self.detector, self.detector.verdict, self.detector.slope)
        flat = bool(self.plateaus) and not self.plateaus[-1].closed
        return ("plateau",) * flat + ("worsening",) * bool(worse)

    @property
    def failings(self) -> tuple[str, ...]:
        """What a gate may ask for: how the run ends, and ``"nan"`` if a value is not finite."""
        return (*self.ends, *("nan",) * bool(self.nonfinite))

    @cached_property
    def gain(self) -> Gain | None:
        """What as many rows again are expected to bring."""
        values = self.run.values[np.abs(self.run.values) <= LIMIT]
        if len(values) > hindsight.BLOCKS:
            values, _ = hindsight.blocks_of(values, -(-len(values) // hindsight.BLOCKS))
        return gain_of(values, SIGNS[self.run.mode])

    @property
    def nonfinite(self) -> int:
        """Rows whose value is not finite."""
        return int(np.count_nonzero(~np.isfinite(self.run.values)))


def scan_run(
    run: Run,
    rule: Rule = Rule(),
    unit: Unit | None = None,
    track: Track = untracked,
    *,
    past: bool = False,
) -> RunScan:
    """Find the plateaus of a run, see `plateau.find_plateaus`.

    Parameters
    ----------
    run : Run
        As read from a log.
    rule : Rule
        Settings of the detector; by default all are chosen from the run.
    unit : {"step", "row"}, optional
        See `Rows`.
    track : callable, optional
        Is given the blocks of samples and their number, and passes them on: for a progress bar.
    past : bool
        Whether to judge by what was known at the time only, as ``plateau watch`` does.
    """
    rows = rows_for(run, rule, unit)
    detector = rule.detector(rows.values, rows.samples, run.mode)
    level = np.full(len(run.values), np.nan)
    regimes = set(rows.regimes().tolist()) if rule.calibrated else set()

    def traces() -> Iterator[Trace]:
        begin = 0
        for block in pieces(track(rows.blocks(), rows.block_count), sorted(regimes)):
            if begin in regimes:
                detector.changed()
            found = detector._record(block)
            ended = slice(rows.row(begin), rows.row(begin + len(block)))
            level[rows.places[ended]] = found.level[rows.ends[ended] - 1 - begin]
            begin += len(block)
            yield found

    places = places_of(rows.places)
    plateaus = plateaus_of(
        detector,
        traces(),
        segments.Rows(rows.values, rows.ends, places),
        broken=int(places[-1]) < len(run.values),
        past=past,
    )
    return RunScan(run, detector, rows.unit, plateaus, level)
