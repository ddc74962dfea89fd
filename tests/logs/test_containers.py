"""Databases, offline files of trackers, folders of metrics, columnar files."""

import gzip
import io
import json
import shutil
import sqlite3
import struct
import time
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from plateau.logs import LogError, read_log
from plateau.logs.formats.columnar import worker

N = 60
LOSSES = [round(3 / (i + 1), 4) for i in range(N)]


def rate(i):
    return 0.1 if i < N // 2 else 0.01


def check(run, name="loss", x="step", lr="lr"):
    assert (run.metric, run.x_name, run.lr_name) == (name, x, lr)
    assert run.values.tolist() == LOSSES
    assert run.x.tolist() == list(range(N))
    assert run.lr.tolist() == [rate(i) for i in range(N)]


@pytest.fixture
def database(tmp_path):
    with sqlite3.connect(tmp_path / "log.db") as made:
        yield made


def test_mlflow_database(database, tmp_path):
    database.execute("CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT)")
    database.execute(
        "CREATE TABLE metrics (key TEXT, value DOUBLE, timestamp INT, run_uuid TEXT, step INT, nan)"
    )
    database.execute("CREATE TABLE latest_metrics (key, value DOUBLE, run_uuid TEXT, step INT)")
    database.execute("CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT)")
    for name in ("owl", "fox"):
        database.execute("INSERT INTO runs VALUES (?, ?, 'FINISHED')", (name * 10, name))
        database.execute("INSERT INTO params VALUES ('batch', '32', ?)", (name * 10,))
        database.execute("INSERT INTO latest_metrics VALUES ('loss', 1.5, ?, 59)", (name * 10,))
    for i, v in enumerate(LOSSES):
        for name in ("owl", "fox"):
            for key, value in (("loss", v), ("lr", rate(i))):
                row = (key, value, 1_700_000_000_000 + i, name * 10, i)
                database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)", row)
    database.commit()
    log = read_log(tmp_path / "log.db")
    assert log.format == "sqlite"
    assert [run.name for run in log.runs] == ["owl", "fox"]
    for run in log.runs:
        check(run)


def test_trackio_database(database, tmp_path):
    database.execute(
        "CREATE TABLE metrics (id INTEGER, timestamp TEXT, run_name TEXT, step INT, metrics TEXT)"
    )
    for i, v in enumerate(LOSSES):
        cells = json.dumps({"train/loss": v, "lr": rate(i)})
        row = (i, f"2026-01-01T00:00:{i:02d}", "dainty-1", i, cells)
        database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", row)
    database.commit()
    check(read_log(tmp_path / "log.db").runs[0], "train/loss")


def test_database_in_gzip_and_without_metrics(database, tmp_path, write):
    database.execute("CREATE TABLE metrics (step INT, loss DOUBLE, lr DOUBLE)")
    rows = [(i, v, rate(i)) for i, v in enumerate(LOSSES)]
    database.executemany("INSERT INTO metrics VALUES (?, ?, ?)", rows)
    database.commit()
    check(read_log(write(gzip.compress((tmp_path / "log.db").read_bytes()), "log.gz")).runs[0])
    database.execute("DELETE FROM metrics")
    database.commit()
    with pytest.raises(LogError, match="no series"):
        read_log(tmp_path / "log.db")


def varint(value):
    return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def wandb_file(records, block=1 << 15):
    """Write records as W&B does: in checked pieces that fit into blocks."""
    out = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    for record in records:
        first = True
        while True:
            room = block - len(out) % block
            if room < 7:
                out += bytes(room)
                continue
            piece, record = record[: room - 7], record[room - 7 :]
            kind = (1 if first else 4) if not record else (2 if first else 3)
            crc = zlib.crc32(piece, zlib.crc32(bytes([kind])))
            out += struct.pack("<IHB", crc, len(piece), kind) + piece
            first = False
            if not record:
                break
    return out


