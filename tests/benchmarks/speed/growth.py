"""Whether a sample costs more with a longer window, later in a stream, or with more streams."""

from functools import partial

from plateau import Detector, DetectorBank, EmaHaar, Haar, ThresholdDetector

from . import ours, peers
from .batches import BANKS, whole
from .streams import at_rest
from .timing import Candidate, Group, fed

EMA, HAAR, CALIBRATED = "plateau EmaHaar", "plateau Haar", "plateau calibrated"
KSWIN = "river KSWIN"
AGEING = {EMA: ours.ema_rule, HAAR: ours.haar_rule, CALIBRATED: Detector}

TAKEN = 1_000
"""Samples that are timed at each point: too few to cut, which short windows allow first."""
ROWS = 8
"""Samples of each stream of a bank that are."""
PIECE = 1_000_000
"""Samples that are taken at once to age a detector."""


def of_window(window):
    """Detectors that look back over so many samples; a calibrated one needs 24 at least."""
    rule = {"threshold": 5e-5, "patience": 10_000}
    weight = min(1.0, 2 / window)  # the time constants of both averages together
    found = {
        EMA: ThresholdDetector(EmaHaar(weight, weight), **rule),
        HAAR: ThresholdDetector(Haar(window), **rule),
    }
    return found | ({CALIBRATED: Detector(horizon=window)} if window >= 24 else {})


def by_window(sizes):
    """Detectors whose window is full."""
    xs, found = at_rest(TAKEN), []
    for window in sizes.windows:
        for name, detector in of_window(window).items():
            aged(detector, 2 * window + TAKEN)
            # A calibrated one costs less as it grows older, so it is as old in each round. A clone
            # of a filter would have its whole window to fetch, which no stream has at once.
            prepare = again if name == CALIBRATED else onward
            found.append(Candidate(name, TAKEN, prepare(detector, xs), at=window))
        found.append(window_peer(window, xs[:10].tolist()))
    return Group("growth with the window", EMA, found)


def window_peer(window, xs):
    return Candidate(
        KSWIN, len(xs), lambda: fed(peers.kswin(window), xs), "river", every=10, at=window
    )


def by_age(sizes):
    """Detectors that have seen so many samples."""
    xs, found = at_rest(TAKEN), []
    for name, make in AGEING.items():
        detector, seen = make(), 0
        for age in sizes.ages:
            aged(detector, age - seen)
            seen = age
            found.append(Candidate(name, TAKEN, again(detector.clone(), xs), at=age))
    return Group("growth with the stream", EMA, found)


def by_streams(sizes):
    """Banks of so many streams that are past their first samples; each goes on over the rounds."""
    found = []
    for streams in sizes.banks:
        rows = at_rest(ROWS * streams).reshape(ROWS, streams)
        for title, name in zip(BANKS, AGEING, strict=True):
            if name == CALIBRATED and streams > 10_000:  # 6 kB each
                continue
            bank = DetectorBank(BANKS[title], streams)
            for _ in range(4):
                fed(bank.update, rows)()
            prepare = partial(fed, bank.update, rows)
            found.append(Candidate(name, rows.size, prepare, at=streams))
    return Group("growth with the streams", EMA, found)


def aged(detector, samples):
    """Feed a detector so many samples."""
    xs = at_rest(min(samples, PIECE))
    for begin in range(0, samples, PIECE):
        detector.update_many(xs[: samples - begin])


def again(detector, xs):
    """Every round goes on from the same state."""
    return lambda: whole(detector.clone(), xs)


def onward(detector, xs):
    """Every round goes on where the last one ended."""
    return lambda: whole(detector, xs)


GROUPS = {
    "growth with the window": by_window,
    "growth with the stream": by_age,
    "growth with the streams": by_streams,
}
