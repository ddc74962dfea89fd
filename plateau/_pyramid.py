"""What the calibrated detector knows of a stream, and what is compiled of it.

    sample ─▶ pyramid of block means ─▶ now and then `plateau._rules`: onset, drift ─▶ verdict
                          └─▶ within a plateau, every block: rank ─▶ CUSUM ─▶ has it ended?

The stream since the last change is kept as at most `BLOCKS` equal blocks; when they are full,
neighbours merge, so memory is constant and no sample is forgotten, except that a long plateau drops
its oldest blocks instead. Kernels take samples, close blocks and rank them. They stop where there
is more to do, O(log n) times in a stream, and say so by a code: the rules, in plain Python, then
read and change the state as a `Stream`.

A stream's state is one float64 vector: the cells of `Cells`, then three numbers for each block.
Levels are less the stream's first sample, and a block's sums are of differences from its own first,
so an offset costs no digits and changes no decision.
"""

import math
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from plateau._arithmetic import larger, smaller
from plateau._compile import (
    ADDRESS,
    CODES,
    FLOAT,
    FLOATS,
    INT,
    STRIDED,
    TABLE,
    array,
    batch,
    helper,
    kernel,
    merged,
)
from plateau._recurrence import BUSY, PARAMS, PLATEAU, WARMING_UP
from plateau._samples import LIMIT
from plateau._statistics import NONE, mean_of

BLOCKS = 256
"""Blocks of the pyramid: the onset is known to 1/128 of the length, in 6 kB."""

FIRST = 8
"""Samples, and blocks, that the first assessment needs: below, an error says nothing of itself."""

MEMORY = 1024
"""Samples over which the roughness of the stream is averaged; in longer blocks, one block."""

SMOOTHEST = 0.97
"""Largest autocorrelation that is taken out of the blocks before they are ranked."""

REFERENCE, RATE, OFFSET = 1.0, 3.3478, 0.4797
"""The CUSUM's reference value k, and its run length exp(OFFSET + RATE·h) in blocks, two-sided, for
ranks of exchangeable blocks: RATE solves E exp(RATE·(w - k)) = 1 for w uniform with variance 1,
OFFSET follows from Brook and Evans' Markov chain (tests/reference.py does both)."""

DISTINCT = 8.0
"""Uncorrelated samples' worth of a block from which its own spread is known well enough."""

RANKED = 8
"""Blocks that a plateau must have before the rank of another says something."""

LN10, LOG2 = math.log(10.0), math.log10(2.0)

LARGEST = np.finfo(np.float64).max
"""What a sum of squares is at most."""

NOTHING, ASK, SHIFT, OWED, TAKEN = range(5)
"""What a kernel has for the rules: nothing, blocks to look at, or a CUSUM above its limit. It has
not taken the sample where the rules, once interrupted, owe full blocks a look, or where the state
is taken by another thread."""


class Params(NamedTuple):
    """The first numbers of a block, the same for all its streams."""

    sign: float  # direction of progress: -1 min, +1 max; 0 both: any movement
    horizon: float  # samples without visible drift that make a plateau; 0: as the evidence says
    change: float  # share of the range covered so far below which a change does not count
    run_length: float  # samples between two false ends of a plateau
    scale: float  # code of the scale on which it is judged


