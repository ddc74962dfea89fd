"""Candidates take turns (a, b, c, a, b, c, …), so that noise of the machine hits all alike."""

import gc
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from statistics import median
from time import perf_counter, perf_counter_ns
from types import FunctionType


@dataclass(frozen=True)
class Candidate:
    """One way to do a group's work."""

    name: str
    samples: int
    """Samples that a call takes: its time is divided by them."""
    prepare: Callable[[], Callable[[], object]]
    """Returns the call, afresh for each round; only the call is timed."""
    needs: str | None = None
    """The package of a peer."""
    every: int = 1
    """A slow one takes a turn only in one of so many rounds, or there would be few."""
    at: int | None = None
    """Its place on the axis of a picture."""

    @property
    def key(self):
        return self.name if self.at is None else (self.name, self.at)


@dataclass(frozen=True)
class Group:
    """Ways to do the same work."""

    name: str
    reference: str
    """Times are shown as ratios to that of this candidate."""
    candidates: list[Candidate]
    unit: str = "ns a sample"
    scale: float = 1.0
    """Nanoseconds in a unit."""
    least: int = 5
    """Rounds at least."""
    warm_up: bool = True
    """Whether each is called once before: it compiles, imports and fills caches."""
    once: bool = False
    """Whether there is one figure for each, instead of many rounds."""


@dataclass
class Result:
    """What came of a group."""

    group: Group
    times: dict = field(default_factory=dict)
    """Nanoseconds a sample in every round, by the candidates' keys."""
    absent: dict[str, str] = field(default_factory=dict)
    """Packages that cannot be imported, and why."""

    def minimum(self, key):
        return min(self.times[key])

    def median(self, key):
        return median(self.times[key])


def measured(group, seconds, most=None):
    """Times of all candidates whose packages are there, for some seconds; at most `most` rounds."""
    absent = absences(group.candidates)
    present = [each for each in group.candidates if each.needs not in absent]
    result = Result(group, {each.key: [] for each in present}, absent)
    if group.warm_up and most is None:
        for each in present:
            each.prepare()()
    with no_collection():
        end, rounds = perf_counter() + seconds, 0
        while rounds != most and (rounds < group.least or perf_counter() < end):
            for each in present:
                if rounds % each.every == 0:
                    result.times[each.key].append(timed(each.prepare()) / each.samples)
            rounds += 1
    return result


def absences(candidates):
    """Packages that cannot be imported, and why."""
    found = {}
    for package in {each.needs for each in candidates if each.needs}:
        try:
            import_module(package)
        except ImportError as error:
            found[package] = str(error.__context__ or error)
    return found


def timed(call):
    """Nanoseconds that a call takes."""
    begin = perf_counter_ns()
    call()
    return perf_counter_ns() - begin


@contextmanager
def no_collection():
    """No garbage is collected within: it would hit whoever is at turn."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def fed(take, xs):
    """Return a call that gives `take` the items of `xs` one by one.

    Each has bytecode of its own: the interpreter adapts a place to what is called there, and calls
    of several callables from one place would slow each other down.
    """
    own = FunctionType(_feed.__code__.replace(), {})
    return lambda: own(take, xs)


def _feed(take, xs):
    for x in xs:
        take(x)