def history(i):
    logged = {"loss": LOSSES[i], "lr": rate(i), "note": "x" * 3000, "_runtime": i / 2}
    items = b"".join(
        field(1, field(1, key.encode()) + field(16, json.dumps(value).encode()))
        for key, value in logged.items()
    )
    return field(2, items + field(2, b"\x08" + varint(i)))


def test_wandb_offline_file(read):
    data = wandb_file([field(17, b"a run"), *map(history, range(N)), field(6, b"files")])
    log = read(data, "run-1.wandb")
    assert log.format == "wandb"
    check(log.runs[0], x="_step")
    cut = read(data[:-5000])
    assert len(cut.runs[0].values) == N - 2
    assert "is cut off and was left out" in cut.warnings[0]
    wrong = bytearray(data)
    wrong[100_000] ^= 1
    log = read(bytes(wrong))
    assert 20 < len(log.runs[0].values) < 40
    assert "is damaged; nothing from there on was read" in log.warnings[0]


def test_wandb_records_that_are_none(read):
    """Also one that is deeper than Python can go, which must not cost the others."""
    deep = field(2, field(1, field(1, b"a") + field(16, b"[" * 100_000)))
    broken = field(2, b"\xff" * 20)
    log = read(wandb_file([*map(history, range(N)), deep, broken]), "run-1.wandb")
    check(log.runs[0], x="_step")
    told = f"2 records are damaged and were left out, the first is record {N + 1}"
    assert told in log.warnings


def test_a_wandb_record_of_many_pieces_takes_time_as_it_is_long(read):
    piece = struct.pack("<IHB", zlib.crc32(b"\x03"), 0, 3)
    begin = time.thread_time()
    with pytest.raises(LogError, match="no series"):
        read(wandb_file([]) + piece * 300_000, "run-1.wandb")
    assert time.thread_time() - begin < 5


