"""Which column is the metric, which is x, which is the learning rate.

Every candidate gets points, the highest wins, and the first in file order wins a tie. Points come
from the name first and from behaviour (`plateau.logs.behaviour`) second. All weights are in this
file.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.behaviour import (
    CONSTANT_FROM,
    is_clock,
    is_counter,
    is_ramp,
    is_whole,
)
from plateau.logs.names.words import HELD_OUT, TRAINING, side, squash, vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from plateau.base import Mode
    from plateau.logs.columns import Column

# --- metric -------------------------------------------------------------------------------------

# What training minimises comes before what is only measured on the way; among those a loss is
# plainest. A reward comes first: where there is one, the losses beside it (policy, value) say
# little about progress.
METRICS: dict[str, float] = {
    "reward": 11, "rewards": 11, "rew": 11, "ret": 11, "return": 11, "returns": 11,
    "loss": 10, "losses": 10, "cost": 9, "objective": 8, "nll": 8,
    "objfun": 8, "objval": 8, "pobj": 8, "dobj": 7, "pcost": 8, "dcost": 7, "inertia": 7,
    "crossentropy": 7, "xent": 7, "ce": 7, "logloss": 7, "mlogloss": 7, "deviance": 7,
    "rmse": 7, "mse": 7, "mae": 7, "mape": 7, "rmsle": 7, "error": 7, "err": 7, "merror": 7,
    "quantile": 7, "residual": 7, "residuals": 7, "rms": 7, "energy": 6,
    "etot": 6, "epot": 6, "wer": 6, "cer": 6, "fid": 6,
    "ppl": 7, "perplexity": 7, "bpc": 6, "bpb": 6, "l1": 6, "l2": 6,
    "accuracy": 5, "acc": 5, "score": 4, "f1": 4, "bleu": 4, "rouge": 4, "auc": 4, "auroc": 4,
    "map": 4, "ap": 4, "iou": 4, "miou": 4, "dice": 4, "precision": 3, "prec": 3, "recall": 3,
    "psnr": 4, "ssim": 4, "ndcg": 4, "mrr": 4, "r2": 4, "elbo": 4, "fitness": 4, "eng": 4,
    "entropy": 3, "value": 4, "function": 4, "fval": 4, "f": 3,
    "likelihood": 5, "loglikelihood": 5, "loglik": 5, "lnl": 5, "llh": 4, "posterior": 4,
    "evidence": 4, "logz": 4, "lnz": 4, "metric": 4, "r": 2, "potential": 4,
    "success": 5, "successes": 5, "win": 4, "wins": 4, "winrate": 4, "elo": 4, "modularity": 4,
    "hit": 4, "hits": 4, "pass": 4,
    "failure": 5, "failures": 5, "fail": 4, "errors": 7, "downtime": 5, "uptime": 5,
    "availability": 5, "conversion": 5, "imbalance": 5, "gap": 8.5, "incumbent": 6,
}  # fmt: skip
# What a machine is loaded with says little, but where nothing else is told it is what counts.
RESOURCES = vocabulary(
    "mem memory ram cpu gpu disk swap load util utilization utilisation usage idle iowait cache "
    "buff buffers free swpd"
)
# What a service or a network is judged by. In a training these tell how fast it runs, no more.
SLOW = vocabulary("latency latencies lat ping rtt jitter ttfb")
PERCENTILE = re.compile(r"(?<![A-Za-z\d])p(?:50|75|9\d|99\d)(?!\d)", re.IGNORECASE)  # of a latency
WAITED = vocabulary(  # for so long
    "response responses request requests req query reply lookup queue wait waiting render load "
    "handshake service"
)
FAST = vocabulary(
    "throughput goodput bandwidth bitrate download upload dl ul fps tps rps qps iops mips ops "
    "mbps gbps kbps bps mbit gbit hashrate"
)
SERVICE = 7.0
# "lat" beside "lon" is no latency, but a place.
LATITUDES, LONGITUDES = vocabulary("lat latitude"), vocabulary("lon lng long longitude")
LEARNT = vocabulary("loss losses accuracy acc perplexity ppl reward rewards")
# "time=12.2 ms" of a ping: what took so long is not said.
DURATIONS, DURATION = vocabulary("time duration elapsed took ms us ns sec secs second seconds"), 0.5
# "25.3it/s", "0.2 s/step": how fast a program runs.
PACE = re.compile(
    r"(?:it|its|iters?|ex|examples?|samples?|imgs?|images?|tokens?|tok|words?|batch(?:es)?|steps?|seq"
    r"|sequences?|frames?|rows?)/(?:s|secs?|seconds?|min)\b|\b(?:s|secs?|seconds?|ms|us)/\w",
    re.IGNORECASE,
)
ENDS_IN_NUMBER = re.compile(r"(?<![A-Za-z])\d$|_[a-z]\d+$")
PER_SECOND = re.compile(r"\w/(?:s|secs?|seconds?)\b")  # "MB/s", "req/s"
# A unit does not say what was measured in it.
UNIT_ALONE = re.compile(r"[KMGTkmgt]?i?(?:B|b|[Bb]its?|[Bb]ytes?)(?:/s|ps)", re.ASCII)
LONG_METRICS = ("loss", "error", "accuracy", "reward", "perplexity", "entropy")  # "valloss"
UP = vocabulary(
    "r reward rewards rew ret return returns accuracy acc score f1 bleu rouge auc auroc map ap ar "
    "iou miou dice precision prec recall psnr ssim ndcg mrr r2 elbo fitness success win hit hits "
    "mcc kappa correct prob likelihood loglikelihood loglik lnl llh posterior evidence logz lnz "
    "successes wins winrate elo modularity pass passed uptime availability conversion"
)
# They get better neither way: which one is wanted depends on what is measured.
NEITHER_WAY = vocabulary("energy etot epot eng potential value")
NEGATIVE = vocabulary("neg negative minus")

EITHER_WAY = vocabulary("objective objf obj objfun objval pobj dobj incumbent")

# Words that leave a name as plain as it was ("train/loss", "total_loss", "lm loss").
PLAIN = TRAINING | vocabulary(
    "total step epoch iter batch lm metrics episode ep mean avg average running smoothed ema "
    "smooth log"
)
# A total beside its parts has the plainer name: each word more costs a point.
EXTRA_WORD, EXTRA_WORDS_MOST = -1.0, -3.0
# A smoothed copy hides the noise that the detector wants to know.
SMOOTHED = -1.5
SMOOTHED_WORDS = vocabulary("avg average running smoothed ema smooth")
# A column called "avg", among others called "min" and "max", is what a population is told by.
MEANS, MEAN = vocabulary("avg mean average"), 1.5
# A column called "total" is the sum of what stands beside it.
TOTAL = 4.0
# "vloss" beside "loss": the plain word first.
GLUED = -0.5
# Held-out rows are few, and they are the second thing to look at.
HELD_OUT_POINTS = -4.0
# Adversarial losses and regularisers need not fall while training goes well.
AUXILIARY = -1.0
AUXILIARY_WORDS = vocabulary(
    "disc discriminator d critic adv adversarial gan fake real feat kl kld reg penalty aux policy "
    "value vf entropy pg chosen rejected margin margins"
)
# A generator is measured against an opponent that moves; a critic estimates a distance at least.
OPPONENT = -2.0
OPPONENT_WORDS = vocabulary("gen generator g")
# "loss_0", "loss_q3": one of several.
NUMBERED = -1.5
# Codes and names of things that are written as numbers: no metric, whatever else the name says.
CODES = vocabulary(
    "code codes status errno pid tid port ttl lineno id ids uid uuid seed version flag flags"
)
# Extremes and spreads of a metric, and things that only sound like one ("loss scale").
NOT_IT = -8.0
NOT_IT_WORDS = vocabulary(
    "min max std var num count scale time duration elapsed sec "
    "secs seconds ms rate lr norm gnorm index "
    "eta throughput weight coef coeff target patience size ratio images hours samples id "
    "timestamp"
)
# "best loss so far" only tells of progress, and stays as it is in between.
BEST, BEST_WORDS = -4.0, frozenset(["best"])
NOT_LR = -4.0  # the learning rate is the last thing to scan, but it can be scanned
UNKNOWN = 1.0  # a name we know nothing about
LONELY = -1.0  # the only number of a line but its counter: perhaps a metric, perhaps none
UNNAMED = 2.0  # the one number of a line that the log found not worth a name: "5000: 12.3, …"
CONSTANT = -4.0  # "init loss: 4.6" on every line
FIRST_COLUMN = "column 1"
OWN_X = 2.0  # x on the same row
SHARE = 0.1  # of two line shapes with the same metric the longer one leads
ROWS = 2.0  # per factor of ten in rows below the longest candidate


# Points within which metrics of the same table are equally good: one empty cell decides nothing.
NEAR = 0.1


def direction(name: str, values: NDArray[np.float64] | None = None) -> Mode:
    """Tell the way a metric should move: "min", "max" or, where no word of its name says, "both".

    An objective may be either; it moved the way it should, if it moved.
    """
    found = words(name)
    if NEGATIVE.intersection(found) and "likelihood" in found:
        return "min"
    if values is not None and EITHER_WAY.intersection(found):
        return "max" if _rose(values[np.isfinite(values)]) else "min"
    if any(_falls(word) for word in found) or squash(name).endswith("loss"):
        return "min"
    if any(word in UP or word.endswith(("accuracy", "reward")) for word in found):
        return "max"
    if FAST.intersection(found) or PER_SECOND.search(name):
        return "max"
    if _is_slowness(name, found):
        return "min"
    told = DURATIONS.intersection(found) or set(found) <= MEANS | {"total"}
    return "min" if told else "both"


def _falls(word: str) -> bool:
    known = word in METRICS or word.endswith(("loss", "error", "perplexity"))
    return known and word not in UP and word not in NEITHER_WAY


def _rose(values: NDArray[np.float64]) -> bool:
    """Whether the last fifth lies above the first."""
    part = max(len(values) // 5, 1)
    return bool(len(values) and np.mean(values[-part:]) > np.mean(values[:part]))


def metric_points(column: Column, *, training: bool = False) -> float:
    """Points of a column's name as the metric.

    In a ``training``, what a service is judged by tells no more than how fast that runs.
    """
    if not column.name:
        return UNNAMED
    found = _told_words(column.name)
    if column.implied or column.name == "s" or CODES.intersection(found):  # seconds
        return NOT_IT
    if lr_points(column):
        return NOT_LR
    if found and set(found) <= MEANS:
        return MEAN
    if found == ("total",):
        return TOTAL
    if (served := _service_points(column.name, found)) is not None:
        return NOT_IT if training else served
    points = max((_metric_word(word, found) for word in set(found)), default=0.0) or UNKNOWN
    known = sum(len(word) > 1 and _metric_word(word, found) > 0 for word in found)
    plain = PLAIN | HELD_OUT | ({"rate"} if known and not _is_none(found) else set())
    extra = len(set(found) - plain) - 1
    points += max(EXTRA_WORD * max(extra, 0), EXTRA_WORDS_MOST)
    points += AUXILIARY * bool(AUXILIARY_WORDS.intersection(found))
    points += OPPONENT * bool(OPPONENT_WORDS.intersection(found))
    points += NUMBERED * bool(ENDS_IN_NUMBER.search(column.name))
    points += SMOOTHED * bool(SMOOTHED_WORDS.intersection(found))
    points += NOT_IT * _is_none(found)
    points += BEST * bool(BEST_WORDS.intersection(found))
    named = side(column.name)
    points += HELD_OUT_POINTS * (column.held_out if named is None else named)
    return points + NOT_IT * (x_points(column) >= X_EPOCH)


def _told_words(name: str) -> tuple[str, ...]:
    """Words of a name; "cross-entropy" is one, a plain "entropy" is less."""
    found = words(name)
    if "cross" not in found:
        return found
    return tuple("crossentropy" if word == "entropy" else word for word in found if word != "cross")


def _is_none(found: tuple[str, ...]) -> bool:
    """Whether words say that it is no metric: "loss scale", but not "success rate"."""
    none = NOT_IT_WORDS.intersection(found)
    share = none == {"rate"} and any(_metric_word(word, found) for word in set(found))
    return bool(none) and not share


def _service_points(name: str, found: tuple[str, ...]) -> float | None:
    """Points of what a service is judged by; None for anything else."""
    if PACE.search(name):
        return NOT_IT
    if any(_metric_word(word, found) for word in set(found)):
        return None
    if {"min", "max", "std", "count", "num", "size", "scale"}.intersection(found):
        return None
    if _is_slowness(name, found):
        return SERVICE
    if FAST.intersection(found) or PER_SECOND.search(name):
        return SERVICE
    if found == ("speed",):
        return NOT_IT
    weak = found and (set(found) <= DURATIONS or RESOURCES.intersection(found))
    return DURATION if weak else None


def remarks(column: Column, *, training: bool = False) -> list[str]:
    """Say in words what gave a column its points as the metric."""
    found = set(words(column.name))
    served = _service_points(column.name, _told_words(column.name))
    named = side(column.name)
    told = {
        "validation": column.held_out if named is None else named,
        "smoothed": SMOOTHED_WORDS & found,
        "the best so far": BEST_WORDS & found,
        "auxiliary": AUXILIARY_WORDS & found,
        "an opponent's": OPPONENT_WORDS & found,
        "a code or a state": CODES & found,
        "how fast it runs": served == NOT_IT or (served == SERVICE and training),
        "what a service is judged by": served == SERVICE and not training,
        "a duration or a load": served == DURATION,
        "no metric by its name": served is None
        and _is_none(tuple(found))
        and not lr_points(column),
        "counter": column.implied or x_points(column) >= X_EPOCH,
        "clock": x_points(column) == X_TIME,
        "a learning rate": lr_points(column),
    }
    said = [remark for remark, holds in told.items() if holds]
    return said or (["unknown name"] if is_unknown(column) else [])


def _is_slowness(name: str, found: tuple[str, ...]) -> bool:
    return bool(
        PERCENTILE.search(name)
        or SLOW.intersection(found)
        or (WAITED.intersection(found) and DURATIONS.intersection(found))
    )


def is_unknown(column: Column) -> bool:
    """Whether the name says nothing about what the column is."""
    found = _told_words(column.name)
    known = any(_metric_word(word, found) for word in set(found))
    if UNIT_ALONE.fullmatch(column.name):
        return True
    return not known and _service_points(column.name, found) is None


def places_of(columns: Iterable[Column]) -> set[str]:
    """Return the names of latitude and longitude, where both are there."""
    named = {item.name: frozenset(words(item.name)) for item in columns}
    north, east = (
        {name for name, found in named.items() if found and found <= kind}
        for kind in (LATITUDES, LONGITUDES)
    )
    return north | east if north and east else set()


def is_training(columns: Iterable[Column]) -> bool:
    """Whether columns tell of a training: of its epochs, its rate, what it learns by."""
    return any(
        EPOCHS.intersection(found) or LEARNT.intersection(found) or lr_points(column)
        for column in columns
        for found in [words(column.name)]
    )


def is_axis(column: Column) -> bool:
    """Whether numbers count, go up in equal steps, or grow in the first of unnamed columns."""
    values = column.values
    if is_counter(values) or is_ramp(values):
        return True
    first = column.name == FIRST_COLUMN and len(values) > CONSTANT_FROM
    return first and bool(np.all(np.diff(values) > 0))


def _metric_word(word: str, beside: tuple[str, ...] = ()) -> float:
    """Points of a word; a single letter says something only alone."""
    if word in METRICS:
        alone = len(word) > 1 or all(len(other) == 1 for other in beside)
        return METRICS[word] if alone else 0.0
    for ending in LONG_METRICS:
        if word.endswith(ending) and word != "entropy":
            return METRICS.get(ending, METRICS["crossentropy"]) + GLUED
    return 0.0


# --- x ------------------------------------------------------------------------------------------

STEPS = vocabulary(
    "step steps timestep timesteps iter iters iteration iterations iterate itr it update updates "
    "up batch batches minibatch minibatches"
)
STEP_ENDINGS = ("step", "steps", "iter")  # NSTEP
# "LP iter", "ItCnt": iterations of what is solved within a step, which are summed.
WITHIN, ABBREVIATED = vocabulary("lp simplex cg pcg krylov barrier"), ("it", "cnt")
AMOUNTS = vocabulary(
    "frame frames sample samples token tokens kimg image images sentences example examples seen "
    "interacts interactions"
)
ROUNDS = vocabulary(
    "round rounds tree trees boosting generation generations gen episode episodes trial tick ticks"
)
EPOCHS = vocabulary("epoch epochs ep")
TIMES = vocabulary(
    "time timestamp timestamps t date dates datetime wall clock elapsed seconds secs sec minutes "
    "hours hour days day ms relative"
)

# Finer counters first: a step is what the detector counts in.
X_STEP, X_IMPLIED, X_AMOUNT, X_ROUND, X_EPOCH = 10.0, 9.0, 8.0, 7.0, 6.0
PATH = re.compile(r"[./]")
PER = re.compile(r"^(s|sec|secs|seconds?|ms|us|samples|tokens|images|imgs?|examples)/")  # s/it
X_GLOBAL, GLOBAL_WORDS = 0.5, {"global", "total", "current", "num"}  # does not restart
X_UNKNOWN = 3.0  # any column of whole numbers that counts up
X_SUM = 0.5  # of all that there was so far ("total requests"): a clock is better
SUMS = WITHIN | vocabulary("total totals count counts cnt num number sum bytes size cumulative")
# Of a record in a table, which says no more than its row.
KEYS = vocabulary("id ids rowid index idx pk")
X_BACK = -2.0  # where such a one goes back, and no epoch says why: a clock is better
X_TIME = 1.0  # only where nothing else counts
X_DISTINCT = 2.0  # per share of rows that x tells apart
X_ELSEWHERE = -3.0  # x that must be fetched from other lines
X_COARSE = -4.0  # per share of rows that it does not tell apart, where another on the row does
X_LEAST = 1.0
# "samples/sec", "steps per second", "time/step", "step size", "batch size", "steps remaining"
NO_X = vocabulary("per sec s rate speed size remaining left eta lr norm max len length id")
BACK_MOST = 0.5  # of the rows; above, a column does not count up
UP_LEAST = 0.9  # of the rows, for a column without a telling name
FEW_VALUES, MANY_ROWS = 3, 16  # a step of so few values in so many rows counts something else


def x_points(column: Column) -> float:
    """Points of a column's name as x."""
    if "x" not in column.points:
        column.points["x"] = _x_points(column)
    return column.points["x"]


