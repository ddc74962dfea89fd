"""Runs from saved logs: rows that stand for samples, and the plateaus in them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plateau import segments
from plateau._samples import LIMIT
from plateau.base import SIGNS, PlateauDetector, Trace, Verdict
from plateau.events import worsening
from plateau.evidence import e_value, independent_blocks
from plateau.follower import (
    BLOCK,
    MOST_SAMPLES,
    Follower,
    Progress,
    grows,
    held,
    held_for,
    untracked,
    usual_step,
)
from plateau.hindsight import gain_so_far
from plateau.logs.model import LogError, Run
from plateau.outlook import Gain
from plateau.overfitting import Turn, turn_of
from plateau.rule import Rule
from plateau.segments import Plateau, places_of, plateaus_of

Unit = Literal["step", "row"]
"""What a sample is: a step of the x column, or a row of the log."""


class HeldRows:
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
        self.usual = usual_step(run.x) if self.unit == "step" else None
        """Steps from one row to the next, where samples are steps."""
        self.hold = held_for(run.x, self.usual)[self.places]
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

    def row(self, sample: int) -> int:
        """Return the row that a sample belongs to, counted among these rows."""
        return int(np.searchsorted(self.ends, sample, side="right"))

    def x(self, sample: int) -> float:
        """Return where in the log's x column a sample lies."""
        row = self.row(sample)
        x = float(self.run.x[self.places[row]])
        return x - float(self.ends[row] - 1 - sample) if self.unit == "step" else x


def rows_for(run: Run, rule: Rule, unit: Unit | None) -> HeldRows:
    """Return the rows of a run; unless told otherwise the calibrated detector takes each as one.

    It judges noise and autocorrelation, and a row held for k steps would look like k that agree.
    """
    return HeldRows(run, unit or ("row" if rule.calibrated else None))


def refuse_long(runs: Iterable[Run], rule: Rule, unit: Unit | None) -> None:
    """Refuse runs whose rows together stand for too many samples.

    Raises
    ------
    LogError
        If they do.
    """
    samples = sum(rows_for(run, rule, unit).samples for run in runs)
    if samples > MOST_SAMPLES:
        raise LogError(f"its runs would stand for {samples:,} samples: use --unit row")


def _objection(run: Run) -> str | None:
    """Say what keeps the rows of a run from standing for the steps that x moved on by."""
    steps = np.diff(run.x)
    if not grows(run.x):
        return "is no growing count of steps"
    length = float(steps.sum()) + float(np.median(steps)) if len(steps) else 1.0
    return f"would stand for {length:,.0f} samples" if length > MOST_SAMPLES else None


@dataclass(frozen=True, eq=False, repr=False)
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
    fires: NDArray[np.int64]
    """Rows at which the detector fired."""

    def __repr__(self) -> str:
        from plateau.showing import wording

        rows = wording.count(len(self.run.values), "row")
        said = wording.plateaus([self])
        return f"<RunScan: run {self.run.name}, {self.run.metric}, {rows}, {said}>"

    @property
    def flat(self) -> list[Plateau]:
        """The plateaus that are flat."""
        return [plateau for plateau in self.plateaus if plateau.kind == "flat"]

    @property
    def flat_share(self) -> float:
        """Share of the rows that lie in a flat plateau."""
        return sum(p.stop - p.start for p in self.flat) / max(len(self.run.values), 1)

    @property
    def verdict(self) -> Verdict:
        """What is said of the run at its end, in hindsight."""
        if "worsening" in self.ends:
            return Verdict.WORSENING
        if "plateau" in self.ends:
            return Verdict.PLATEAU
        # Hindsight sees the end of a plateau before a stream does.
        verdict = self.detector.verdict
        return Verdict.UNDECIDED if verdict is Verdict.PLATEAU else verdict

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
        return gain_so_far(values, SIGNS[self.run.mode])

    @cached_property
    def e_value(self) -> float:
        """How much speaks for a shift at some time, see `plateau.evidence.e_value`."""
        return e_value(independent_blocks(self.run.values))

    @cached_property
    def overfitting(self) -> Turn | None:
        """Where the held-out metric turned while the training went on."""
        return turn_of(self.run)

    @property
    def nonfinite(self) -> int:
        """Rows whose value is not finite."""
        return int(np.count_nonzero(~np.isfinite(self.run.values)))


def scan_run(
    run: Run,
    rule: Rule = Rule(),
    unit: Unit | None = None,
    track: Progress = untracked,
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
        See `HeldRows`.
    track : callable, optional
        Is given the blocks of samples and their number, and passes them on: for a progress bar.
    past : bool
        Whether to judge by what was known at the time only, as ``plateau watch`` does.
    """
    rows = rows_for(run, rule, unit)
    detector = rule.counted(run).detector(rows.values, rows.samples, run.mode)
    level = np.full(len(run.values), np.nan)
    lr = np.full(len(run.x), np.nan) if run.lr is None else run.lr
    fed = Follower(detector, rows.usual).feed(run.values, run.x, lr, track)
    fired: list[NDArray[np.int64]] = []

    def traces() -> Iterator[Trace]:
        begin = 0
        for found in fed.traces:
            end = begin + len(found.level)
            ended = slice(*np.searchsorted(fed.ends, [begin, end], side="right"))
            level[fed.rows[ended]] = found.level[fed.ends[ended] - 1 - begin]
            at = begin + np.flatnonzero(found.fired)
            fired.append(fed.rows[np.searchsorted(fed.ends, at, side="right")])
            begin = end
            yield found

    places = places_of(fed.rows)
    plateaus = plateaus_of(
        detector,
        traces(),
        segments.FiniteRows(rows.values, fed.ends, places),
        broken=int(places[-1]) < len(run.values),
        past=past,
    )
    fires = np.unique(np.concatenate([rows.places[:0], *fired]))
    return RunScan(run, detector, rows.unit, plateaus, level, fires)