def mlflow_run(folder):
    (folder / "metrics" / "train").mkdir(parents=True)
    start = 1_700_000_000_000
    values = {"train/loss": lambda i: LOSSES[i], "lr": rate, "epoch": lambda i: i // 10}
    for name, value in values.items():
        lines = (f"{start + i} {value(i)} {i}\n" for i in range(N))
        (folder / "metrics" / name).write_text("".join(lines))


def test_mlflow_folder(tmp_path):
    mlflow_run(tmp_path)
    log = read_log(tmp_path)
    assert log.format == "mlflow"
    check(log.runs[0], "train/loss")
    check(read_log(tmp_path / "metrics").runs[0], "train/loss")
    check(read_log(tmp_path / "metrics/train/loss").runs[0], "train/loss")
    assert read_log(tmp_path / "metrics/epoch").runs[0].metric == "epoch"


def test_mlflow_folder_with_a_damaged_line(tmp_path):
    mlflow_run(tmp_path)
    with (tmp_path / "metrics/train/loss").open("a") as file:
        file.write("17000")
    log = read_log(tmp_path)
    check(log.runs[0], "train/loss")
    assert log.warnings == (
        "train/loss: 1 lines are no 'time value step' and were left out, the first is line 61",
    )


@pytest.mark.parametrize("write_frame", ["write_parquet", "write_ipc"])
def test_columnar_files(read, write_frame):
    frame = pl.DataFrame(
        {
            "when": pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1, 0, 59),
                                      "1m", eager=True),
            "run": ["a", "b"] * (N // 2), "step": [i // 2 for i in range(N)],
            "m": [{"loss": v, "lr": rate(i)} for i, v in enumerate(LOSSES)],
        }
    )  # fmt: skip
    buffer = io.BytesIO()
    getattr(frame, write_frame)(buffer)
    log = read(buffer.getvalue())
    assert [run.name for run in log.runs] == ["a", "b"]
    run = log.runs[1]
    assert (run.metric, run.x_name, run.lr_name) == ("m.loss", "step", "m.lr")
    assert run.values.tolist() == LOSSES[1::2]
    np.testing.assert_array_equal(run.x, np.arange(N // 2))


def parquet():
    buffer = io.BytesIO()
    pl.DataFrame({"step": range(N), "loss": LOSSES}).write_parquet(buffer)
    return buffer.getvalue()


def test_a_file_that_ends_its_reader_costs_no_other(read):
    damaged = Path(__file__).parent / "findings" / "parquet-that-ends-its-reader"
    assert len(read(parquet()).runs[0].values) == N
    with pytest.raises(LogError, match="cannot be read: the parquet file is damaged"):
        read_log(damaged)
    assert len(read(parquet()).runs[0].values) == N


def test_a_file_that_takes_too_long_costs_no_other(read, write, monkeypatch):
    worker().close()  # no process starts within a hundredth of a second
    path = write(parquet(), "late.parquet")
    with monkeypatch.context() as patch:
        patch.setattr("plateau.logs.formats.columnar.LIMIT", 0.01)
        with pytest.raises(LogError) as error:
            read_log(path)
    assert "late.parquet: cannot be read: reading it took more than 0 s" in str(error.value)
    assert len(read(parquet()).runs[0].values) == N


def sqlite(path, *statements):
    with closing(sqlite3.connect(path)) as made:
        for statement in statements:
            made.execute(statement)
        made.executemany(
            "INSERT INTO m(step, loss) VALUES (?, ?)", [(i, 1 / (i + 1)) for i in range(60)]
        )
        made.commit()


def test_columns_that_a_formula_gives(tmp_path):
    path = tmp_path / "a.db"
    sqlite(path, "CREATE TABLE m(step INT, loss REAL, twice AS (loss * 2))")
    assert len(read_log(path, metric="twice").runs[0].values) == 60


def test_a_formula_of_a_database_takes_no_memory(tmp_path):
    path = tmp_path / "a.db"
    sqlite(path, "CREATE TABLE m(step INT, loss REAL)")
    with closing(sqlite3.connect(path)) as made:
        made.execute("ALTER TABLE m ADD COLUMN x AS (hex(zeroblob(20000000)))")
    with pytest.raises(LogError, match="table m: damaged after row 0: string or blob too big"):
        read_log(path)


@pytest.mark.parametrize(
    ("more", "formula"),
    [
        ("", "x AS (hex(zeroblob(8000000)))"),
        (", run_id AS (step)", "name AS (hex(zeroblob(8000000 + step)))"),
    ],
)
def test_formulas_of_a_database_take_little_memory(more, formula, tmp_path):
    path = tmp_path / "a.db"
    sqlite(path, f"CREATE TABLE m(step INT, loss REAL{more})")
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"ALTER TABLE m ADD COLUMN {formula}")
    with pytest.raises(LogError, match="its formulas give more than 67108864 characters"):
        read_log(path)


@pytest.mark.parametrize("left", [False, True])
def test_nothing_is_written_beside_a_database(tmp_path, left):
    """In SQLite's WAL mode, whose newest rows lie in a file beside it, a reader makes two more."""
    path, seen = tmp_path / "a.db", tmp_path / "seen" / "a.db"
    seen.parent.mkdir()
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE m(step INT, loss REAL)")
        made.executemany("INSERT INTO m VALUES (?, ?)", [(i, 1 / (i + 1)) for i in range(60)])
        made.commit()
        for name in ("a.db", "a.db-wal") if left else ():
            shutil.copy(tmp_path / name, seen.parent)
    if not left:
        shutil.copy(path, seen)
    before = {file.name: file.read_bytes() for file in seen.parent.iterdir()}
    assert len(read_log(seen).runs[0].values) == 60
    assert {file.name: file.read_bytes() for file in seen.parent.iterdir()} == before


def test_a_few_bytes_that_stand_for_many_rows_are_refused(tmp_path):
    path = tmp_path / "a.parquet"
    rows = 1 << 25
    pl.DataFrame({name: pl.repeat(1.0, rows, eager=True) for name in "abc"}).write_parquet(path)
    with pytest.raises(LogError, match="it has 33,554,432 rows of 3 columns: more than 67,108,864"):
        read_log(path)
