"""What a name says of a quantity: a loss, a latency, a load; better when lower or when higher.

Words have points: what training minimises comes before what is only measured on the way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from plateau.logs.names.words import squash, vocabulary, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plateau.base import Mode

# What training minimises comes before what is only measured on the way; among those a loss is
# plainest. A reward comes first: where there is one, the losses beside it (policy, value) say
# little about progress.
METRICS: dict[str, float] = {
    "reward": 11, "rewards": 11, "rew": 11, "ret": 11, "return": 11, "returns": 11,
    "loss": 10, "losses": 10, "cost": 9, "objective": 8, "nll": 8,
    "objfun": 8, "objval": 8, "pobj": 8, "dobj": 7, "pcost": 8, "dcost": 7, "inertia": 7,
    "crossentropy": 7, "xent": 7, "ce": 7, "logloss": 7, "mlogloss": 7, "deviance": 7,
    "rmse": 7, "mse": 7, "mae": 7, "mape": 7, "rmsle": 7, "error": 7, "err": 7, "merror": 7,
    "quantile": 7, "residual": 7, "residuals": 7, "resid": 7, "rms": 6, "energy": 6, "toten": 6,
    "etot": 6, "epot": 6, "ener": 6, "enrg": 6, "wer": 6, "cer": 6, "fid": 6,
    "ppl": 7, "perplexity": 7, "bpc": 6, "bpb": 6, "l1": 6, "l2": 6,
    "accuracy": 5, "acc": 5, "score": 4, "f1": 4, "bleu": 4, "rouge": 4, "auc": 4, "auroc": 4,
    "map": 4, "ap": 4, "iou": 4, "miou": 4, "dice": 4, "precision": 3, "prec": 3, "recall": 3,
    "psnr": 4, "ssim": 4, "ndcg": 4, "mrr": 4, "r2": 4, "elbo": 4, "fitness": 4, "eng": 4,
    "pearson": 4, "spearman": 4, "kendall": 4, "correlation": 4,
    "entropy": 3, "prob": 3, "logp": 4, "lp": 4, "value": 4, "function": 4, "fval": 4, "f": 3,
    "likelihood": 5, "loglikelihood": 5, "lik": 5, "loglik": 5, "logl": 5, "lnl": 5, "llh": 4,
    "ll": 4,
    "loglike": 4, "lnlike": 4, "posterior": 4, "evidence": 4, "logz": 4, "lnz": 4,
    "metric": 4, "measure": 4, "keff": 4, "r": 2, "potential": 4,
    "pot": 4, "target": 4, "obj": 3, "box": 3, "cls": 3,
    "success": 5, "successes": 5, "win": 4, "wins": 4, "winrate": 4, "elo": 4, "modularity": 4,
    "hit": 4, "hits": 4, "pass": 4,
    "failure": 5, "failures": 5, "fail": 4, "errors": 7, "downtime": 5, "uptime": 5,
    "chi2": 7, "chisq": 7, "chisquare": 7, "chisquared": 7,
    "availability": 5, "conversion": 5, "imbalance": 5, "gap": 8.5, "incumbent": 6,
}  # fmt: skip
# What a machine is loaded with says little, but where nothing else is told it is what counts.
RESOURCES = vocabulary(
    "mem memory ram cpu gpu disk swap load util utilization utilisation usage idle iowait cache "
    "buff buffers free swpd used available shared"
)
# "Virtual (MB)", "rss_mb": how much a program holds.
BYTES = re.compile(r"[\[(](?:[KMGT]i?B|[Bb]ytes)[\])]$|_(?:[kmgt]i?b|bytes)$")
UTILIZED = vocabulary("util utilization utilisation")
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
NO_SERVICE = vocabulary("min max std count num size scale eta remaining left")
# "time=12.2 ms" of a ping: what took so long is not said.
DURATIONS = vocabulary(
    "time duration elapsed took ms us ns sec secs nsec nsecs usec usecs second seconds"
)
DURATION = 0.5
# What is measured in the world: said by its name, but neither way is better.
MEASURED = vocabulary(
    "temperature temperatures temp temps humidity pressure press voltage volt volts ampere amps "
    "power pwr watt watts kwh price consumption heart pulse bpm glucose spo co altitude alt "
    "elevation wind rain rainfall precipitation torque force strain displacement brightness "
    "illuminance lux salinity turbidity conductivity"
)
MEASUREMENT = 1.5
# "25.3it/s", "0.2 s/step": how fast a program runs.
PACE = re.compile(
    r"(?:it|its|iters?|ex|examples?|samples?|imgs?|images?|tokens?|tok|words?|batch(?:es)?|steps?|seq"
    r"|sequences?|frames?|rows?)(?:/\w+)?/(?:s|secs?|seconds?|min)\b|\b(?:s|secs?|seconds?|ms|us)/\w",
    re.IGNORECASE,
)
# "MB/s", "req/s", but neither "wind (m/s)" nor "time/s", which is a time in seconds.
PER_OPERATION = re.compile(r"\b[nmuµ]?s/(?:op|req|request|query)\b")  # "81 ns/op"
PER_SECOND = re.compile(
    r"(?<![^\W_])(?!(?i:[kmcdµu]?m[23²³]?|[mµukd]?[gl]|ft|mi|rad|deg|mol|j|[a-z]?time|t|met(?:er|re)s?"
    r"|lit(?:er|re)s?|feet|miles|degrees?|radians?)/)"
    r"[A-Za-z][^\W_]*+/(?:s|secs?|seconds?)\b"
)
UNIT_ALONE = re.compile(r"[KMGTkmgt]?i?(?:B|b|[Bb]its?|[Bb]ytes?)(?:/s|ps)?|[KMGT]i?", re.ASCII)
LONG_METRICS = ("loss", "error", "accuracy", "reward", "perplexity", "entropy")  # "valloss"
UP = vocabulary(
    "r reward rewards rew ret return returns accuracy acc score f1 bleu rouge auc auroc map ap ar "
    "iou miou dice precision prec recall psnr ssim ndcg mrr r2 elbo fitness success win hit hits "
    "mcc kappa correct prob lik likelihood loglikelihood loglik logl lnl llh ll posterior evidence "
    "loglike lnlike logz lnz pearson spearman kendall correlation "
    "successes wins winrate elo modularity pass passed uptime availability conversion"
)
# They get better neither way: which one is wanted depends on what is measured.
NEITHER_WAY = vocabulary(
    "energy target toten etot epot eng ener enrg potential pot value keff measure"
)
ENERGIES = vocabulary("energy eng ener enrg")
NEGATIVE = vocabulary("neg negative minus")
LIKELIHOODS = vocabulary("lik likelihood loglikelihood loglik logl lnl llh ll like loglike lnlike")
CHANGES = vocabulary("change changes delta diff")  # of what: either way
LOG_OF = re.compile(r"(?<![A-Za-z])(ln|log)\(([A-Za-z])\)")  # "ln(Z)" is an lnz
K_EFF = ("k", "eff")  # the multiplication of a reactor
ENERGY = re.compile(r"(?<![A-Za-z])E(?![A-Za-z])")  # "e" is an epsilon
DECADES = 1e3
EITHER_WAY = vocabulary("objective objf obj objfun objval pobj dobj incumbent")
OFTEN_UP = vocabulary("fitness score")  # of some programs it is an error, or an energy
# A column called "avg", among others called "min" and "max", is what a population is told by.
MEANS, MEAN = vocabulary("avg mean average"), 1.5
EXTREMES = vocabulary("min max")
# What a service counts comes after what it is judged by.
COUNTED_ERRORS, FAILED = 2.0, vocabulary("err errors failures fails failed errs")
# "vloss" beside "loss": the plain word first.
GLUED = -0.5
# Extremes and spreads of a metric, and things that only sound like one ("loss scale").
NOT_IT = -8.0
NOT_IT_WORDS = vocabulary(
    "min max std stdev stddev var num count scale time duration elapsed sec "
    "secs seconds ms rate lr norm gnorm index "
    "eta throughput weight coef coeff target patience size ratio images hours samples id "
    "timestamp evals evaluations nfev"
)
# A "heart rate" is measured, these are set.
SETTING_RATES = vocabulary("learning learn drop dropout decay sampling sample refresh baud clip")


def direction(name: str, values: NDArray[np.float64] | None = None) -> Mode:
    """Tell the way a metric should move: "min", "max" or, where no word of its name says, "both".

    An objective may be either; it moved the way it should, if it moved.
    """
    found = words_told(name)
    negative = name.startswith("-") or not NEGATIVE.isdisjoint(found)
    if negative and not LIKELIHOODS.isdisjoint(found):
        return "min"
    if not CHANGES.isdisjoint(found) and not UP.isdisjoint(found):
        return "both"
    if values is not None and OFTEN_UP.intersection(found) and _fell(values[np.isfinite(values)]):
        return "min" if "fitness" in found else "both"
    if values is not None and EITHER_WAY.intersection(found):
        return "max" if _rose(values[np.isfinite(values)]) else "min"
    if values is not None and found == ("r",) and _spans_decades(values):
        return "min"  # a residual, no reward
    if any(_falls(word) for word in _telling(found)) or squash(name).endswith("loss"):
        return "min"
    telling = [word for word in _telling(found) if word != "r" or set(found) == {"r"}]
    if any(word in UP or word.endswith(("accuracy", "reward")) for word in telling):
        return "max"
    if is_speed(name):
        return "max"
    if is_slowness(name, found):
        return "min"
    told = DURATIONS.intersection(found) or found == ("total",) or not name  # taken as a loss
    return "min" if told else "both"


def _telling(found: tuple[str, ...]) -> list[str]:
    """Words of a name; single letters only where there is nothing else."""
    return [word for word in found if len(word) > 1] or [*found]


def _falls(word: str) -> bool:
    known = word in METRICS or word.endswith(("loss", "error", "perplexity"))
    return known and word not in UP and word not in NEITHER_WAY


def _spans_decades(values: NDArray[np.float64]) -> bool:
    """Whether all numbers are positive, and some a thousandth of others."""
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0 and known.max() > DECADES * known.min())


def _rose(values: NDArray[np.float64]) -> bool:
    """Whether the last fifth lies above the first."""
    part = max(len(values) // 5, 1)
    return bool(len(values) and np.mean(values[-part:]) > np.mean(values[:part]))


def _fell(values: NDArray[np.float64]) -> bool:
    """Whether all of the last fifth lie below all of the first."""
    part = max(len(values) // 5, 1)
    return bool(len(values) and np.max(values[-part:]) < np.min(values[:part]))


@lru_cache(maxsize=4096)
def words_told(name: str) -> tuple[str, ...]:
    """Words of a name; "cross-entropy" is one, "k-eff" too, and "E0" an energy."""
    found = words(LOG_OF.sub(r"\1\2", name))
    if "e" in found and ENERGY.search(name) and all(len(word) == 1 for word in found):
        return tuple("energy" if word == "e" else word for word in found)
    if found[:2] == K_EFF:
        return ("keff", *found[2:])
    if "cross" not in found:
        return found
    return tuple("crossentropy" if word == "entropy" else word for word in found if word != "cross")


def is_none(found: tuple[str, ...]) -> bool:
    """Whether words say that it is no metric: "loss scale", not "success rate", "error norm"."""
    none = NOT_IT_WORDS.intersection(found) if found != ("target",) else frozenset()
    known = any(metric_word(word, found) for word in set(found))
    share = known and none <= {"rate", "norm", "ratio"}
    measured = none == {"rate"} and len(found) > 1 and SETTING_RATES.isdisjoint(found)
    return bool(none) and not share and not measured


def service_points(name: str, found: tuple[str, ...]) -> float | None:
    """Points of what a service is judged by; None for anything else."""
    if PACE.search(name) and not PER_OPERATION.search(name):
        return NOT_IT
    if any(metric_word(word, found) for word in set(found)):
        return None
    if NO_SERVICE.intersection(found):
        return None
    if is_slowness(name, found):
        return SERVICE
    if is_speed(name):
        return SERVICE
    if found == ("speed",):
        return NOT_IT
    if UTILIZED.intersection(found):
        return MEASUREMENT
    weak = DURATIONS.intersection(found) or RESOURCES.intersection(found) or BYTES.search(name)
    return DURATION if weak else None


def is_speed(name: str) -> bool:
    """Whether a name is that of how much a service does in a time: "req/s", "IOPS"."""
    return bool(FAST.intersection(words(name)) or PER_SECOND.search(name))


def is_slowness(name: str, found: tuple[str, ...]) -> bool:
    """Whether a name is that of how long a service took: a latency, a percentile."""
    return bool(
        PERCENTILE.search(name)
        or PER_OPERATION.search(name)
        or SLOW.intersection(found)
        or (WAITED.intersection(found) and DURATIONS.intersection(found))
    )


def metric_word(word: str, beside: tuple[str, ...] = ()) -> float:
    """Points of a word; a single letter says something only alone."""
    if word in METRICS:
        alone = len(word) > 1 or all(len(other) == 1 for other in beside)
        alone = alone and (word != "r" or set(beside) <= {"r"})  # "I(R1)" is a current
        return METRICS[word] if alone else 0.0
    for ending in LONG_METRICS:
        if word.endswith(ending) and word != "entropy":
            return METRICS.get(ending, METRICS["crossentropy"]) + GLUED
    return 0.0
