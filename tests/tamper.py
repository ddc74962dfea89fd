"""States of every kind of filter, detector and bank, tampered with: refused, or harmless.

    NUMBA_BOUNDSCHECK=1 python tests/tamper.py --seconds 600 --seed 1

Numbers of saved states are changed, bit by bit or to ones that mean something. Whatever is taken
over must go on with any samples, without an index outside of an array, and what it saves then must
be taken over again. The last line says how many were tried; anything that goes wrong is named, and
the exit code is 1.
"""

import argparse
import json
import random
import struct
import sys
import time
import warnings
import zlib
from collections import Counter
from itertools import product

import numpy as np

from plateau import Detector, DetectorBank, Ema, EmaHaar, Haar, ThresholdDetector

SPECIAL = [
    *(0.0, 1.0, -1.0, -0.0, 0.5, 2.0, 3.0, 4.0, 5.0, 11.0, 12.0, 63.0, 64.0, 127.0, 128.0),
    *(255.0, 256.0, 257.0, 5000.0, 2.0**31, 2.0**52 - 1, 2.0**52, 2.0**53, 2.0**62, 2.0**63),
    *(5e-324, 1e-300, 1e300, -1e300, 2.0**500, 32 * 2.0**500, 2.0**505, float("nan"), float("inf")),
]
FLOAT = struct.Struct("<d")
LONGEST = 2**52  # samples: a stream that has as many as it can count is none that ends


def seeds(rng):
    """Yield what has taken samples, of every kind and in every situation."""
    for n in (5, 50, 400, 900, 3000):
        yield fed(Detector(horizon=100), 5 * np.exp(-np.arange(n) / 80) + rng.normal(0, 0.05, n))
    yield fed(Detector("both", horizon=24), rng.normal(size=60_000))  # a plateau held
    yield fed(Detector(horizon=60), np.r_[rng.normal(0, 0.1, 800), rng.normal(5, 0.1, 60)])
    changed = fed(Detector(horizon=60), rng.normal(0, 0.1, 800))
    changed.changed()
    yield fed(changed, rng.normal(0, 0.1, 7))
    filters = (Haar(4), Haar(10, 3), Haar(6, 7), EmaHaar(0.1, 0.2), Ema(0.3))
    for slope_filter in filters:
        yield fed(slope_filter, rng.normal(size=33))
        yield fed(ThresholdDetector(slope_filter, 0.01, 5), rng.normal(0, 0.01, 101))
    yield fed(ThresholdDetector(Ema(0.5), 1.0, 300), rng.normal(0, 0.1, 2000))
    yield fed(ThresholdDetector(Haar(4), 1.0, 300), rng.normal(0, 0.1, 2000))
    yield fed(DetectorBank(Detector(horizon=24), 3), rng.normal(size=(300, 3)))
    for slope_filter, streams in product((Haar(4, 2), Ema(0.2)), (5, 70)):
        bank = DetectorBank(ThresholdDetector(slope_filter, 0.1, 3), streams)
        yield fed(bank, rng.normal(size=(30, streams)))


def fed(one, samples):
    one.update_many(samples)
    return one


STREAMS = [
    np.random.default_rng(0).normal(0, 0.1, 600),
    np.arange(600) * 0.1,
    np.zeros(600),
    np.r_[np.zeros(300), np.full(300, 9.0)],
]


def told(one, *names):
    return [getattr(one, name) for name in names]


