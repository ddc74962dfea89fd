"""The calibrated detector: whether a stream has stopped moving, with nothing to tune."""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Literal, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from plateau import _pyramid as c
from plateau._arguments import number, one_of, positive, whole
from plateau._pyramid import Stream
from plateau._recurrence import PARAMS
from plateau._rules import Precision, decide, precision
from plateau._samples import LIMIT, Sample
from plateau._scale import SCALES, Scale
from plateau._state import Description, Layout
from plateau._stretches import bounds, mean_of
from plateau.base import (
    KINDS,
    SIGNS,
    KernelDetector,
    Kind,
    Mode,
    Readings,
    Trace,
    Verdict,
    nan_unless,
)
from plateau.outlook import Doubts, Gain, gain_of

ROWS = 1024
"""Blocks that are closed at most before Python looks at them."""

NO_ROWS = np.empty((0, len(c.Row._fields)))
"""What a kernel is given that is to write down none."""


SET = ("_layout", "_params", "_raises", "horizon", "min_change", "mode", "on_nonfinite",
       "run_length", "scale")  # fmt: skip
"""Attributes that the constructor sets, but for the state."""

_set = attrgetter(*SET)


class Settings(TypedDict, total=False):
    """What a `Detector` can be given, for functions that make one."""

    mode: Mode
    horizon: int | None
    min_change: float
    scale: Scale
    run_length: float
    on_nonfinite: Literal["skip", "raise"]


