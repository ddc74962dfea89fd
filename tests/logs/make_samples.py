"""Write the sample logs, one of each format: ``python tests/logs/make_samples.py``.

They need not be made anew: a new format brings a file of its own. All numbers are made up.
"""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl
import zstandard

from plateau.logs.formats.frames import masked_crc

FOLDER = Path(__file__).parent / "samples"
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


def notebook():
    cell = {
        "cell_type": "code",
        "outputs": [{"output_type": "stream", "text": TEXT.splitlines(True)}],
    }
    return json.dumps({"nbformat": 4, "cells": [cell]}, indent=1).encode()


def exposition():
    lines = [
        f'job_queue{{path="{path}"}} {v + len(path)} {1700000000 + s}\n'
        for s, v, _ in ROWS
        for path in ("/a", "/bc")
    ]
    return "".join(lines).encode()


def points():
    lines = [
        f"job,host={host} queue={v + len(host)},jobs={s}i {1700000000 + s}000000000\n"
        for s, v, _ in ROWS
        for host in ("a", "bc")
    ]
    return "".join(lines).encode()


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(name, values):
    parts = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", len(values), 1))
    return element(14, parts + element(1, name) + element(9, np.array(values, "<f8").tobytes()))


def matlab():
    """As MATLAB and SciPy write it: one variable packed, one plain, one in a structure."""
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    packed = zlib.compress(matrix(b"step", [s for s, _, _ in ROWS]))
    told = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<ii", 1, 1))
    told += element(1, b"info") + struct.pack("<HHI", 5, 4, 8) + element(1, b"lr".ljust(8, b"\0"))
    told += matrix(b"", [r for _, _, r in ROWS])
    loss = matrix(b"loss", [v for _, v, _ in ROWS])
    return head + struct.pack("<II", 15, len(packed)) + packed + loss + element(14, told)


def arrays(**named):
    buffer = io.BytesIO()
    np.savez(buffer, **named) if len(named) > 1 else np.save(buffer, *named.values())
    return buffer.getvalue()


def written(method):
    buffer = io.BytesIO()
    getattr(FRAME, method)(buffer)
    return buffer.getvalue()


FILES = {
    "text": TEXT.encode(),
    "progress-bar": TEXT.replace("\n", "\r").encode(),
    "colours": TEXT.replace("loss", "\x1b[31mloss\x1b[0m").encode(),
    "boxes": "".join(f"----\n| loss | {v} |\n| step | {s} |\n----\n" for s, v, _ in ROWS).encode(),
    "csv": CSV.encode(),
    "tsv": CSV.replace(",", "\t").encode(),
    "semicolons": CSV.replace(",", ";").encode(),
    "table": CSV.replace(",", "  ").encode(),
    "utf-16": CSV.encode("utf-16"),
    "quotes": CSV.replace(",", '","').replace("\n", '"\n"').encode(),
    "json-lines": "\n".join(map(json.dumps, RECORDS)).encode(),
    "json": json.dumps({"log_history": RECORDS, "lists": {"loss": [1.5, 1.25, 1.0]}}).encode(),
    "gzip": gzip.compress(TEXT.encode(), mtime=0),
    "xz": lzma.compress(TEXT.encode()),
    "bzip2": bz2.compress(TEXT.encode()),
    "zstd": zstandard.ZstdCompressor().compress(TEXT.encode()),
    "sqlite": database(),
    "events.out.tfevents.1": events(),
    "run.wandb": wandb(),
    "parquet": written("write_parquet"),
    "arrow": written("write_ipc"),
    "notebook": notebook(),
    "prometheus": exposition(),
    "influx": points(),
    "history.mat": matlab(),
    "loss.npy": arrays(loss=np.array([v for _, v, _ in ROWS])),
    "arrays.npz": arrays(step=np.arange(30), loss=np.array([v for _, v, _ in ROWS])),
    "mlflow/metrics/loss": "".join(f"{1700000000000 + s} {v} {s}\n" for s, v, _ in ROWS).encode(),
}


def main():
    for name, data in FILES.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


if __name__ == "__main__":
    main()
