"""A run that takes a second; calling the command line, and comparing what runs leave behind."""

import io
import json
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from plateau_face.cli import app, main
from plateau_face.comparison.running import process_context
from plateau_face.config import Config

EXPERIMENTS = Path(__file__).parents[2] / "docs" / "experiments"
SMALL = EXPERIMENTS / "small.toml"

TINY = Config(
    synthetic=True,
    synthetic_identities=6,
    synthetic_images=6,
    synthetic_val_identities=20,
    synthetic_val_images=3,
    synthetic_val_pairs=400,
    image_size=16,
    dim=8,
    batch=12,
    epochs=3,
    threads=2,
    log_every=2,
    save_every=2,
    val_every=3,
    dropout=0.2,
    augment=0.5,
)


def call(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def begin(*arguments):
    """Begin what the command line says in a process that can be killed and has torch already."""
    process = process_context().Process(target=_quietly, args=arguments)
    process.start()
    return process


def _quietly(*arguments):
    sys.argv = ["plateau-face", *map(str, arguments)]
    with Path(os.devnull).open("w") as sys.stderr:
        main()


def complaint(capsys, monkeypatch, *arguments, code=2):
    monkeypatch.setattr(sys, "argv", ["plateau-face", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    return capsys.readouterr().err


def rows(out):
    found = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    times = {"images_per_s", "cpu_s"}
    return [{k: v for k, v in row.items() if k not in times} for row in found]


def png(seed, size=8):
    """Return an image, encoded and as it is."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue(), pixels


def write_bin(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))


def assert_same(one, other):
    """Every number of two checkpoints is the same, bit for bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one.keys() - {"log_bytes"}:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other


MAGIC = struct.pack("<I", 0xCED7230A)


def record(content, *labels):
    flag = len(labels) if len(labels) > 1 else 0
    head = struct.pack("<IfQQ", flag, 0.0 if flag else labels[0], 0, 0)
    return head + (np.array(labels, "<f4").tobytes() if flag else b"") + content


def write_records(path, records):
    """A slow writer: cuts at every aligned magic number, as dmlc's does."""
    index, out = [], bytearray()
    for key, content in records.items():
        index.append(f"{key}\t{len(out)}")
        cuts = [i for i in range(0, len(content) - 3, 4) if content[i : i + 4] == MAGIC]
        starts, ends = [0, *(i + 4 for i in cuts)], [*cuts, len(content)]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            flag = 0 if not cuts else 1 if number == 0 else 3 if end == len(content) else 2
            part = content[start:end]
            out += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part
            out += b"\0" * (-len(part) % 4)
    path.write_bytes(out)
    path.with_suffix(".idx").write_text("\n".join(index) + "\n")


class KilledError(Exception):
    pass


def overflow(module, inputs):
    return (inputs[0] * torch.inf,)