@dataclass(slots=True)
class Cells:
    """What is kept of a stream, beside its blocks; all zero before the first sample."""

    accepted: float  # samples taken
    previous: float  # the last one, less the anchor
    variance: float  # running half mean square of the differences from sample to sample, by blocks
    level: float  # smoothed value, less the anchor
    slope: float  # drift over the stretch last assessed, metric units per sample
    skipped: float  # non-finite samples, which touch nothing else
    fires: float  # fires in a row without progress between them
    last_fire: float  # samples accepted at the last fire
    fire_level: float  # level of the plateau at the last fire, less the anchor
    fire_length: float  # samples of the plateau at the last fire
    anchor: float  # the first sample
    older: float  # the sample before the previous one, less the anchor
    variance2: float  # as variance, from each sample to the one after the next
    full: float  # blocks that are full
    more: float  # samples of a block, less one
    filled: float  # samples in the block that fills
    start: float  # the first of them, less the anchor
    total: float  # sum of their differences from it
    square: float  # sum of the squares of these
    steps: float  # sum of the squares of the differences from sample to sample
    steps2: float  # the same from each sample to the one after the next
    first: float  # index of the first sample in the blocks
    due: float  # samples in the blocks at which they are assessed next
    verdict: float  # code of the verdict
    error: float  # standard error of the slope
    confidence: float  # probability that the verdict is right, as far as the drift tells
    noise: float  # standard deviation around the drift
    begun: float  # in a plateau: index of the first sample that is held to belong to it
    onset: float  # in a plateau: index at which it began, also before an interruption
    declared: float  # in a plateau: index of the sample at which it was declared
    kind: float  # in a plateau: code of its kind
    visible: float  # in a plateau: 1 if it rests on the lack of visible drift, else 0
    tolerance: float  # in a plateau: change of level that does not end it
    inflation: float  # in a plateau: what is left of autocorrelation between its blocks
    rise: float  # in a plateau: CUSUM upwards
    fall: float  # in a plateau: CUSUM downwards
    rise_from: float  # block at which the CUSUM upwards began
    fall_from: float  # block at which the CUSUM downwards began
    renew: float  # 1 right after a plateau whose onset turned out to be later
    interrupted: float  # 1 if a plateau ended by a shift and may come back
    left_onset: float  # its onset
    left_level: float  # its level, less the anchor
    away_level: float  # the level to which it went, less the anchor
    known: float  # 1 if there is a level from before the blocks
    known_level: float  # that level, less the anchor
    held: float  # 1 if a plateau is so long that its beginning is no longer in the blocks
    held_level: float  # its level there, less the anchor
    above: float  # 1 if a sample was 0 or above
    below: float  # 1 if a sample was 0 or below
    logged: float  # 1 if the blocks are judged by their logarithm


NAMES = tuple(field.name for field in fields(Cells))
CELLS = len(NAMES)
(ACCEPTED, PREVIOUS, VARIANCE, LEVEL, SLOPE, SKIPPED, FIRES, LAST_FIRE, FIRE_LEVEL, FIRE_LENGTH,
 ANCHOR, OLDER, VARIANCE2, FULL, MORE, FILLED, START, TOTAL, SQUARE, STEPS, STEPS2, FIRST_INDEX,
 DUE, VERDICT, ERROR, CONFIDENCE, NOISE, BEGUN, ONSET, DECLARED, KIND, VISIBLE, TOLERANCE,
 INFLATION, RISE, FALL, RISE_FROM, FALL_FROM, RENEW, INTERRUPTED, LEFT_ONSET, LEFT_LEVEL,
 AWAY_LEVEL, KNOWN, KNOWN_LEVEL, HELD, HELD_LEVEL, ABOVE, BELOW,
 LOGGED) = range(CELLS)  # fmt: skip
MEANS, LASTS, SPREADS = (np.int64(CELLS + i * BLOCKS) for i in range(3))
"""Where the blocks' means, last samples and variances within begin."""

SIZE = CELLS + 3 * BLOCKS

_values = attrgetter(*NAMES)


LEVELS = ("previous", "older", "level", "fire_level", "left_level", "away_level", "known_level",
          "held_level")  # fmt: skip
"""Cells that are less the anchor."""


