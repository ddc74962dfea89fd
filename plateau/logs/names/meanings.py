"""What names mean beside the others of their log: a "Z" beside a likelihood is an evidence."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from plateau.logs.names.quantities import (
    ENERGIES,
    LIKELIHOODS,
    MEANS,
    MEASURED,
    metric_word,
    service_points,
    words_told,
)
from plateau.logs.names.words import squash, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from plateau.logs.columns import Column

    Words = Mapping[str, tuple[str, ...]]
    """The words of each name of a log."""

NO_METRIC = "index"  # the meaning of what is none
LATITUDES, LONGITUDES = vocabulary("lat latitude"), vocabulary("lon lng long longitude")
USED = vocabulary("usage consumption consumed kwh")  # as a meter tells it
EPISODES = vocabulary("episode episodes")
HEATED = vocabulary("temp temps temperature")
SENT = vocabulary("packet packets pkt pkts datagrams")
# The error of a forest on what its trees have not seen; a likelihood.
IN_SHORT = {("oob",): "oob error", ("like",): "loglike"}
# "||r||", "||B r||", "Nonlinear |R|", "(B r, r)": of what is left, which "/||b||" sets in relation.
RESIDUAL = re.compile(
    r"\br \((?:abs|rel)\)|\|(?:[A-Z] ?)?r(?:\(\w+\)|_\w+)?\||\((?:[A-Z] )?r, ?r\)", re.IGNORECASE
)
PRICES = {"open", "high", "low", "close"}
ENDS = (vocabulary("min max"), vocabulary("best worst"))
SPREADS, SUMMED_UP = vocabulary("median std stdev min max"), 2  # beside a mean, at least so many


def tell_meanings(columns: Iterable[Column]) -> None:
    """Give the columns of a log their meanings, where these are not what the names say."""
    columns = list(columns)
    told = {item.name: words_told(item.name) for item in columns}
    found = {name: meaning for rule in RULES for name, meaning in rule(told)}
    for item in columns:
        item.meaning = found.get(item.name, item.name)


def _places(told: Words) -> Iterator[tuple[str, str]]:
    """Find a "lat" beside a "lon": a place."""
    north, east = (
        [name for name, found in told.items() if found and kind.issuperset(found)]
        for kind in (LATITUDES, LONGITUDES)
    )
    if north and east:
        yield from ((name, NO_METRIC) for name in north + east)


def _bands(told: Words) -> Iterator[tuple[str, str]]:
    """Find a "gap" beside energies: it lies between bands."""
    if _any_of(ENERGIES, told):
        yield from ((name, NO_METRIC) for name, found in told.items() if found == ("gap",))


def _bills(told: Words) -> Iterator[tuple[str, str]]:
    """Find a "cost" beside a consumption: it is paid, and not made small."""
    if any(found and USED.issuperset(found) for found in told.values()):
        yield from ((name, NO_METRIC) for name, found in told.items() if found == ("cost",))


def _setpoints(told: Words) -> Iterator[tuple[str, str]]:
    """Find the target of a temperature, which stands next to it."""
    for (name, found), (next_, other) in pairwise(told.items()):
        for target, found_there, beside in ((name, found, other), (next_, other, found)):
            if "target" in found_there and not HEATED.isdisjoint(beside):
                yield target, NO_METRIC


def _lost(told: Words) -> Iterator[tuple[str, str]]:
    """Find the loss of packets, which nothing is trained by."""
    for name, found in told.items():
        if not SENT.isdisjoint(found) and "loss" in found:
            yield name, "failures"


def _prices(told: Words) -> Iterator[tuple[str, str]]:
    """Find the "close" of a day's prices, beside its open, high and low."""
    alone = {found[0]: name for name, found in told.items() if len(found) == 1}
    if alone.keys() >= PRICES:
        yield alone["close"], "price"


def _evidence(told: Words) -> Iterator[tuple[str, str]]:
    """Find a "Z" beside a likelihood."""
    if _any_of(LIKELIHOODS, told):
        yield from ((name, "logz") for name, found in told.items() if found == ("z",))


def _returns(told: Words) -> Iterator[tuple[str, str]]:
    """Find the return of an agent, which counts episodes: an "R", or a mean of what has no name."""
    if not _any_of(EPISODES, told):
        return
    yield from ((name, "return") for name, found in told.items() if found == ("r",))
    spreads = {word for found in told.values() if len(found) == 1 for word in found}
    if len(SPREADS & spreads) >= SUMMED_UP:
        means = (name for name, found in told.items() if len(found) == 1 and MEANS & set(found))
        yield from ((name, "mean return") for name in means)


def _learnt(told: Words) -> Iterator[tuple[str, str]]:
    """Find what is told of learning beside what is told of a test: "learn: 0.5 test: 0.6"."""
    alone = {found[0]: name for name, found in told.items() if len(found) == 1}
    if "learn" in alone and "test" in alone:
        yield alone["learn"], "learn measure"


def _between_extremes(told: Words) -> Iterator[tuple[str, str]]:
    """Find the mean of what has no telling name, beside its least and its largest value."""
    known = {frozenset(found) for found in told.values()}
    for name, found in told.items():
        of = frozenset(found) - MEANS
        telling = any(metric_word(word, found) for word in of) or not MEASURED.isdisjoint(of)
        if len(of) != len(found) - 1 or telling or (of and service_points(name, found) is not None):
            continue
        if any(known.issuperset({of | {word} for word in extremes}) for extremes in ENDS):
            yield name, "mean measure"


def _averaged(told: Words) -> Iterator[tuple[str, str]]:
    """Find the letter whose average is told beside it: it is what the program is about."""
    averages = {found[1:] for found in told.values() if found[:1] and found[0] in MEANS}
    for name, found in told.items():
        letter = len(found) == 1 and len(found[0]) == 1 and not metric_word(found[0], found)
        if letter and found in averages:
            yield name, f"{name} measure"


def _residuals(told: Words) -> Iterator[tuple[str, str]]:
    """Find the norm of an "r", as solvers write that of a residual."""
    for name in told:
        if RESIDUAL.search(name):
            relative = " relative to b" * ("/|" in name)
            yield name, RESIDUAL.sub(" residual ", name) + relative


def _changing(told: Words) -> Iterator[tuple[str, str]]:
    """Find the letter whose change is told beside it: "E= -76.0  delta_E= -0.1"."""
    short = {squash(name) for name in told}
    for name, found in told.items():
        letter, energy = squash(name), found == ("energy",)
        changes = {f"delta{letter}", f"diff{letter}"} | ({f"d{letter}"} if energy else set())
        if len(letter) == 1 and not short.isdisjoint(changes):
            yield name, "energy" if energy else f"{name} measure"


def _in_short(told: Words) -> Iterator[tuple[str, str]]:
    """Find names that are short for others, but only where they stand alone."""
    yield from ((name, IN_SHORT[found]) for name, found in told.items() if found in IN_SHORT)


def _any_of(kind: frozenset[str], told: Words) -> bool:
    return any(not kind.isdisjoint(found) for found in told.values())


RULES: tuple[Callable[[Words], Iterator[tuple[str, str]]], ...] = (
    _places,
    _bands,
    _bills,
    _setpoints,
    _lost,
    _prices,
    _evidence,
    _learnt,
    _between_extremes,
    _returns,
    _averaged,
    _changing,
    _residuals,
    _in_short,
)
