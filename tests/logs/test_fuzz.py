"""Damaged files of every format: a log comes back or one clear line, never anything else.

Short here; ``python tests/logs/test_fuzz.py MINUTES`` goes on for as long as one likes, and
``python tests/logs/test_fuzz.py atheris [OPTIONS OF LIBFUZZER]`` lets atheris look for what is not
reached yet. What was found is in the folder ``findings``.
"""

import bz2
import gzip
import importlib
import io
import json
import lzma
import random
import sqlite3
import struct
import sys
import tempfile
import time
import zlib
from pathlib import Path

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau.logs import LogError, read_log
from plateau.logs.formats.frames import masked_crc

ROWS = [(10 * i, round(3 / (i + 1), 4), 0.1 if i < 15 else 0.01) for i in range(30)]
TEXT = "".join(f"12:00:{s // 10:02d} step {s}/300 loss {v} (avg 1.5) lr {r}\n" for s, v, r in ROWS)
CSV = "step,loss,lr\n" + "".join(f"{s},{v},{r}\n" for s, v, r in ROWS)
RECORDS = [{"step": s, "loss": v, "lr": r, "mode": "train"} for s, v, r in ROWS]
FRAME = pl.DataFrame(RECORDS)


def database():
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE metrics (step INT, key TEXT, value DOUBLE, run_id TEXT)")
    made.executemany("INSERT INTO metrics VALUES (?, 'loss', ?, ?)", ROWS)
    made.commit()
    return made.serialize()


def events():
    out = b""
    for step, value, _ in ROWS:
        scalar = b"\n\x04loss\x15" + struct.pack("<f", value)
        summary = b"\n" + bytes([len(scalar)]) + scalar
        data = b"\t" + struct.pack("<d", 1.7e9) + b"\x10" + (
            bytes([step]) if step < 128 else bytes([step & 127 | 128, step >> 7])
        ) + b"*" + bytes([len(summary)]) + summary  # fmt: skip
        length = struct.pack("<Q", len(data))
        out += length + struct.pack("<I", masked_crc(length))
        out += data + struct.pack("<I", masked_crc(data))
    return out


def wandb():
    out = b":W&B\xe1\xbe\0"
    for _, value, _ in ROWS:
        item = b"\n\x04loss\x82\x01" + bytes([len(str(value))]) + str(value).encode()
        history = b"\n" + bytes([len(item)]) + item
        data = b"\x12" + bytes([len(history)]) + history
        out += struct.pack("<IHB", zlib.crc32(data, zlib.crc32(b"\1")), len(data), 1) + data
    return out


def written(method):
    buffer = io.BytesIO()
    getattr(FRAME, method)(buffer)
    return buffer.getvalue()


FILES = {
    "text": TEXT.encode(),
    "progress bar": TEXT.replace("\n", "\r").encode(),
    "colours": TEXT.replace("loss", "\x1b[31mloss\x1b[0m").encode(),
    "boxes": "".join(f"----\n| loss | {v} |\n| step | {s} |\n----\n" for s, v, _ in ROWS).encode(),
    "csv": CSV.encode(),
    "semicolons": CSV.replace(",", ";").encode(),
    "table": CSV.replace(",", "  ").encode(),
    "utf-16": CSV.encode("utf-16"),
    "quotes": CSV.replace(",", '","').replace("\n", '"\n"').encode(),
    "json lines": "\n".join(map(json.dumps, RECORDS)).encode(),
    "json": json.dumps({"log_history": RECORDS, "lists": {"loss": [1.5, 1.25, 1.0]}}).encode(),
    "gzip": gzip.compress(TEXT.encode(), mtime=0),
    "xz": lzma.compress(TEXT.encode()),
    "bzip2": bz2.compress(TEXT.encode()),
    "zstd": zstandard.ZstdCompressor().compress(TEXT.encode()),
    "sqlite": database(),
    "tensorboard": events(),
    "wandb": wandb(),
    "parquet": written("write_parquet"),
    "arrow": written("write_ipc"),
}


