"""Replay: where a plateau scheduler would have changed the learning rate of a finished run."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plateau._arguments import positive
from plateau.base import PlateauDetector
from plateau.follower import Progress, untracked
from plateau.logs.model import Run
from plateau.offline import Unit, rows_for
from plateau.policy import Policy, PolicyState
from plateau.protocol import DetectorProtocol
from plateau.rule import Rule
from plateau.schedule import begin_anew

ANNOUNCED = re.compile(
    r"\b(?:(?:reduc|decreas|adjust|chang|decay|updat|lower|increas)(?:e|es|ed|ing)"
    r"|set(?:s|ting)?|drop(?:s|ped|ping)?|new)\b",
    re.IGNORECASE,
)
"""What a learning rate is called where a line says that it changes."""


class LrChange(NamedTuple):
    """One change of the learning rate."""

    x: float
    """Where, in the log's x column."""
    factor: float
    """New learning rate over old; NaN where the log does not tell the old one."""
    lr: float
    """The new learning rate."""


@dataclass(frozen=True, eq=False)
class Replay:
    """What a plateau scheduler would have done, beside what the log says was done."""

    run: Run
    detector: PlateauDetector
    """As it stands at the end of the run."""
    unit: Unit
    initial_lr: float
    """The learning rate before the first event."""
    events: list[LrChange]
    """What the scheduler would have done."""
    recorded: list[LrChange]
    """What the log's own learning rate did; empty if the log has none."""


def replay_run(
    run: Run,
    rule: Rule = Rule(),
    policy: Policy = Policy(),
    *,
    unit: Unit | None = None,
    initial_lr: float | None = None,
    track: Progress = untracked,
) -> Replay:
    """Run detector and policy over a run as a scheduler would have done.

    It is exact only as far as the run's own learning rate agrees with the policy: from the first
    difference on, the metric in the log was made with another learning rate than the replay's.

    Parameters
    ----------
    run : Run
        As read from a log.
    rule : Rule
        Settings of the detector; by default all are chosen from the run.
    policy : Policy
        What to do when the detector fires.
    unit : {"step", "row"}, optional
        See `plateau.offline.HeldRows`.
    initial_lr : float, optional
        Learning rate to begin with; by default that of the log where the detector first fires, or
        1 if the log has none.
    track : callable, optional
        See `plateau.offline.scan_run`.
    """
    if initial_lr is not None:
        positive("initial_lr", initial_lr)
    rows = rows_for(run, rule, unit)
    detector = rule.counted(run).detector(rows.values, rows.samples, run.mode)
    events: list[LrChange] = []
    state, lr = PolicyState(), initial_lr
    for sample in fires(detector, track(rows.blocks(), rows.block_count)):
        if lr is None:
            lr = initial_lr = _lr_before(run, int(rows.places[rows.row(sample)]))
        factor, state = policy.react(state, sample, lr, detector.fires)
        if factor != 1.0:
            lr = max(lr * factor, min(lr, policy.min_lr))  # not an ulp below
            events.append(LrChange(rows.x(sample), factor, lr))
            begin_anew(detector)
    return Replay(run, detector, rows.unit, initial_lr or 1.0, events, recorded_changes(run))


def fires(detector: DetectorProtocol, blocks: Iterable[NDArray[np.float64]]) -> Iterator[int]:
    """Feed blocks of samples to a detector and stop at each sample at which it fires.

    Yields
    ------
    int
        Index of that sample; the detector has then taken it and nothing after it.
    """
    position = 0
    for block in blocks:
        rest = block
        while len(rest):
            offset = detector.until_fire(rest)
            taken = len(rest) if offset is None else offset + 1
            position += taken
            rest = rest[taken:]
            if offset is not None:
                yield position - 1


def recorded_changes(run: Run) -> list[LrChange]:
    """List the changes of the log's own learning rate; the factors are freed of its rounding.

    A log that tells only of changes ("reducing learning rate to 5e-4") does not tell the rate
    before the first.
    """
    if run.lr is None:
        return []
    lr, half = run.lr.tolist(), _resolution(run.lr) / 2
    told = np.flatnonzero(np.isfinite(run.lr))[:1]
    first = [LrChange(float(run.x[row]), math.nan, lr[row]) for row in told if row > 0]
    return (first if ANNOUNCED.search(run.lr_name or "") else []) + [
        LrChange(float(x), _ratio(before, after, half), after)
        for x, before, after in zip(run.x[1:], lr[:-1], lr[1:], strict=True)
        if before != after and before > 0 and after >= 0  # False for NaN
    ]


def _lr_before(run: Run, row: int) -> float:
    """Learning rate that led to a row: the row itself may already show what was done about it."""
    row = max(row - 1, 0)
    if run.lr is None or not math.isfinite(run.lr[row]) or run.lr[row] == 0:
        return 1.0
    return float(run.lr[row])


def _resolution(lr: NDArray[np.float64]) -> Fraction:
    """Return the place value of the last digit that the log prints."""
    exponents = [
        Decimal(repr(v)).as_tuple().exponent for v in np.unique(lr[np.isfinite(lr)]).tolist()
    ]
    return Fraction(10) ** min((e for e in exponents if isinstance(e, int)), default=0)


def _ratio(before: float, after: float, half: Fraction) -> float:
    """Return after / before with as few decimals as the log's rounding by ± half allows.

    So 0.000313 / 0.000625 is 0.5 and not 0.5008.
    """
    old, new = Fraction(repr(before)), Fraction(repr(after))
    if old <= half or new <= half:
        return after / before
    ratio, low, high = new / old, (new - half) / (old + half), (new + half) / (old - half)
    if (100 * ratio).denominator == 1:
        return float(ratio)  # as plain as 0.97: meant
    for decimals in range(17):
        rounded = round(ratio, decimals)
        if low <= rounded <= high and rounded != 1:
            return float(rounded)
    return after / before