def _x_points(column: Column) -> float:
    if column.implied:
        return X_IMPLIED
    if column.clock:
        return X_TIME
    if column.name == "x" or words(column.name) == ("progress",):
        return X_AMOUNT
    if PER.match(column.name) or _is_slowness(column.name, words(column.name)):
        return 0.0
    found = _own_words(column.name)
    needed = found[:1] == ("no",) and len(found) > 1  # "No Iterations 3": how many were needed
    if needed or WITHIN.intersection(found) or found == ABBREVIATED:
        return 0.0
    kinds = (
        (STEPS, X_STEP),
        (AMOUNTS, X_AMOUNT),
        (ROUNDS, X_ROUND),
        (EPOCHS, X_EPOCH),
        (TIMES, X_TIME),
    )
    points = next((worth for known, worth in kinds if known.intersection(found)), 0.0)
    points = points or X_STEP * any(word.endswith(STEP_ENDINGS) for word in found)
    if points == X_TIME or not points:
        return points
    measures = any(map(_metric_word, found))
    if NO_X.intersection(found) or TIMES.intersection(found) or measures:
        return 0.0
    return points + X_GLOBAL * bool(GLOBAL_WORDS.intersection(found))


def _own_words(name: str) -> tuple[str, ...]:
    """Words of a name; of a path such as "time/total_steps" the last part, if that is a counter."""
    last = words(PATH.split(name)[-1])
    counts = STEPS | AMOUNTS | ROUNDS | EPOCHS | TIMES
    own = counts.intersection(last) and (counts | GLOBAL_WORDS).issuperset(last)
    return last if own else words(name)