SLOW = {"parquet", "arrow"}  # read in a process of their own
FINDINGS = Path(__file__).parent / "findings"


def damaged(data, random):
    """Change some bytes, leave some out, put some in, repeat some, or cut the end."""
    data = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data) + 1)
        to = min(len(data), at + random.choice([1, 1, 2, 8, 100]))
        kind = random.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = random.choice(
                [b"\0", b"\n", b"\r", b",", b'"', b"{", b"]", b"nan", b"1e999", b"-", b"\xff\xfe",
                 b"\x1b[", b"\xf0\x9f", b"999999999999999999999", b"(", b"0x1p3", b"\x08", b"%|"]
            )  # fmt: skip
        elif kind == 3:
            data[at:at] = data[at:to]
        elif kind == 4:
            del data[at:]
        else:
            data[at:to] = bytes(random.randrange(256) for _ in range(to - at))
    return bytes(data)


def check(path):
    """Read a file; anything but a log or a clear line is an error here."""
    log, message = None, ""
    try:
        log = read_log(path)
    except LogError as error:
        message = str(error)
    assert log or (message.startswith(f"{path}: ") and "\n" not in message), message
    for run in log.runs if log else ():
        assert len(run.values) == len(run.x) == len(run.lines) > 0
    assert all("\n" not in warning for warning in (log.warnings if log else ()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", FILES)
def test_sound_files_read(folder, name):
    (folder / name).write_bytes(FILES[name])
    log = read_log(folder / name)
    assert {len(run.values) for run in log.runs} & {30, 1, 15, 29}, log.runs


@pytest.mark.parametrize("name", sorted(FILES.keys() - SLOW))
@settings(max_examples=25, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_damaged_files_give_a_log_or_a_clear_line(folder, name, seed):
    path = folder / "damaged"
    path.write_bytes(damaged(FILES[name], seed))
    check(path)


@pytest.mark.parametrize("name", sorted(SLOW))
@settings(max_examples=4, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_damaged_files_of_polars_do_so_too(folder, name, seed):
    path = folder / "damaged"
    path.write_bytes(damaged(FILES[name], seed))
    check(path)


@pytest.mark.parametrize("path", sorted(FINDINGS.iterdir()), ids=lambda path: path.name)
def test_what_was_found_stays_mended(path):
    check(path)


def main(minutes):
    """Go on with files that no run before has seen; keep what fails."""
    end, count = time.monotonic() + 60 * float(minutes), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        while time.monotonic() < end:
            for name, data in FILES.items():
                seed = random.randrange(1 << 48)
                path.write_bytes(damaged(data, random.Random(seed)))
                try:
                    check(path)
                except BaseException:
                    kept = Path(f"fuzz-{name.replace(' ', '-')}-{seed}")
                    kept.write_bytes(path.read_bytes())
                    print(f"{kept} fails", file=sys.stderr)
                    raise
                count += 1
    print(f"{count} damaged files, each a log or a clear line")


def guided(options):
    """Let atheris change files towards code that was not run yet."""
    import atheris

    for name in [name for name in sys.modules if name.startswith("plateau")]:
        del sys.modules[name]
    with atheris.instrument_imports(include=["plateau.logs"]):
        reader = importlib.import_module("plateau.logs.reader")
    globals().update(read_log=reader.read_log, LogError=reader.LogError)
    with tempfile.TemporaryDirectory() as folder:
        corpus, path = Path(folder, "corpus"), Path(folder, "changed")
        corpus.mkdir()
        for name in FILES.keys() - SLOW:
            (corpus / name).write_bytes(FILES[name])

        def one(data):
            path.write_bytes(data)
            check(path)

        atheris.Setup([sys.argv[0], str(corpus), *options], one)
        atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1] == "atheris":
        guided(sys.argv[2:])
    else:
        main(sys.argv[1])