class Detector(KernelDetector):
    """Tells whether a stream is flat, moving or undecided, whatever its units and its noise.

    A stream is flat when there is evidence that it makes no more progress: none that is seen
    beside its own noise, or none that counts beside the range that it has covered. Where the noise
    is small beside that range a dozen samples are enough; where there is only noise it takes
    hundreds. Noise and autocorrelation are estimated as it goes, so the same settings serve any
    stream. A plateau is declared with the onset that hindsight gives it, and it ends when its level
    shifts or drifts. An interruption does not end it for good: back at its level the stream is in
    the same plateau as before.

    A plateau is *flat* if no movement is seen, and *slow* if some is, but little beside what was
    covered before, see `kind`. The detector fires when it declares a plateau, when a slow one
    becomes flat, and again whenever it has become twice as long.

    Parameters
    ----------
    mode : {"min", "max", "both"}, default "min"
        Whether the metric gets better downwards, upwards, or has no better direction. With one,
        what counts is progress: a metric that gets worse makes none. Without, any movement is an
        improvement, and a stream is flat when it is stationary.
    horizon : int, optional
        Samples without visible drift that make a plateau. By default as many as the evidence
        takes: some 600 in pure noise.
    min_change : float, default 0.05
        A drift below this share of the range covered since the last change of regime makes a slow
        plateau: the block means of the last quarter of the stream lie within it, or its drift is
        surely below twice as much, once to either side. At least 0 and below 1.
    scale : {"auto", "linear", "log"}, default "auto"
        Whether changes count as they are or by their logarithm. ``"auto"`` takes the
        logarithm from where a positive metric has fallen by two decades, brief excursions apart;
        ``"log"`` takes it as long as all samples are positive. What is said of positive metrics
        holds for negative ones, mirrored.
    run_length : float, default 1e7
        Average number of samples between two false shifts of a stream that stays flat. The larger
        it is, the later shifts are known.
    on_nonfinite : {"skip", "raise"}, default "skip"
        What to do with a sample that is NaN, infinite or above 2**500 in magnitude. Either way it
        leaves the state as it was; ``"skip"`` counts it in `skipped`.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid.

    Notes
    -----
    Indices (`onset`, `declared`) count accepted samples from 0: skipped ones have no index.

    An update costs O(1), amortised: the stream is kept as at most 256 block means, 6 kB, and looked
    at as a whole each time it has grown by an eighth. The onset maximises the number of
    uncorrelated samples behind it (Chodera, J. Chem. Theory Comput. 12, 2016); a plateau ends by a
    CUSUM of the ranks of its blocks, whose run length no distribution changes. The page
    "Derivations" of the documentation derives the tests.

    Examples
    --------
    A validation loss, once an epoch:

    >>> import numpy as np
    >>> from plateau import Detector
    >>> noise = np.random.default_rng(1).normal(size=4000)
    >>> loss = 2 * np.exp(-np.arange(60) / 6) + 0.5 + 0.01 * noise[:60]
    >>> detector = Detector()
    >>> next(epoch for epoch, x in enumerate(loss) if detector.update(x))
    43
    >>> detector.verdict, detector.kind, detector.onset
    (<Verdict.PLATEAU: 3>, 'flat', 26)

    The loss of every step:

    >>> loss = 10 * np.exp(-np.arange(4000) / 300) + 0.1 * noise
    >>> detector = Detector()
    >>> [i for i, x in enumerate(loss) if detector.update(x)]
    [1207, 1727, 2799, 3151]
    """

    __slots__ = ("_params", "horizon", "min_change", "run_length", "scale")
    _type = "Detector"
    revises = True
    _update: Callable[[Any, float], int]
    _one_sample = c.update

    def __init__(
        self,
        mode: Mode = "min",
        *,
        horizon: int | None = None,
        min_change: float = 0.05,
        scale: Scale = "auto",
        run_length: float = 1e7,
        on_nonfinite: Literal["skip", "raise"] = "skip",
    ) -> None:
        self._set_mode(mode, on_nonfinite)
        self.horizon = None if horizon is None else whole("horizon", horizon, least=c.FIRST)
        self.min_change = number("min_change", min_change)
        if not 0 <= self.min_change < 1:
            raise ValueError(f"min_change must be at least 0 and below 1, not {min_change}")
        self.scale = one_of("scale", scale, SCALES)
        self.run_length = positive("run_length", run_length)
        self._params = c.Params(
            SIGNS[self.mode],
            self.horizon or 0,
            self.min_change,
            self.run_length,
            SCALES.index(self.scale),
        )
        self._layout = LAYOUT
        self._keep(self._make_state(streams=1))

    def _make_state(self, streams: int) -> NDArray[np.float64]:
        state = np.zeros(PARAMS + streams * c.SIZE)
        state[: len(self._params)] = self._params
        return state

    def _describe(self) -> Description:
        return {
            "type": self._type,
            "mode": self.mode,
            "horizon": self.horizon,
            "min_change": self.min_change,
            "scale": self.scale,
            "run_length": self.run_length,
            "on_nonfinite": self.on_nonfinite,
        }

    @classmethod
    def _from_description(cls, description: Description) -> Self:
        return cls(**{key: value for key, value in description.items() if key != "type"})

    @classmethod
    def _described(cls, description: bytes) -> Self:
        """Make a fresh one of a description in JSON: states by the thousand have the same one."""
        first: Self = cls._first_described(description)
        return first._fresh()

    @classmethod
    @lru_cache(maxsize=64)
    def _first_described(cls, description: bytes) -> Any:
        return super()._described(description)

    def _fresh(self) -> Self:
        """Return one of the same settings, which are not checked again, without samples."""
        if type(self).__init__ is not Detector.__init__:
            return super()._fresh()  # there may be more to do
        made = type(self).__new__(type(self))
        for name, value in zip(SET, _set(self), strict=True):
            object.__setattr__(made, name, value)
        made._keep(self._make_state(streams=1))
        return made

    def update(self, x: Sample) -> bool:
        """Take one sample, see `PlateauDetector.update`."""
        if self._raises or type(x) is not float:
            x = self._sampled(x)
        try:
            code = self._update(self._address, x)
        except AttributeError:  # nothing is compiled so far
            code = self._first(x)
        return code != c.NOTHING and self._answer(code, x)

    def _answer(self, code: int, x: float) -> bool:
        """Do what the kernel has stopped for at a sample; return whether the detector fires."""
        row = self._state[PARAMS:]
        with self._use:
            if code in (c.ASK, c.SHIFT):
                return decide(row, self._params, code)
            self._settle(row)
        return self.update(x)

    def _settle(self, row: NDArray[np.float64]) -> None:
        """Make room for blocks where the rules were interrupted before they could."""
        if row[c.FULL] >= c.BLOCKS:
            decide(row, self._params, c.ASK)

    def _blocks(self, samples: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
        """Take samples; yield the `Row` of each block that they fill, cut behind each fire."""
        taken, row = 0, self._state[PARAMS:]
        self._settle(row)
        while taken < len(samples):
            rows = np.empty((min(ROWS, len(samples) - taken), len(c.Row._fields)))
            more, closed, code = c.advance(self._state, 0, samples[taken:], rows)
            rows = rows[:closed]
            rows[:, 0] += taken
            taken += more
            if code != c.NOTHING:
                fires = decide(row, self._params, code)
                rows[-1] = c.row_of(row, taken, fires)
            yield rows

    def _fires(self, samples: NDArray[np.float64]) -> Iterator[int]:
        """Take samples; yield the offsets of those at which it fires."""
        for rows in self._blocks(samples):
            if len(rows) and rows[-1, 1]:
                yield int(rows[-1, 0]) - 1

    def _advance(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        codes, fired = np.empty(streams, np.int8), np.zeros(streams, dtype=np.bool_)
        c.update_bank(state, samples, codes)
        alarms = []
        for stream in np.flatnonzero(codes).tolist():
            row = state[PARAMS + stream * c.SIZE : PARAMS + (stream + 1) * c.SIZE]
            code = int(codes[stream])
            if code == c.OWED:
                self._settle(row)
                _, _, code = c.advance(state, stream, samples[stream : stream + 1], NO_ROWS)
            fired[stream] = code != c.NOTHING and decide(row, self._params, code)
            if _alarms(row, code):
                alarms.append(stream)
        return fired, np.array(alarms, dtype=np.int64)

    def _advance_many(
        self, state: NDArray[np.float64], streams: int, samples: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Take samples of one stream after the other: its blocks stay in the cache."""
        fired, alarms = np.zeros(samples.shape, dtype=np.bool_), []
        for stream in range(streams):
            row = state[PARAMS + stream * c.SIZE : PARAMS + (stream + 1) * c.SIZE]
            own, taken, alarmed = samples[:, stream], 0, False
            self._settle(row)
            while taken < len(own):
                more, _, code = c.advance(state, stream, own[taken:], NO_ROWS)
                taken += more
                if code != c.NOTHING:
                    fired[taken - 1, stream] = decide(row, self._params, code)
                    alarmed = alarmed or _alarms(row, code)
            if alarmed:
                alarms.append(stream)
        return fired, np.array(alarms, dtype=np.int64)

    def _evidence(self, state: NDArray[np.float64], streams: int) -> NDArray[np.float64]:
        table = state[PARAMS:].reshape(-1, c.SIZE)[:streams]
        highest = np.maximum(table[:, c.RISE], table[:, c.FALL])
        with np.errstate(over="ignore"):
            rare = (table[:, c.MORE] + 1.0) * np.exp(c.OFFSET + c.RATE * highest)
        return nan_unless(table[:, c.VERDICT] == Verdict.PLATEAU, rare)

    def _take(self, samples: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.array(list(self._fires(samples)), dtype=np.int64)

    def _take_until_fire(self, samples: NDArray[np.float64]) -> int | None:
        return next(self._fires(samples), None)

    def _record(self, samples: NDArray[np.float64]) -> Trace:
        # What is known changes only where a block is full: there it is written down, then repeated.
        before = c.row_of(self._state[PARAMS:], 1, 0)._replace(level=self.level)
        taken, fires, *known = np.concatenate([[before], *self._blocks(samples)]).T
        begins = taken.astype(np.int64) - 1
        lengths = np.diff(begins, append=len(samples))
        level, slope, verdict, onset, kind = (column.repeat(lengths) for column in known)
        fired = np.zeros(len(samples), dtype=np.bool_)
        fired[begins[fires > 0]] = True
        codes, kinds = verdict.astype(np.int8), kind.astype(np.int8)
        return Trace(level, slope, codes, fired, onset.astype(np.int64), kinds)

    def _readings(self, state: NDArray[np.float64], streams: int) -> Readings:
        table = state[PARAMS:].reshape(-1, c.SIZE)[:streams]
        verdict = table[:, c.VERDICT].astype(np.int8)
        flat, warm = verdict == Verdict.PLATEAU, verdict != Verdict.WARMING_UP
        counts = (table[:, i].astype(np.int64) for i in (c.ACCEPTED, c.SKIPPED, c.FIRES))
        return Readings(
            verdict,
            np.where(flat, table[:, c.ONSET], -1).astype(np.int64),
            np.where(flat, table[:, c.DECLARED], -1).astype(np.int64),
            nan_unless(table[:, c.ACCEPTED] > 0, table[:, c.ANCHOR] + table[:, c.LEVEL]),
            nan_unless(warm, table[:, c.SLOPE]),
            nan_unless(warm, table[:, c.NOISE]),
            *counts,
        )

    def _doubts(self, state: NDArray[np.float64], streams: int) -> NDArray[np.float64]:
        found = np.full((streams, len(Doubts._fields)), np.nan)
        for row, own in zip(state[PARAMS:].reshape(-1, c.SIZE)[:streams], found, strict=True):
            s = Stream.of(row)
            if s.verdict != Verdict.WARMING_UP:
                own[:3] = *precision(s), s.confidence
            gain = self._gain_of(s)
            if gain is not None:
                own[3:] = gain
        return found

    def changed(self, *, keep_range: bool = False) -> None:
        """Note that a new regime may begin here, see `PlateauDetector.changed`.

        Parameters
        ----------
        keep_range : bool, default False
            What counts as a movement is judged by the range of the whole stream, not by that from
            the present level on. So do schedules of a learning rate: what little a loss gains after
            the third reduction is small beside what it has gained since the beginning.
        """
        with self._use:
            self._mark_changed(self._table(), keep_range=keep_range)

    @staticmethod
    def _mark_changed(table: NDArray[Any], *, keep_range: bool = False) -> None:
        for s in table:
            full = int(s[c.FULL])
            if full:
                level = mean_of(s[c.MEANS + full - max(1, full // 4) : c.MEANS + full])
                if keep_range:
                    ends = [*bounds(s[c.MEANS : c.MEANS + full])]
                    ends += [s[c.KNOWN_LEVEL]] if s[c.KNOWN] else []
                    level = farthest(level, ends)
                s[c.KNOWN], s[c.KNOWN_LEVEL] = 1.0, level
            if s[c.LAST_FIRE] != s[c.ACCEPTED]:
                s[c.FIRES] = 0.0
            s[c.FIRST_INDEX], s[c.VERDICT] = s[c.ACCEPTED], Verdict.WARMING_UP
            s[[c.FULL, c.MORE, c.FILLED, c.START, c.TOTAL, c.SQUARE, c.STEPS, c.STEPS2]] = 0.0
            s[[c.DUE, c.CONFIDENCE, c.RENEW, c.INTERRUPTED]] = 0.0
            s[c.CELLS :] = 0.0

    def _at(self, cell: int) -> float:
        return float(self._state[PARAMS + cell])

    @property
    def verdict(self) -> Verdict:
        """What the detector says of the stream at present."""
        return Verdict(int(self._at(c.VERDICT)))

    @property
    def onset(self) -> int | None:
        """Index of the sample where the present plateau began, as far as can be told in hindsight.

        None outside a plateau. After an interruption it is still the index where it first began.
        """
        return int(self._at(c.ONSET)) if self.in_plateau else None

    @property
    def declared(self) -> int | None:
        """Index of the sample at which the present plateau was declared; None outside one."""
        return int(self._at(c.DECLARED)) if self.in_plateau else None

    @property
    def kind(self) -> Kind | None:
        """Kind of the present plateau, ``"flat"`` or ``"slow"``; None outside one.

        Flat: no movement is seen, or none that counts beside the range covered. Slow: there is
        movement, but little beside what was covered before, or what came before may go on.
        """
        return KINDS[int(self._at(c.KIND))] if self.in_plateau else None

    @property
    def level(self) -> float:
        """Average over about the last eighth of the stream, in metric units; NaN at first."""
        return self._at(c.ANCHOR) + self._at(c.LEVEL) if self.count else math.nan

    @property
    def slope(self) -> float:
        """Drift of the stretch last assessed, in metric units per sample; NaN while warming up.

        The stretch is the plateau, if there is one; else the last quarter of the stream since the
        last change, or all that looks stationary if the quarter shows no drift.
        """
        return self._if_warm(c.SLOPE)

    @property
    def slope_error(self) -> float:
        """Standard error of `slope`, autocorrelation included; NaN while warming up."""
        return self._if_warm(c.ERROR)

    @property
    def noise(self) -> float:
        """Standard deviation of the samples around that drift; NaN while warming up."""
        return self._if_warm(c.NOISE)

    @property
    def confidence(self) -> float:
        """How sure the verdict is, from 0 to 1, as far as the drift tells; NaN while warming up.

        In a plateau: the probability that the drift over its length stays below what counts: half
        of the noise, or twice its tolerance if that is more. Of a movement: that of its direction,
        after a shift of level 1 less one in `run_length`. Undecided: 0.
        """
        return self._if_warm(c.CONFIDENCE)

    @property
    def level_error(self) -> float:
        """Standard error of `level`, autocorrelation included, drift apart; NaN while warming up.

        From the blocks of the plateau, or else of the last quarter of the stream.
        """
        return self._precision().level_error

    @property
    def effective(self) -> float:
        """Uncorrelated samples that the present plateau is worth; NaN outside one."""
        return self._precision().effective

    def _precision(self) -> Precision:
        return precision(Stream.of(self._state[PARAMS:]))

    @property
    def gain(self) -> Gain | None:
        """Progress expected from as many samples again as since the last change.

        None where nothing can be said: without a direction, from few samples, of a constant. See
        `plateau.Gain`; it is an extrapolation of the last two doublings.
        """
        return self._gain_of(Stream.of(self._state[PARAMS:]))

    def _gain_of(self, s: Stream) -> Gain | None:
        known = s.known_level if s.known else None
        return gain_of(s.means[: s.blocks], self._params.sign, known)

    @property
    def remembered(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What is kept of the stream since the last change: middles and means of equal blocks.

        Two arrays of the same length, 256 at most: sample indices, and metric units.
        """
        blocks, size = int(self._at(c.FULL)), self._at(c.MORE) + 1.0
        middles = self._at(c.FIRST_INDEX) + size * np.arange(blocks) + 0.5 * (size - 1.0)
        begin = PARAMS + int(c.MEANS)
        return np.asarray(middles), self._at(c.ANCHOR) + self._state[begin : begin + blocks]

    def _if_warm(self, cell: int) -> float:
        return math.nan if self.verdict is Verdict.WARMING_UP else self._at(cell)


def _alarms(row: NDArray[np.float64], code: int) -> bool:
    """Whether the rules have just ended a plateau because its level has shifted."""
    return code == c.SHIFT and row[c.VERDICT] in (Verdict.IMPROVING, Verdict.WORSENING)


def farthest(level: float, others: list[float]) -> float:
    """Return the level that is farthest from another."""
    return max(others, key=lambda other: abs(other - level))


def _layout() -> Layout:
    blocks, flags = range(c.BLOCKS), (0, 1)
    allowed = {
        "full": range(c.BLOCKS + 1),  # all of them where the rules were interrupted
        "more": [2**i - 1 for i in range(53)],
        "verdict": range(len(Verdict)),
        "rise_from": blocks,
        "fall_from": blocks,
        **dict.fromkeys(("kind", "visible", "renew", "interrupted", "known", "held"), flags),
        **dict.fromkeys(("above", "below", "logged"), flags),
    }
    counts = ("accepted", "skipped", "fires", "last_fire", "fire_length", "filled", "first")
    plateau = ("onset", "declared", "begun", "left_onset")
    squares = (c.VARIANCE, c.VARIANCE2, c.SQUARE, c.STEPS, c.STEPS2, *range(c.SPREADS, c.SIZE))
    return Layout(
        c.NAMES,
        3 * c.BLOCKS,
        allowed,
        counts + plateau,
        squares,
        largest=32 * LIMIT,  # differences of two samples, drifts and their errors are smaller
        fits=_fits,
        sums=(c.TOTAL,),
    )


def _fits(cells: Mapping[str, Any]) -> Any:
    """Whether each stream's samples are in its blocks, sums and plateau.

    Of numbers or of arrays of them, so without Python's `and`.
    """
    size = cells["more"] + 1
    end = cells["first"] + cells["full"] * size
    fit = (cells["filled"] < size) & (end + cells["filled"] == cells["accepted"])
    for name in ("start", "total", "square", "steps", "steps2"):
        fit &= (cells["filled"] > 0) | (cells[name] == 0)
    for name in ("rise", "fall", "error", "noise", "tolerance", "confidence"):
        fit &= cells[name] >= 0
    within = (cells["first"] <= cells["begun"]) & (cells["begun"] < end) & (cells["inflation"] >= 1)
    for name in ("rise", "fall"):
        within &= (cells[name] == 0) | (cells[f"{name}_from"] < cells["full"])
    fit &= within | (cells["verdict"] != Verdict.PLATEAU)
    for name in ("last_fire", "fire_length", "onset", "declared", "begun", "left_onset"):
        fit &= cells[name] <= cells["accepted"]
    fit &= cells["fires"] <= cells["last_fire"]
    return fit


LAYOUT = _layout()
