"""The rows of a run as the samples of a detector: all at once, or as they come."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from plateau._samples import LIMIT
from plateau.base import Trace
from plateau.calibrated import Detector
from plateau.logs.model import LogError
from plateau.protocol import DetectorProtocol

Array = NDArray[np.float64]

BLOCK = 1 << 18
"""Samples made at a time: a long log of few rows must not fill the memory."""

MOST_SAMPLES = 1_000_000_000
"""Samples that rows may stand for: more would take minutes."""

T = TypeVar("T")
Blocks = Iterable[NDArray[np.float64]]
Progress = Callable[[Blocks, int], Blocks]
"""Passes blocks on, given their number, and may show how far they are."""


def untracked(things: Iterable[T], count: int) -> Iterable[T]:
    """Pass things on, whatever their number."""
    del count
    return things


STANDING, STEP = 100, 1.5
"""Rows for which a learning rate must have stood still, and the factor by which it must then
change, for a new regime to begin there."""


class Fed(NamedTuple):
    """Rows that a detector is fed with."""

    rows: NDArray[np.int64]
    """Those with a finite value, among all rows of the run."""
    ends: NDArray[np.int64]
    """Samples of the run up to and with each of them."""
    traces: Iterator[Trace]
    """What the detector says of their samples, block by block; it is fed as these are taken."""


class Follower:
    """Feeds a detector with the rows of one run.

    Where the learning rate makes a step after it stood still, the metric is expected to move: a
    calibrated detector is told so, as a scheduler tells it. A rate that changes all the time, as in
    a warm-up or a cosine, or little by little makes none.

    Parameters
    ----------
    detector : DetectorProtocol
        Fresh.
    usual : int, optional
        Steps from one row to the next, where samples are steps of x: a row whose x moved on by k
        stands for k samples of its value, the first row for as many as is usual. None where samples
        are rows.
    """

    def __init__(self, detector: DetectorProtocol, usual: int | None = None) -> None:
        self.detector = detector
        self.usual = usual
        self.rows = 0
        """How many were taken."""
        self.samples = 0
        """How many they stand for."""
        self.x_last = np.nan
        """X of the last row."""
        self.due = False
        """Whether a new regime begins with the next sample."""
        self.rates = RateSteps()

    def feed(self, values: Array, x: Array, lr: Array, track: Progress | None = None) -> Fed:
        """Take the next rows: their values, x, and the learning rate in force, NaN where unknown.

        ``track`` is given the blocks of samples and their number, and passes them on.
        """
        hold = held_for(x, self.usual, self.x_last)
        finite = np.abs(values) <= LIMIT
        rows = self.rows + np.flatnonzero(finite)
        within = np.cumsum(hold[finite])
        cuts = self._regimes(self.rates.take(lr), rows, within - hold[finite])
        fed = Fed(rows, self.samples + within, self._traces(values[finite], within, cuts, track))
        self.rows += len(values)
        self.x_last = float(x[-1]) if len(x) else self.x_last
        return fed

    def _traces(
        self, values: Array, ends: NDArray[np.int64], cuts: set[int], track: Progress | None
    ) -> Iterator[Trace]:
        samples = int(ends[-1]) if len(ends) else 0
        blocks: Blocks = held(values, ends)
        if track:
            blocks = track(blocks, -(-samples // BLOCK))
        done = 0
        for block in pieces(blocks, sorted(cuts)):
            if done in cuts:
                self.detector.changed()
            yield self.detector.record(block)
            done += len(block)
            self.samples += len(block)

    def _regimes(
        self, steps: NDArray[np.int64], rows: NDArray[np.int64], begins: NDArray[np.int64]
    ) -> set[int]:
        """Return at which of the new samples a regime begins: that of the next row with a value.

        Before the first one nothing begins anew.
        """
        if not isinstance(self.detector, Detector):
            return set()
        at = np.searchsorted(rows, steps)
        cuts = set(begins[at[at < len(rows)]].tolist())
        if len(rows):
            cuts |= {0} if self.due else set()
            self.due = bool(np.any(at == len(rows)))
        else:
            self.due = self.due or bool(len(steps))
        return cuts if self.samples else cuts - {0}


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


def usual_step(x: Array) -> int:
    """Return by how much x usually moves on from one row to the next."""
    return int(np.median(np.diff(x))) if len(x) > 1 else 1


def grows(x: Array) -> bool:
    """Whether x is made of whole numbers that grow, so that rows can stand for steps."""
    return bool(np.all(x % 1 == 0) and np.all(np.diff(x) >= 1))


def held_for(x: Array, usual: int | None, before: float = np.nan) -> NDArray[np.int64]:
    """Return how many samples each row stands for.

    Parameters
    ----------
    x : numpy.ndarray, shape (n,)
        Of the rows.
    usual : int or None
        Samples that the first row of a run stands for; None where each row is one sample.
    before : float
        X of the row before these; NaN if they begin the run.

    Raises
    ------
    LogError
        If x is not made of whole numbers that grow, or these rows stand for too many samples.
    """
    if usual is None or not len(x):
        return np.ones(len(x), dtype=np.int64)
    known = np.insert(x, 0, x[0] - usual if np.isnan(before) else before)
    if not grows(known):
        raise LogError("x is no growing count of steps: use --unit row")
    steps = np.diff(known)
    if (length := float(steps.sum())) > MOST_SAMPLES:
        raise LogError(f"x moves on by {length:,.0f} steps: use --unit row")
    return steps.astype(np.int64)


def held(values: NDArray[np.float64], ends: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yield the samples that rows stand for, at most `BLOCK` at a time, given where each ends."""
    samples = int(ends[-1]) if len(ends) else 0
    for begin in range(0, samples, BLOCK):
        end = min(begin + BLOCK, samples)
        first, last = np.searchsorted(ends, [begin, end - 1], side="right")
        clipped = np.clip(ends[first : last + 1], begin, end)
        yield np.repeat(values[first : last + 1], np.diff(clipped, prepend=begin))


def pieces(blocks: Blocks, cuts: Sequence[int]) -> Blocks:
    """Cut blocks of samples also where a new regime begins."""
    begin = 0
    for block in blocks:
        inside = [cut - begin for cut in cuts if begin < cut < begin + len(block)]
        yield from np.split(block, inside)
        begin += len(block)
