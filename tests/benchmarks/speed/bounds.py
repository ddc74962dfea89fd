"""What must be reached, and what was."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.pages import ABSENT

from .batches import CALIBRATED_BANK, COPYTO, EMA_BANK
from .growth import CALIBRATED, EMA, HAAR
from .ours import CALIBRATED as DETECTOR
from .ours import EMA_RESPONSE, EMA_RULE, HAAR_RESPONSE
from .peers import ADWIN, LFILTER, PAGE_HINKLEY, POLARS, REDUCE
from .processor import vector_bits
from .starts import ALL_WAYS, FIRST_ANSWER, FIRST_UPDATES, NUMBA, PLATEAU
from .updates import CALIBRATED_RUN, RULE_STEP, RUN


class AbsentError(Exception):
    """Something that a bound needs was not measured."""


@dataclass(frozen=True)
class Reading:
    """Figures of the results by one statistic of their rounds."""

    results: dict
    statistic: str

    def __call__(self, group, key):
        """Time of a candidate."""
        result = self._result(group)
        if key not in result.times:
            if key in {each.key for each in result.group.candidates}:
                raise AbsentError(key)
            raise KeyError(key)
        return getattr(result, self.statistic)(key)

    def growth(self, group, line):
        """Time at the last place of a line in a picture, over that at the first."""
        places = [each.at for each in self._result(group).group.candidates if each.name == line]
        return self(group, (line, max(places))) / self(group, (line, min(places)))

    def _result(self, group):
        if group not in self.results:
            raise AbsentError(group)
        return self.results[group]


@dataclass(frozen=True)
class Bound:
    """A figure with a limit."""

    text: str
    limit: float | dict[int, float]
    """One, or one for each width of the processor's vectors."""
    figure: Callable[[Reading], float]
    least: bool = False
    """Whether the figure must be the limit or more."""

    def row(self, results):
        """Cells of its line in the table; kept or not is told by the minima."""
        bound = self.limit[vector_bits()] if isinstance(self.limit, dict) else self.limit
        limit = f"{'≥' if self.least else '≤'} {bound:.3g}"
        try:
            values = [self.figure(Reading(results, kind)) for kind in ("minimum", "median")]
        except AbsentError as absent:
            return [self.text, limit, ABSENT, ABSENT, f"not measured: {absent}"]
        kept = values[0] >= bound if self.least else values[0] <= bound
        return [self.text, limit, *(f"{v:.3g}" for v in values), "yes" if kept else "**no**"]


def over(group, name, other):
    """Time of a candidate over that of another."""
    return lambda at: at(group, name) / at(group, other)


def slower(*groups, name):
    """Time over copyto's, in the group where it is larger."""
    return lambda at: max(over(group, name, COPYTO)(at) for group in groups)


def imports(group, *names):
    """Time of the slowest of these processes, in times of importing numba."""
    return lambda at: max(at(group, name) for name in names) / at(WARM, NUMBA)


def a_million(name):
    """Time of a million samples in a bank, in times of importing numba."""
    return lambda at: 1e6 * max(at(group, name) for group in BANK) / at(WARM, NUMBA)


def grown(group, line):
    return lambda at: at.growth(group, line)


DETECTION = ("detection at rest", "detection of a loss")
BANK = ("bank, sample by sample", "bank, stream by stream")
STEPS = "a step with a number"
WARM, COLD = "a new process", "the very first process"
WINDOW, STREAM = "growth with the window", "growth with the stream"
IN_LANES = {512: 1.3, 256: 1.3, 128: 3.0}
"""Of copyto's time: `plateau.fast` takes eight numbers in one, two or four vectors."""
BOUNDS = [
    Bound("EmaHaar response / copyto", IN_LANES, over("response", EMA_RESPONSE, COPYTO)),
    Bound(
        "lfilter / EmaHaar response",
        {512: 12, 256: 12, 128: 4},
        over("response", LFILTER, EMA_RESPONSE),
        least=True,
    ),
    Bound("polars ewm_mean / EmaHaar response", 5, over("response", POLARS, EMA_RESPONSE), True),
    Bound("Haar response / copyto", 4, over("response", HAAR_RESPONSE, COPYTO)),
    Bound("threshold detection, EmaHaar / copyto", IN_LANES, slower(*DETECTION, name=EMA_RULE)),
    Bound("calibrated detection / copyto", 40, slower(*DETECTION, name=DETECTOR)),
    Bound("bank, EmaHaar / copyto", IN_LANES, slower(*BANK, name=EMA_BANK)),
    # Its rules are plain Python, which copyto's time says nothing of: 3 seconds for 4,000 samples
    # of each of 1,024 streams, where numba takes 0.27 to import.
    Bound("bank, calibrated, a million samples / import numba", 2.7, a_million(CALIBRATED_BANK)),
    Bound("bank, EmaHaar, bytes a stream", 100, lambda at: at("memory of a bank", EMA_BANK)),
    Bound("threshold update / ADWIN", 1, over("one update", EMA_RULE, ADWIN)),
    Bound("threshold update / ReduceLROnPlateau", 0.2, over("one update", EMA_RULE, REDUCE)),
    Bound(
        "calibrated update, the first / PageHinkley", 2, over("one update", DETECTOR, PAGE_HINKLEY)
    ),
    Bound("calibrated update, of a run / PageHinkley", 1, over(RUN, DETECTOR, PAGE_HINKLEY)),
    Bound("a step, threshold rule / ReduceLROnPlateau's", 1 / 3, over(STEPS, RULE_STEP, REDUCE)),
    Bound("a step, calibrated / ReduceLROnPlateau's", 1.5, over(STEPS, CALIBRATED_RUN, REDUCE)),
    Bound("EmaHaar, longest / shortest window", 1.2, grown(WINDOW, EMA)),
    Bound("Haar, longest / shortest window", 1.2, grown(WINDOW, HAAR)),
    Bound("calibrated, longest / shortest horizon", 1.2, grown(WINDOW, CALIBRATED)),
    Bound("EmaHaar, latest / earliest sample", 1.2, grown(STREAM, EMA)),
    Bound("Haar, latest / earliest sample", 1.2, grown(STREAM, HAAR)),
    Bound("calibrated, latest / earliest sample", 1.2, grown(STREAM, CALIBRATED)),
    Bound("plateau, imported / import numba", 1.4, imports(WARM, PLATEAU)),
    Bound("a first update / import numba", 1.5, imports(WARM, *FIRST_UPDATES)),
    # 3 and 6 seconds where numba takes 0.27 to import.
    Bound("first answer, nothing compiled / import numba", 11, imports(COLD, FIRST_ANSWER)),
    Bound("all ways, nothing compiled / import numba", 22, imports(COLD, ALL_WAYS)),
]
