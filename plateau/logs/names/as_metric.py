"""How good a column is as the metric.

Every candidate gets points, the highest wins, and the first in file order wins a tie. Points come
from the name first and from behaviour (`plateau.logs.behaviour`) second.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plateau.logs.behaviour import is_growing, is_whole
from plateau.logs.names.as_rate import LR_RATE, lr_points
from plateau.logs.names.as_x import COLUMN_NUMBER, EPOCHS, X_EPOCH, X_TIME, is_axis, x_points
from plateau.logs.names.quantities import (
    DURATION,
    DURATIONS,
    ENERGIES,
    FAILED,
    MEAN,
    MEANS,
    MEASURED,
    MEASUREMENT,
    NOT_IT,
    SERVICE,
    UNIT_ALONE,
    is_none,
    metric_word,
    service_points,
    words_told,
)
from plateau.logs.names.words import HELD_OUT, TRAINING, side, vocabulary, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plateau.logs.columns import Column

LEARNT = vocabulary("loss losses accuracy acc perplexity ppl reward rewards")
ENDS_IN_NUMBER = re.compile(r"(?<![A-Za-z])\d$|_[a-z]\d+$")
# A unit does not say what was measured in it.
UNIT = re.compile(r"[\[(][^\[\]()]*[\])]$| (?i:in) \w+$")  # "Pressure [bar]", "energy in Ry"
# Words that leave a name as plain as it was ("train/loss", "total_loss", "lm loss").
PLAIN = TRAINING | vocabulary(
    "total step epoch iter batch lm metrics episode ep mean avg average running smoothed ema "
    "smooth log last latest current"
)
# A total beside its parts has the plainer name: each word more costs a point.
EXTRA_WORD, EXTRA_WORDS_MOST = -1.0, -3.0
MEASURED_WORD = -0.1  # "oven temperature": where it was measured
# A smoothed copy hides the noise that the detector wants to know.
SMOOTHED = -1.5
SMOOTHED_WORDS = vocabulary("avg average running smoothed ema smooth")
# "Generation time: 0.08 sec (0.07 average)": they count nothing.
UNITS_OF_TIME = vocabulary("ms sec secs")
# A column called "total" is the sum of what stands beside it.
TOTAL = 4.0
# Of several energies the total one is what a simulation is followed by.
TOTAL_ENERGY = 0.5
# Held-out rows are few, and they are the second thing to look at.
HELD_OUT_POINTS, HELD_OUT_REWARD = -4.0, -0.5  # the reward of a test is the aim
REWARDS = vocabulary("reward rewards return returns")
# Adversarial losses and regularisers need not fall while training goes well.
AUXILIARY = -1.0
AUXILIARY_WORDS = vocabulary(
    "disc discriminator d actor critic adv adversarial gan fake real feat kl kld reg penalty aux "
    "policy delta change value vf entropy pg chosen rejected margin margins"
)
# What is left in the solver of a step: the step says more, though in fewer rows.
INNER, INNER_WORDS = -5.0, vocabulary("linear ksp krylov")
# A generator is measured against an opponent that moves; a critic estimates a distance at least.
OPPONENT = -2.0
OPPONENT_WORDS = vocabulary("gen generator g")
# What an agent learns by says little beside the reward, or the loss as a whole.
AGENTS, AGENT_WORDS = -3.0, vocabulary("actor critic policy pg vf")
# "loss_0", "loss_q3": one of several.
NUMBERED = -1.5
# Codes and names of things that are written as numbers: no metric, whatever else the name says.
CODES = vocabulary(
    "code codes status errno pid tid port ttl lineno id ids uid uuid seed version flag flags "
    "type types"
)
# "best loss so far" only tells of progress, and stays as it is in between.
BEST, BEST_WORDS = -4.0, frozenset(["best"])
NOT_LR = -4.0  # the learning rate is the last thing to scan, but it can be scanned
UNKNOWN = 1.0  # a name we know nothing about
A_UNIT = 0.25  # a unit and no name
LONELY = -1.0  # the only number of a line but its counter: perhaps a metric, perhaps none
UNNAMED = 2.0  # the one number of a line that the log found not worth a name: "5000: 12.3, …"
GROWING = -0.2  # what adds up, such as the reading of a meter, after what it is the sum of
CONSTANT = -4.0  # "init loss: 4.6" on every line
OWN_X = 2.0  # x on the same row
SHARE = 0.1  # of two line shapes with the same metric the longer one leads
ROWS = 2.0  # per factor of ten in rows below the longest candidate
# Points within which metrics of the same table are equally good: one empty cell decides nothing.
NEAR = 0.1


def metric_points(column: Column, *, training: bool = False) -> float:
    """Points of a column's name as the metric, or of what that means beside the others.

    In a ``training``, what a service is judged by tells no more than how fast that runs.
    """
    if not column.meaning:
        return UNNAMED
    found = words_told(column.meaning)
    if (
        column.implied or column.clock or column.meaning == "s" or CODES.intersection(found)
    ):  # seconds
        return NOT_IT
    if lr_points(column):
        return NOT_LR
    if found and set(found) <= MEANS:
        return MEAN
    if found == ("total",):
        return TOTAL
    if (served := service_points(column.meaning, found)) is not None:
        return NOT_IT if training else served
    if UNIT_ALONE.fullmatch(column.meaning):
        return A_UNIT
    points = max((metric_word(word, found) for word in set(found)), default=0.0)
    points = points or (UNKNOWN if MEASURED.isdisjoint(found) else MEASUREMENT)
    known = sum(len(word) > 1 and metric_word(word, found) > 0 for word in found)
    plain = PLAIN | HELD_OUT | ({"rate", "norm"} if known and not is_none(found) else set())
    unit = UNIT.search(column.meaning)
    extra = len(set(found) - plain - set(words(unit[0]) if unit else ())) - 1
    word = MEASURED_WORD if points == MEASUREMENT else EXTRA_WORD
    points += max(word * max(extra, 0), EXTRA_WORDS_MOST)
    points += AUXILIARY * bool(AUXILIARY_WORDS.intersection(found))
    points += INNER * bool(known and INNER_WORDS.intersection(found))
    points += AGENTS * bool(known and AGENT_WORDS.intersection(found))
    points += TOTAL_ENERGY * ("total" in found and not ENERGIES.isdisjoint(found))
    points += OPPONENT * bool(OPPONENT_WORDS.intersection(found))
    points += NUMBERED * bool(known and ENDS_IN_NUMBER.search(column.meaning))
    points += SMOOTHED * bool(SMOOTHED_WORDS.intersection(found))
    points += NOT_IT * _says_none(column)
    points += BEST * bool(known and BEST_WORDS.intersection(found))
    named = side(column.meaning)
    held_out = HELD_OUT_POINTS if REWARDS.isdisjoint(found) else HELD_OUT_REWARD
    points += held_out * (column.held_out if named is None else named)
    return points + NOT_IT * (x_points(column) >= X_EPOCH)


def remarks(column: Column, *, training: bool = False) -> list[str]:
    """Say in words what gave a column its points as the metric."""
    found = set(words_told(column.meaning))
    served = service_points(column.meaning, words_told(column.meaning))
    named = side(column.meaning)
    told = {
        "validation": column.held_out if named is None else named,
        "smoothed": SMOOTHED_WORDS & found,
        "the best so far": BEST_WORDS & found,
        "auxiliary": AUXILIARY_WORDS & found,
        "of an inner solver": INNER_WORDS & found,
        "an opponent's": OPPONENT_WORDS & found,
        "a code or a state": CODES & found,
        "how fast it runs": served == NOT_IT or (served == SERVICE and training),
        "what a service is judged by": served == SERVICE and not training,
        "a duration or a load": served == DURATION,
        "what only adds up": adds_up(column),
        "no metric by its name": served is None and _says_none(column) and not lr_points(column),
        "counter": column.implied or x_points(column) >= X_EPOCH,
        "clock": x_points(column) == X_TIME,
        "a learning rate": lr_points(column),
    }
    said = [remark for remark, holds in told.items() if holds]
    if said or not is_unknown(column):
        return said
    return ["a measurement" if measured(column) else "unknown name"]


def _says_none(column: Column) -> bool:
    """Whether the name, but for its unit, says that it is no metric."""
    if not is_none(words_told(column.meaning)):
        return False
    return is_none(words_told(UNIT.sub("", column.meaning)) or words_told(column.meaning))


def is_unknown(column: Column) -> bool:
    """Whether the name says nothing about what the column is."""
    found = words_told(column.meaning)
    known = any(metric_word(word, found) for word in set(found))
    if UNIT_ALONE.fullmatch(column.meaning):
        return True
    return not known and service_points(column.meaning, found) is None


def measured(column: Column) -> frozenset[str]:
    """Return the words of a name that say what was measured: a temperature, a voltage."""
    return MEASURED.intersection(words(column.meaning)) if is_unknown(column) else frozenset()


def is_metric(column: Column) -> bool:
    """Whether the name is one of a metric, of however little worth."""
    found = words_told(column.meaning)
    none = CODES.intersection(found) or is_none(found) or lr_points(column) or column.implied
    return bool(found) and not none and any(metric_word(word, found) for word in found)


def tells_time(column: Column) -> bool:
    """Whether a name says that something took a time, or at which time it was."""
    return not DURATIONS.isdisjoint(words(column.meaning))


def counts_errors(column: Column) -> bool:
    """Whether a column tells in whole numbers how often something failed."""
    return not FAILED.isdisjoint(words(column.meaning)) and is_whole(column.values)


def adds_up(column: Column) -> bool:
    """Whether numbers only grow, whole ones or under a name that says nothing: as on a meter."""
    if column.implied or COLUMN_NUMBER.fullmatch(column.name) or not is_growing(column.values):
        return False
    return (is_unknown(column) or is_whole(column.values)) and not is_axis(column)


def is_training(columns: Iterable[Column]) -> bool:
    """Whether columns tell of a training: of its epochs, its rate, what it learns by."""
    return any(
        EPOCHS.intersection(found) or LEARNT.intersection(found) or lr_points(column) > LR_RATE
        for column in columns
        for found in [words(column.meaning)]
    )