class Stream(Cells):
    """State of one stream as the rules see it: cells by name, blocks as arrays.

    Rules judge `values` and `within`. These are the means and the spreads themselves, or of a
    stream that falls by decades (`plateau._scale`) their logarithms: of one below 0 that of its
    magnitude, negative, so that more stays more.
    """

    __slots__ = ("lasts", "means", "power", "row", "spreads", "unit", "values", "within")
    row: NDArray[np.float64]
    means: NDArray[np.float64]
    lasts: NDArray[np.float64]
    spreads: NDArray[np.float64]
    values: NDArray[np.float64]
    within: NDArray[np.float64]
    unit: float
    """Metric units that one unit of this scale is worth, at the present level."""
    power: int
    """Power of two over which levels are taken: then one that scales the stream changes nothing."""

    @classmethod
    def of(cls, row: NDArray[np.float64]) -> Self:
        """Read the state from its vector; the blocks stay where they are."""
        stream = cls(*row[:CELLS].tolist())
        stream.row = row
        stream.means, stream.lasts, stream.spreads = row[CELLS:].reshape(3, BLOCKS)
        stream.values, stream.within, stream.unit = stream.means, stream.spreads, 1.0
        stream.power = math.frexp(stream.anchor + stream.level)[1]
        return stream

    def look(self) -> None:
        """Bring the blocks to the scale on which they are judged."""
        if not self.logged:
            self.values, self.within, self.unit = self.means, self.spreads, 1.0
            return
        levels = self.side * (self.anchor + self.means[: self.blocks])
        parts, powers = np.frexp(levels)
        logs = np.log10(parts) + LOG2 * (powers - self.power)
        self.values = self.side * logs
        self.within = (np.sqrt(self.spreads[: self.blocks]) / levels / LN10) ** 2
        recent = logs[self.blocks - max(self.blocks // 8, 1) :]
        level = math.ldexp(10.0 ** float(recent.mean()), self.power)
        self.level = self.side * level - self.anchor  # an average trails by decades
        self.unit = LN10 * level

    def on_scale(self, level: float) -> float:
        """Bring a level, less the anchor, to the scale on which the blocks are judged."""
        if not self.logged:
            return level
        part, power = math.frexp(self.side * (self.anchor + level))
        log = math.log10(part) + LOG2 * (power - self.power) if part > 0.0 else -math.inf
        return self.side * log

    def without_anchor(self) -> None:
        """Take the anchor to 0: beside a large one the digits of small levels would be lost."""
        for name in LEVELS:
            setattr(self, name, getattr(self, name) + self.anchor)
        self.means[: self.blocks] += self.anchor
        self.lasts[: self.blocks] += self.anchor
        self.anchor = 0.0

    def store(self) -> None:
        """Write the cells back."""
        self.row[:CELLS] = _values(self)

    @property
    def side(self) -> float:
        """Sign of a stream that has one."""
        return -1.0 if self.below else 1.0

    @property
    def blocks(self) -> int:
        """How many blocks are full."""
        return int(self.full)

    @property
    def size(self) -> float:
        """Samples of a block."""
        return self.more + 1.0

    @property
    def length(self) -> float:
        """Samples in the full blocks."""
        return self.full * self.size

    def block_of(self, index: float) -> int:
        """Block in which a sample lies."""
        return max(int((index - self.first) // self.size), 0)


# ---- blocks without their autocorrelation --------------------------------------------------------


@helper
def _persistence(s):
    """Lag-1 autocorrelation φ of the samples, from differences, which no level shift disturbs.

    For AR(1) the half mean squares of lag-1 and lag-2 differences are σ²(1 - φ) and σ²(1 - φ²).
    """
    if s[VARIANCE] <= 0.0:
        return 0.0
    return smaller(larger(s[VARIANCE2] / s[VARIANCE] - 1.0, -0.5), SMOOTHEST)


@helper
def _whitened(s, j, lead):
    """Mean of block j > 0 of the prewhitened stream (x - φx₋₁)/(1 - φ); lead = φ/(1 - φ)/size."""
    return s[MEANS + j] + lead * (s[LASTS + j] - s[LASTS + j - 1])


persistence: Any = _persistence
whitened: Any = _whitened
"""The same for plain Python; of several blocks at once, given an array of their numbers."""


# ---- within a plateau ----------------------------------------------------------------------------


@helper
def _studentised(s, j, lead, level):
    """Whitened block less the level, in standard deviations of the block's own samples.

    So noise that grows or shrinks along the plateau leaves the blocks exchangeable. A block without
    spread is at its level or infinitely far from it: what is known of it has no units.
    """
    off, spread = _whitened(s, j, lead) - level, s[SPREADS + j]
    if spread > 0.0:
        return off / math.sqrt(spread)
    return math.copysign(math.inf, off) if off != 0.0 else 0.0


@helper
def _ranked(s, j, lead, level, own):
    """By what blocks are ranked: in their own standard deviations, where these are known."""
    return _studentised(s, j, lead, level) if own else _whitened(s, j, lead)


@helper
def _watch(s, p):
    """Has the newest block of a plateau shifted its level? Rank it and add the rank to the CUSUMs.

    Ranks among the blocks before are independent and uniform for any exchangeable blocks, whatever
    their distribution, so the run length to a false alarm is known.
    """
    size = s[MORE] + 1.0
    newest = np.int64(s[FULL]) - 1
    begin = np.int64(larger((s[BEGUN] - s[FIRST_INDEX]) // size, 1.0))
    others = newest - begin
    if others < RANKED:
        return False
    phi = _persistence(s)
    lead = phi / (1.0 - phi) / size
    level = mean_of(s, MEANS + begin, MEANS + newest)
    own = size * (1.0 - phi) >= DISTINCT * (1.0 + phi)  # enough samples to know their spread
    last = _ranked(s, newest, lead, level, own)
    below, ties = 0, 0
    for j in range(begin, newest):
        y = _ranked(s, j, lead, level, own)
        below += y < last
        ties += y == last
    score = (2.0 * below + ties - others) / math.sqrt(others * (others + 2.0) / 3.0 * s[INFLATION])
    if s[RISE] == 0.0:
        s[RISE_FROM] = newest
    if s[FALL] == 0.0:
        s[FALL_FROM] = newest
    s[RISE] = larger(0.0, s[RISE] + score - REFERENCE)
    s[FALL] = larger(0.0, s[FALL] - score - REFERENCE)
    limit = larger((math.log(larger(p.run_length / size, 1.0)) - OFFSET) / RATE, 0.5)
    return larger(s[RISE], s[FALL]) > limit


# ---- samples to blocks ---------------------------------------------------------------------------


class Hot(NamedTuple):
    """The cells that every sample changes."""

    accepted: float
    previous: float
    older: float
    filled: float
    start: float
    total: float
    square: float
    steps: float
    steps2: float


@merged
def _load(s):
    """Read them."""
    return Hot(
        s[ACCEPTED], s[PREVIOUS], s[OLDER],
        s[FILLED], s[START], s[TOTAL], s[SQUARE], s[STEPS], s[STEPS2],
    )  # fmt: skip


@merged
def _store(s, hot):
    """Write them back; of squares near `LIMIT`² a sum of millions is cut, lest it be infinite."""
    s[ACCEPTED], s[PREVIOUS], s[OLDER] = hot[0], hot[1], hot[2]
    s[FILLED], s[START], s[TOTAL], s[SQUARE] = hot[3], hot[4], hot[5], smaller(hot[6], LARGEST)
    s[STEPS], s[STEPS2] = smaller(hot[7], LARGEST), smaller(hot[8], LARGEST)


@merged
def _sampled(hot, x):
    """Return them after a sample, less the anchor.

    Only sums: a sample waits for no more than one addition of the sample before it.
    """
    step, step2 = x - hot.previous, x - hot.older
    start = hot.start if hot.filled > 0.0 else x
    off = x - start
    return Hot(
        hot.accepted + 1.0, x, hot.previous,
        hot.filled + 1.0, start, hot.total + off, hot.square + off * off,
        hot.steps + step * step, hot.steps2 + step2 * step2,
    )  # fmt: skip


@merged
def _accept(s, x):
    """Take one sample; return whether it fills a block, which must then be closed."""
    if not abs(x) <= LIMIT:
        s[SKIPPED] += 1.0
        return False
    if s[ACCEPTED] == 0.0:
        s[ANCHOR] = x
    if x >= 0.0:
        s[ABOVE] = 1.0
    if x <= 0.0:
        s[BELOW] = 1.0
    hot = _sampled(_load(s), x - s[ANCHOR])
    _store(s, hot)
    return hot.filled > s[MORE]


@merged
def _share(size, others):
    """Weight of so many new differences in a mean over `MEMORY`, given how many there are."""
    return smaller(size / larger(smaller(others, MEMORY), 1.0), 1.0)


@merged
def _append(s):
    """Let the newest block, which is full, join the others."""
    full, size, n = np.int64(smaller(larger(s[FULL], 0.0), BLOCKS - 1.0)), s[FILLED], s[ACCEPTED]
    off = s[TOTAL] / size
    mean = s[START] + off
    s[MEANS + full] = mean
    s[LASTS + full] = s[PREVIOUS]
    s[SPREADS + full] = larger(s[SQUARE] / size - off * off, 0.0)
    s[VARIANCE] += (0.5 * s[STEPS] / size - s[VARIANCE]) * _share(size, n - 1.0)
    s[VARIANCE2] += (0.5 * s[STEPS2] / size - s[VARIANCE2]) * _share(size, n - 2.0)
    s[LEVEL] += (mean - s[LEVEL]) * smaller(1.0, 8.0 / (full + 1.0))
    s[FULL] = full + 1.0
    s[FILLED] = s[START] = s[TOTAL] = s[SQUARE] = s[STEPS] = s[STEPS2] = 0.0


@merged
def _close(s, p):
    """Let the newest block join the others; return what there is for the rules."""
    _append(s)
    if s[VERDICT] == PLATEAU and _watch(s, p):
        return SHIFT
    full = s[FULL]
    if full >= BLOCKS or (full >= FIRST and full * (s[MORE] + 1.0) >= s[DUE]):
        return ASK
    return NOTHING


class Row(NamedTuple):
    """What is known after a block."""

    taken: float  # samples taken up to its end
    fires: float  # 1 if the detector fires
    level: float  # as the detector's properties of these names
    slope: float
    verdict: float
    onset: float  # -1 outside a plateau
    kind: float  # -1 outside a plateau


@helper
def _row(s, taken, fires):
    """Read it."""
    flat = s[VERDICT] == PLATEAU
    slope = s[SLOPE] if s[VERDICT] != WARMING_UP else math.nan
    onset, kind = (s[ONSET], s[KIND]) if flat else (-1.0, -1.0)
    return Row(taken, fires, s[ANCHOR] + s[LEVEL], slope, s[VERDICT], onset, kind)


row_of: Any = _row
"""The same for plain Python."""


# ---- drivers -------------------------------------------------------------------------------------


@merged
def _fill(s, xs, i):
    """Take samples from the one at i on, up to one that fills a block; return where it stopped."""
    if s[ACCEPTED] == 0.0:  # the first is the anchor
        _accept(s, xs[i])
        return i + 1
    hot, anchor, skipped, full = _load(s), s[ANCHOR], 0, s[MORE] + 1.0
    least, most = math.inf, -math.inf
    while i < xs.size and hot.filled < full:
        x = xs[i]
        if abs(x) <= LIMIT:
            hot = _sampled(hot, x - anchor)
            least, most = smaller(least, x), larger(most, x)
        else:
            skipped += 1
        i += 1
    _store(s, hot)
    s[SKIPPED] += skipped
    if most >= 0.0:
        s[ABOVE] = 1.0
    if least <= 0.0:
        s[BELOW] = 1.0
    return i


@merged
def _params(state):
    """Read the parameters."""
    return Params(state[0], state[1], state[2], state[3], state[4])


@kernel(ADDRESS, FLOAT)
def update(address, sample):
    """Take one sample of one stream; return what there is for the rules."""
    state = array(address, PARAMS + SIZE)
    s = state[PARAMS:]
    if state[BUSY] != 0.0:
        return TAKEN
    if s[FULL] >= BLOCKS:
        return OWED
    if not _accept(s, sample):
        return NOTHING
    return _close(s, _params(state))


@batch(FLOATS, FLOATS, CODES)
def update_bank(state, xs, codes):
    """Take one sample of each stream of a bank; note what there is for the rules of each."""
    p = _params(state)
    for i in range(xs.size):
        s = state[PARAMS + i * SIZE : PARAMS + (i + 1) * SIZE]
        if s[FULL] >= BLOCKS:
            codes[i] = OWED
        else:
            codes[i] = _close(s, p) if _accept(s, xs[i]) else NOTHING


@batch(FLOATS, INT, STRIDED, TABLE)
def advance(state, stream, xs, rows):
    """Take samples of a stream in a row, close the blocks that they fill, write a row after each.

    It stops behind a block that the rules have to see, and where there is no more room for rows;
    an array of none asks for none. Returns how many samples were taken, how many rows written, and
    what there is for the rules.
    """
    s, p = state[PARAMS + stream * SIZE : PARAMS + (stream + 1) * SIZE], _params(state)
    taken, closed, code = NONE, 0, NOTHING
    while taken < xs.size and code == NOTHING and (closed < rows.shape[0] or rows.shape[0] == 0):
        taken = _fill(s, xs, taken)
        if s[FILLED] > s[MORE]:
            code = _close(s, p)
            if rows.shape[0] > 0:
                r = rows[closed]
                r[0], r[1], r[2], r[3], r[4], r[5], r[6] = _row(s, float(taken), 0.0)
                closed += 1
    return taken, closed, code