def exercise(one):
    """Let it take streams, one by one and in a row, and tell what it knows."""
    for xs in STREAMS:
        if isinstance(one, DetectorBank):
            one.update(np.full(one.streams, xs[0]))
            one.update_many(np.repeat(xs[:120, None], one.streams, 1))
            one.update_many(np.repeat(xs[None, :120], one.streams, 0).T)
            told(one, "verdict", "onset", "level_error", "gain")
        else:
            one.update_many(xs)
            for x in xs[:40]:
                one.update(x)
            repr(one)
    if isinstance(one, Detector | ThresholdDetector):
        one.update_many(np.full(3, np.nan))
        one.record(STREAMS[0][:50])
        one.until_fire(STREAMS[1][:50])
        told(one, "verdict", "onset", "declared", "level", "slope", "noise")
        one.changed()
    if isinstance(one, Detector):
        told(one, "level_error", "gain", "remembered", "confidence")
    if isinstance(one, Detector) or not hasattr(one, "detector"):
        one.update_many(np.tile(STREAMS[0], 30))  # long enough to be cut in pieces
    json.dumps(one.state_dict(), allow_nan=False)


def tampered(rng, table, streams, counts):
    """Return a copy of the numbers with some of them changed; the first cells more often."""
    numbers = table.copy()
    cells = numbers.shape[1]
    rows = range(len(numbers)) if rng.random() < 0.5 else [rng.randrange(streams)]
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        cell = rng.randrange(min(cells, 60) if rng.random() < 0.8 else cells)
        value = rng.choice(SPECIAL)
        if rng.random() < 0.4:
            bits = bytearray(FLOAT.pack(numbers[rows[0], cell]))
            place = rng.randrange(64)
            bits[place // 8] ^= 1 << place % 8
            (value,) = FLOAT.unpack(bits)
            counts["bits"] += 1
        numbers[list(rows), cell] = value
    return numbers


def as_bytes(one, numbers):
    """Return a state with these numbers, as `to_bytes` has it."""
    head = one.to_bytes()
    (length,) = struct.unpack_from("<I", head, 12)
    flat = numbers.astype("<f8").tobytes()
    body = head[: 16 + length] + struct.pack("<3I", 1, 0, numbers.size) + flat
    return body + struct.pack("<I", zlib.crc32(body))


def as_json(one, numbers):
    """Return the same as `state_dict` has it."""
    saved, names = one.state_dict(), one._layout.names
    columns = dict(zip(names, numbers.T.tolist(), strict=False))
    columns["ring"] = [row[len(names) :].tolist() for row in numbers]
    if not isinstance(one, DetectorBank):
        columns = {name: values[0] for name, values in columns.items()}
    return {**saved, "state": columns}


def attempt(one, numbers, through_json):
    """Try one state; return whether it was taken over."""
    try:
        if through_json:
            made = one.clone()
            made.load_state_dict(json.loads(json.dumps(as_json(one, numbers))))
        else:
            made = type(one).from_bytes(as_bytes(one, numbers))
    except ValueError:
        return False
    exercise(made)
    if max(np.max(made.count), np.max(getattr(made, "skipped", 0))) < LONGEST:
        type(made).from_bytes(made.to_bytes())
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # extreme numbers may overflow, which is no harm
    rng = random.Random(given.seed)
    ones = list(seeds(np.random.default_rng(given.seed)))
    for one in ones:
        exercise(one.clone())  # compiles everything
    tables = [one._table().copy() for one in ones]
    counts, wrong = Counter(), {}
    end = time.monotonic() + given.seconds
    while time.monotonic() < end:
        at = rng.randrange(len(ones))
        one, table = ones[at], tables[at]
        numbers, through_json = tampered(rng, table, len(table), counts), rng.random() < 0.3
        try:
            counts["taken over" if attempt(one, numbers, through_json) else "refused"] += 1
        except Exception as error:
            counts["wrong"] += 1
            changed = np.argwhere(numbers != table)[:4].tolist()
            told = f"{one!r}: {error!r} with {changed} {[numbers[tuple(c)] for c in changed]}"
            wrong.setdefault((type(one), repr(error)[:60]), told)
    for told in wrong.values():
        print(told)
    bits = counts.pop("bits", 0)
    print(
        f"{counts.total()} states, {bits} bits flipped in them: {counts['refused']} refused, "
        f"{counts['taken over']} taken over without harm, {counts['wrong']} went wrong"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
