"""Whatever a path holds, a log comes back or one clear line."""

import gzip
import json
import math
import os
import pickle
import random

import pytest

from plateau.logs import LogError, read_log

GOOD = "".join(f"step {i} loss {5 / (i + 1):.4f}\n" for i in range(100)).encode()
JUNK = random.Random(0).randbytes(5000)


class Trap:
    """Running this by unpickling would end the test run."""

    def __reduce__(self):
        return os._exit, (1,)


BAD = {
    "empty": (b"", "empty"),
    "blank": (b"\n  \r\n", "empty"),
    "colours of nothing": (b"\x1b[s", "empty"),
    "NUL bytes": (b"\0" * 1000, "NUL"),
    "binary": (JUNK, "not text"),
    "binary without NUL": (JUNK.replace(b"\0", b"\x01"), "not text"),
    "header only": (b"step,loss\n", "no series"),
    "prose": (b"hello world\nthis is no log\n", "no series"),
    "words in cells": (b"a,b\nc,d\ne,f\n", "no series"),
    "one line": (b"loss 3.5\n", "no series"),
    "gzip of nothing": (gzip.compress(b""), "empty"),
    "cut gzip": (gzip.compress(GOOD)[:12], "damaged"),
    "gzip magic alone": (b"\x1f\x8b", "damaged"),
    "bomb": (10 * gzip.compress(b"loss 1\n" * 100 + b" " * (7 << 20) + b"\n"), "refused"),
    "pickle": (pickle.dumps(Trap()), "not text"),
    "pickle as text": (pickle.dumps(Trap(), protocol=0), "no series"),
    "xz": (b"\xfd7zXZ\x00abc", "xz"),
    "zip": (b"PK\x03\x04abc", "zip"),
    "cut JSON": (b'{"loss": [1', "no series"),
    "empty object": (b"{}", "no series"),
    "empty list": (b"[]", "no series"),
    "deep JSON": (b'{"a":' * 50_000, "no series"),
    "deep list": (b"[" * 50_000 + b"]" * 50_000, "no series"),
    "endless line": (b"1," * 500_000, "no series"),
    "numbers that are no metric": (b"port 80 cpu 3\n" * 20, "no column looks like a metric"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD)
def test_bad_files(write, content, reason):
    path = write(content)
    with pytest.raises(LogError, match=reason) as caught:
        read_log(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_bad_paths(tmp_path):
    with pytest.raises(LogError, match="folder"):
        read_log(tmp_path)
    with pytest.raises(LogError, match="no such file"):
        read_log(tmp_path / "missing")
    with pytest.raises(LogError, match="cannot be read"):
        read_log("a\0b")


def test_no_permission(write, monkeypatch):
    path = write(GOOD)

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(LogError, match="cannot be read: Permission denied"):
        read_log(path)


def test_bad_options(write):
    path = write(GOOD)
    with pytest.raises(LogError, match="'up', expected 'min', 'max' or 'both'"):
        read_log(path, mode="up")
    with pytest.raises(LogError, match="no run '3'; there are '1'"):
        read_log(path, run="3")
    for option in ("metric", "x", "lr"):
        with pytest.raises(LogError, match=f"no column 'zip' for {option}; there are step, loss"):
            read_log(path, **{option: "zip"})


def test_many_columns_are_told_in_few_words(write):
    header = ",".join(f"loss_{i}" for i in range(40))
    path = write(f"{header}\n" + (",".join("1" * 40) + "\n") * 3)
    with pytest.raises(LogError, match=r"loss_0, .*loss_11 and 28 more"):
        read_log(path, metric="nothing")


def test_name_of_two_columns_at_once(write):
    path = write("step,a_loss,b_loss\n" + "1,2,3\n" * 3)
    with pytest.raises(LogError, match="no column 'loss'"):
        read_log(path, metric="loss")


@pytest.mark.parametrize(
    ("content", "points", "warning"),
    [
        (gzip.compress(GOOD)[:-30], 95, "cut or damaged"),
        (gzip.compress(GOOD) + b"garbage", 100, "cut or damaged: only its first 1990 bytes"),
        (GOOD[:800] + bytes(300) + GOOD[800:], 100, "300 NUL bytes"),
        (GOOD + bytes(4000), 100, "4000 NUL bytes"),
        (GOOD + "café".encode("latin-1") + b"\n", 100, "1 characters are not UTF-8"),
    ],
    ids=["cut gzip", "garbage behind gzip", "hole", "zeros at the end", "latin-1"],
)
def test_damaged_files_are_read_as_far_as_they_are_sound(read, content, points, warning):
    log = read(content)
    assert points - 12 < len(log.runs[0].values) <= points
    assert warning in log.warnings[0]


ROWS = [(i, round(5 / (i + 1), 4)) for i in range(60)]


def table(separator):
    return "step" + separator + "loss\n" + "".join(f"{i}{separator}{v}\n" for i, v in ROWS)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + table(",").encode(),
        table(",").encode("utf-16"),
        table(",").encode("utf-16-le"),
        table(",").encode("utf-16-be"),
        "".join(line.replace(",", ";\t,"[n % 3]) for n, line in
                enumerate(table(",").splitlines(keepends=True))).encode(),
        (table(",")[:300] + table("\t")[table("\t").index("\n", 290) + 1 :]).encode(),
    ],
    ids=["mark", "UTF-16", "little endian", "big endian", "all separators", "another separator"],
)  # fmt: skip
def test_encodings_and_separators(read_run, content):
    run = read_run(content, "log \N{GRINNING FACE}.csv")
    assert abs(len(run.values) - len(ROWS)) <= 2
    assert run.values[-1] == ROWS[-1][1]


def test_latin_1(read):
    log = read(("Größe über Ärger\n" * 50).encode("latin-1") + GOOD)
    assert len(log.runs[0].values) == 100
    assert log.warnings == ("the text is not UTF-8 and was read as Latin-1",)


def test_one_line_of_three_megabytes(read):
    log = read(GOOD + b"x1 " * 1_000_000 + b"\n")
    assert len(log.runs[0].values) == 100
    assert log.warnings == (
        "1 lines longer than 20,000 characters were left out, the first is line 101",
    )


@pytest.mark.parametrize("number", ["1e400", "1" + "0" * 400, "-1e999"])
def test_numbers_too_large(read_run, number):
    lines = "".join(
        f'{{"step": {i}, "loss": {number if i == 7 else v}}}\n' for i, v in enumerate(range(20))
    )
    assert math.isinf(read_run(lines).values[7])
    text = "".join(f"step {i} loss {number if i == 7 else i / 3}\n" for i in range(20))
    assert math.isinf(read_run(text).values[7])


@pytest.mark.parametrize("indent", [None, 1])
def test_json_document_that_is_cut(read, indent):
    text = json.dumps({"log_history": [{"step": i, "loss": v} for i, v in ROWS]}, indent=indent)
    log = read(text[:-60])
    assert 50 < len(log.runs[0].values) < 60
    assert "the JSON document is cut or damaged at line" in log.warnings[0]


@pytest.mark.parametrize("magic", [b"PAR1", b"ARROW1\0\0", b"SQLite format 3\0", b":W&B\xe1\xbe\0"])
def test_binary_formats_that_are_damaged(write, magic):
    path = write(magic + JUNK)
    with pytest.raises(LogError) as caught:
        read_log(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_event_file_of_junk(write):
    with pytest.raises(LogError, match="record 1 at byte 0 is damaged"):
        read_log(write(JUNK, "events.out.tfevents.1"))
