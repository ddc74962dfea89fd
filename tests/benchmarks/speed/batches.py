"""Whole streams at once, and many streams side by side."""

import tracemalloc

import numpy as np

from plateau import Detector, DetectorBank, Haar, ThresholdDetector

from . import ours, peers
from .streams import at_rest, training_loss
from .timing import Candidate, Group, Result, fed

COPYTO = "numpy.copyto"


def limits(xs):
    """The least that touching all samples can cost."""
    out = np.empty_like(xs)
    found = {
        COPYTO: lambda: np.copyto(out, xs),
        "numpy.copy, into new memory": xs.copy,
        "numpy.sum": xs.sum,
    }
    return [Candidate(name, xs.size, lambda call=call: call) for name, call in found.items()]


def response(sizes):
    """A slope for each sample of one stream."""
    xs = at_rest(sizes.batch)
    found, out = limits(xs), np.empty_like(xs)
    for name, each in ours.FILTERS.items():
        found.append(Candidate(name, xs.size, lambda each=each: lambda: each.response(xs, out)))
    own = ours.FILTERS[ours.EMA_RESPONSE]
    title = f"{ours.EMA_RESPONSE}, into new memory"
    found.append(Candidate(title, xs.size, lambda: lambda: own.response(xs)))
    for name, (package, make) in peers.RESPONSES.items():
        found.append(Candidate(name, xs.size, lambda make=make: make(xs), package))
    return Group("response", COPYTO, found)


def detection(sizes, name, stream):
    """The fires of one stream, without a slope for each sample."""
    xs = stream(sizes.batch)
    found = limits(xs)
    for title, make in ours.DETECTORS.items():
        found.append(Candidate(title, xs.size, lambda make=make: whole(make(), xs)))
    return Group(name, COPYTO, found + peers.candidates(stream(sizes.walked).tolist()))


def whole(detector, xs):
    return lambda: detector.update_many(xs)


HAAR_BANK_RULE = ThresholdDetector(Haar(10), threshold=6e-5, patience=8_000)
EMA_BANK, CALIBRATED_BANK = "plateau bank, EmaHaar", "plateau bank, calibrated"
BANKS = {
    EMA_BANK: ours.ema_rule(),
    "plateau bank, Haar(10)": HAAR_BANK_RULE,
    CALIBRATED_BANK: Detector(),
}


def banks(sizes, name, order):
    """Samples of many streams; `order` is that of the array (samples, streams) in memory."""
    xs = np.array(at_rest(sizes.rows * sizes.streams).reshape(sizes.rows, -1), order=order)
    out, level = np.empty_like(xs), np.zeros(sizes.streams)

    def averages():
        for x in xs:
            np.add(level, 1e-3 * (x - level), out=level)

    own = {
        COPYTO: lambda: lambda: np.copyto(out, xs),
        "numpy, one EMA each": lambda: averages,
    }
    for title, detector in BANKS.items():
        own[title] = lambda d=detector: whole(DetectorBank(d, sizes.streams), xs)
        own[f"{title}, row by row"] = lambda d=detector: fed(
            DetectorBank(d, sizes.streams).update, xs
        )
    return Group(name, COPYTO, [Candidate(title, xs.size, make) for title, make in own.items()])


def bank_memory(sizes):
    """Bytes that a bank takes of each of its streams, its first update included."""
    found = {}
    for title, detector in BANKS.items():
        streams = sizes.many // 10 if title.endswith("calibrated") else sizes.many
        found[title] = [allocated(detector, streams) / streams]
    candidates = [Candidate(title, 1, dict) for title in found]
    group = Group("memory of a bank", EMA_BANK, candidates, unit="bytes a stream", once=True)
    return Result(group, found)


def allocated(detector, streams):
    """Bytes that are allocated once a bank is made and fed."""
    xs = np.zeros(streams)
    tracemalloc.start()
    try:
        bank = DetectorBank(detector, streams)
        fired = bank.update(xs)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(fired) == len(bank)
    return size


GROUPS = {
    "response": response,
    "detection at rest": lambda sizes: detection(sizes, "detection at rest", at_rest),
    "detection of a loss": lambda sizes: detection(sizes, "detection of a loss", training_loss),
    "bank, sample by sample": lambda sizes: banks(sizes, "bank, sample by sample", "C"),
    "bank, stream by stream": lambda sizes: banks(sizes, "bank, stream by stream", "F"),
}