def x_behaviour(column: Column, x: NDArray[np.float64], *, first: bool = False) -> float:
    """Points of a column as x once its numbers are known; minus infinity where it cannot be.

    Numbers that are not whole may be x where they stand ``first``.
    """
    points = x_points(column)
    if len(x) > 1:
        if not np.isfinite(x).all():
            return -np.inf
        change = np.diff(x)
        if np.mean(change < 0) > BACK_MOST or not change.any():
            return -np.inf
        if column.implied and is_clock(x):  # "1738407607.25: epoch 3"
            points = X_TIME
        if not points:
            again = x[1:][change < 0]  # of an inner counter: each block counts from the same
            inner = len(again) > 1 and bool(np.all(again == x[0]) and change.all())
            counts = is_whole(x) and (np.mean(change > 0) >= UP_LEAST or inner)
            if is_clock(x):
                points = X_TIME
            elif counts and not RESOURCES.intersection(words(column.name)):
                told = words(column.name)
                coarse = SUMS.intersection(told) or KEYS.issuperset(told)
                points = X_SUM if coarse else X_UNKNOWN
            else:
                points = X_LEAST if first and is_axis(column) else -np.inf
        distinct = 1 + np.count_nonzero(np.diff(np.sort(x)))  # np.unique would import numpy.ma
        few = distinct <= FEW_VALUES and len(x) >= MANY_ROWS and (change >= 0).all()
        if points > X_EPOCH and few:
            return -np.inf
        points += X_DISTINCT * distinct / len(x)
    return points


