"""What many streams cost: a bank of calibrated ones, and streams by key as engines bring them.

    python -m tests.benchmarks.fleet [--streams 10000 100000] [--page docs/streams.md]

prints two tables of processor time, or writes them into the page. It takes a minute, and 2 GB for
100,000 streams.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from plateau import Detector, DetectorBank, KeyedDetectors
from plateau._pyramid import FIRST

from .pages import table, written

ROWS = 30
"""Samples of each stream of a bank that are timed."""

AGES = range(1000, 2000, 10)
"""Samples that streams of a bank have seen before: they are looked at at different times."""

KEYS, LENGTH = 50, 300
"""Streams by key, and samples of each."""


def seconds(work):
    """Return the seconds of processor time that something takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def of_bank(streams):
    """Return what a bank of so many costs, as cells of a table."""
    rng = np.random.default_rng(0)
    young = DetectorBank(Detector("both"), streams)
    first = max(timed(young, rng, FIRST))  # when all are looked at for the first time, at once
    old = aged(young, rng)
    took = timed(old, rng, ROWS)
    state = old._state.nbytes / streams
    del young, old
    grown = DetectorBank(Detector("both"), 1)
    growth = seconds(lambda: [grown.grow(1) for _ in range(streams - 1)]) / streams
    typical, mean = (1e9 * each(took) / streams for each in (statistics.median, statistics.mean))
    cells = (
        f"{state:,.0f}",
        f"{typical:,.0f}",
        f"{mean:,.0f}",
        f"{first:.2g}",
        f"{1e6 * growth:.0f}",
    )
    print(streams, *cells, file=sys.stderr, flush=True)
    return [f"{streams:,}", *cells]


def timed(bank, rng, rows):
    """Return the seconds of each of so many updates."""
    samples = rng.normal(size=(rows, len(bank)))
    return [seconds(lambda row=row: bank.update(row)) for row in samples]


def aged(bank, rng):
    """Let each stream of a bank go on from one that has seen many samples."""
    some = []
    for age in AGES:
        some.append(Detector("both"))
        some[-1].update_many(rng.normal(size=age))
    for stream in range(len(bank)):
        bank[stream] = some[stream % len(some)]
    return bank


def of_keys(batch, apart):
    """Return microseconds a message where each comes with the state of its key, kept apart."""
    rows = np.random.default_rng(1).normal(size=(KEYS, LENGTH))
    keyed, states = KeyedDetectors(Detector(), load=lambda _: None), {}

    def work():
        for begin in range(0, LENGTH, batch):
            for key, row in enumerate(rows):
                if apart:
                    keyed.forget(key)
                keyed.restore(key, states.get(key))
                keyed.take_many(key, range(begin, begin + batch), row[begin : begin + batch])
                states.update(keyed.collect())

    return 1e6 * seconds(work) / rows.size


def of_bytes():
    """Return the bytes of a state, and microseconds in which a detector is made of them."""
    detector, often = Detector(), 2000
    detector.update_many(np.random.default_rng(1).normal(size=LENGTH))
    state = detector.to_bytes()
    took = seconds(lambda: [Detector.from_bytes(state) for _ in range(often)])
    return len(state), 1e6 * took / often


def bank_table(sizes):
    header = ["streams", "bytes a stream", "ns a stream and update, median", "mean",
              "first look at all, s", "µs to add one"]  # fmt: skip
    return table(header, map(of_bank, sizes))


def key_table():
    header = ["messages of a key", "µs a message", "messages a second"]
    lines = []
    for batch in (1, 10, 100):
        for apart, where in ((False, "ready"), (True, "put away")):
            took = of_keys(batch, apart)
            name = f"{batch} at a time, its detector {where}"
            lines.append([name, f"{took:.3g}", f"{1e6 / took:,.0f}"])
    size, took = of_bytes()
    said = f"has {size:,} bytes after {LENGTH} samples of noise, and is read in {took:.0f} µs."
    return f"{table(header, lines)}\n\nThe state of a detector {said}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--page", type=Path, help="write the tables into this page")
    asked = parser.parse_args()
    timed(
        DetectorBank(Detector("both"), 1), np.random.default_rng(), FIRST
    )  # loads what is compiled
    found = {"streams by key": key_table()}
    print(found["streams by key"], file=sys.stderr, flush=True)
    found["fleet"] = bank_table(asked.streams)
    if asked.page:
        asked.page.write_text(written(asked.page.read_text(), found))
    else:
        print("\n\n".join(found.values()))


if __name__ == "__main__":
    main()