def counts_steps(x_name: str, x: NDArray[np.float64]) -> bool:
    """Whether x counts optimisation steps."""
    found = words(x_name)
    named = any(word in STEPS or word.endswith(STEP_ENDINGS) for word in found)
    return named and is_whole(x) and bool(np.all(np.diff(x) >= 0))


# --- learning rate ------------------------------------------------------------------------------

LR_NAMED, LR_RATE = 10.0, 4.0  # "rate" alone is one only where the line has no better
LR_EXTRA_WORD = -0.5
LR_SAME_ROWS = 3.0
NO_LR = vocabulary("scale mult decay ratio policy max min factor drop warmup loss")
LR_WORDS = vocabulary("lr lrate learningrate")
PARTS = re.compile(
    r"(?<=\w\w)[./:](?=\w\w)"
)  # of the path that a name may be: the last ones say what it is
LR_LARGEST = 100.0


def lr_points(column: Column) -> float:
    """Points of a column's name as the learning rate; 0 where it is none."""
    if "lr" not in column.points:
        column.points["lr"] = _lr_points(column)
    return column.points["lr"]


def _lr_points(column: Column) -> float:
    if x_points(column) >= X_EPOCH:
        return 0.0
    for part in reversed(PARTS.split(column.name)):
        found = words(part)
        pairs = {first + second for first, second in pairwise(found)}
        if NO_LR.intersection(found):
            return 0.0
        if pairs & {"learningrate", "lr", "learnrate"} or LR_WORDS.intersection(found):
            return LR_NAMED + LR_EXTRA_WORD * max(len(words(column.name)) - 1, 0)
    return LR_RATE if words(column.name) == ("rate",) else 0.0


def is_lr(values: NDArray[np.float64]) -> bool:
    """Behaves like a learning rate: small, not negative, not all zero."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and np.all((finite >= 0) & (finite <= LR_LARGEST)) and finite.any())
