"""Arrays that NumPy saved, storages of Optuna, and tables with a series for each label."""

import io
import sqlite3
import struct
import time
from contextlib import closing

import numpy as np
import pytest
from made_up import STEPS, N, acc, loss

from plateau.logs import LogError, NoSeriesError, read_log

LOSSES = np.array([loss(i) for i in STEPS])


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def mat(compressed=True, **variables):
    """Write a file as MATLAB does."""
    savemat = pytest.importorskip("scipy.io").savemat
    buffer = io.BytesIO()
    savemat(buffer, variables, do_compression=compressed)
    return buffer.getvalue()


def told(log):
    return [(run.name, run.metric, run.x_name, run.mode, len(run.values)) for run in log.runs]


RECORDS = np.array([(i, loss(i)) for i in STEPS], dtype=[("epoch", int), ("loss", float)])


@pytest.mark.parametrize(
    ("array", "metric", "x", "mode"),
    [
        (LOSSES, "val_loss", "row", "min"),
        (LOSSES.astype(np.float32)[:, None], "val_loss", "row", "min"),
        (np.column_stack([STEPS, LOSSES]), "column 2", "column 1", "both"),
        (RECORDS, "loss", "epoch", "min"),
    ],
)
def test_one_array(read, array, metric, x, mode):
    log = read(npy(array), "val_loss.npy")
    assert log.format == "numpy"
    assert told(log) == [("1", metric, x, mode, N)]
    assert log.runs[0].values == pytest.approx(LOSSES, rel=1e-6)


def test_arrays_as_long_as_each_other_stand_side_by_side(read):
    data = npz(val_loss=LOSSES[::5], loss=LOSSES, epochs=np.array(STEPS), images=np.zeros((N, 8, 8)), name=np.array("x"))  # fmt: skip
    log = read(data, "history.npz")
    assert told(log) == [("1", "loss", "epochs", "min", N)]
    assert told(read(data, "history.npz", metric="val_loss")) == [
        ("1", "val_loss", "row", "min", N // 5)
    ]


def test_several_values_of_a_row(read):
    results = np.array([[loss(i), loss(i) + 1] for i in STEPS])
    log = read(npz(timesteps=1000 * np.array(STEPS), mean_reward=results), "evaluations.npz")
    assert told(log) == [("1", "mean_reward", "timesteps", "max", N)]
    assert log.runs[0].values == pytest.approx(LOSSES + 0.5)
    assert "mean_reward has 2 columns: their mean was taken" in log.warnings


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (npy(np.array([{"a": 1}], dtype=object)), "Python objects, which are never loaded"),
        (npz(a=np.array([None], dtype=object)), "Python objects, which are never loaded"),
        (npy(LOSSES)[:-40], "the arrays cannot be read"),
        (npy(LOSSES).replace(b"}", b" "), "the arrays cannot be read"),
        (npz(loss=LOSSES)[:-40], "the arrays cannot be read"),
        (b"PK\x03\x04abc", "a zip archive: unpack it first"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "to_csv"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(200), "save it with -v7"),
    ],
)
def test_what_cannot_be_read(read, data, reason):
    with pytest.raises(LogError, match=reason):
        read(data, "a.bin")


INFO = {"TrainingLoss": LOSSES, "BaseLearnRate": np.full(N, 0.01), "Note": "text"}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("variables", "metric", "x", "rate"),
    [
        ({"epoch": np.array(STEPS), "loss": LOSSES, "name": "a"}, "loss", "epoch", None),
        ({"info": INFO, "images": np.zeros((3, 4, 5))}, "info.TrainingLoss", "row", "info.BaseLearnRate"),
        ({"iteration": np.array([STEPS], dtype=np.uint8), "cost": LOSSES[:, None]}, "cost", "iteration", None),
        ({"cells": np.array([1, "a"], dtype=object), "err": LOSSES.astype(np.float32)}, "err", "row", None),
    ],
)  # fmt: skip
def test_variables_of_matlab(read, compressed, variables, metric, x, rate):
    log = read(mat(compressed, **variables), "run.mat")
    assert (log.format, told(log)) == ("matlab", [("1", metric, x, "min", N)])
    assert log.runs[0].lr_name == rate
    assert log.runs[0].values == pytest.approx(LOSSES, rel=1e-6)


def test_big_endian_variables(read):
    def element(kind, data):
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    parts = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">ii", 1, N))
    parts += struct.pack(">HH4s", 4, 1, b"loss") + element(9, LOSSES.astype(">f8").tobytes())
    data = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI" + element(14, parts)
    assert read(data, "run.mat").runs[0].values.tolist() == LOSSES.tolist()


def test_what_stands_before_a_damage_is_read(read):
    data = mat(compressed=False, loss=LOSSES, other=LOSSES)
    log = read(data[:-40], "run.mat")
    assert told(log) == [("1", "loss", "row", "min", N)]
    (warning,) = log.warnings
    assert "damaged behind 'loss'" in warning
    with pytest.raises(LogError, match="the MATLAB file is damaged"):
        read(data[:300], "run.mat")


def test_a_file_that_unpacks_to_too_much(read, monkeypatch):
    """As any other packed log: an archive counts as a whole, however many arrays it has."""
    monkeypatch.setattr("plateau.logs.formats.arrays.RATIO_FROM", 100_000)
    with pytest.raises(LogError, match="expands to more than any log does"):
        read(mat(loss=np.zeros(1 << 16)), "run.mat")
    log = read(npz(loss=np.zeros(1 << 13), more=np.zeros(1 << 13)), "run.npz")
    assert [len(run.values) for run in log.runs] == [1 << 13]
    assert "more.npy is too large and was left out" in log.warnings


@pytest.mark.parametrize(
    "array", [np.zeros((N, 3, 3)), np.zeros((N, 500)), np.zeros(1), np.array(3.0)]
)
def test_arrays_without_a_series(read, array):
    with pytest.raises(NoSeriesError):
        read(npy(array), "a.npy")


def test_a_damaged_member(read):
    data = bytearray(npz(loss=np.random.default_rng(1).normal(size=9999)))
    data[5000:5100] = bytes(100)
    with pytest.raises(LogError, match="the arrays cannot be read"):
        read(bytes(data), "a.npz")


SCHEMA = """
CREATE TABLE studies(study_id INTEGER, study_name TEXT);
CREATE TABLE study_directions(study_direction_id INTEGER, direction TEXT, study_id INTEGER, objective INTEGER);
CREATE TABLE trials(trial_id INTEGER, number INTEGER, study_id INTEGER, state TEXT);
CREATE TABLE trial_values(trial_value_id INTEGER, trial_id INTEGER, objective INTEGER, value FLOAT, value_type TEXT);
CREATE TABLE trial_params(trial_id INTEGER, param_name TEXT, param_value FLOAT);
"""


def optuna(path, studies):
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    for study, (name, directions) in enumerate(studies.items()):
        database.execute("INSERT INTO studies VALUES (?, ?)", (study, name))
        for objective, direction in enumerate(directions):
            row = (objective, direction, study, objective)
            database.execute("INSERT INTO study_directions VALUES (?, ?, ?, ?)", row)
        for i in reversed(STEPS):  # in whatever order
            trial = 1000 * study + i
            database.execute("INSERT INTO trials VALUES (?, ?, ?, 'COMPLETE')", (trial, i, study))
            database.execute("INSERT INTO trial_params VALUES (?, 'lr', 0.1)", (trial,))
            for objective in range(len(directions)):
                row = (trial, trial, objective, loss(i) if i != 7 else None)
                database.execute("INSERT INTO trial_values VALUES (?, ?, ?, ?, 'FINITE')", row)
    database.commit()
    database.close()


def test_studies_are_runs_and_tell_their_direction(write, read):
    path = write(b"", "optuna.db")
    path.unlink()
    optuna(path, {"tune": ["MAXIMIZE"], "pair": ["MINIMIZE", "MAXIMIZE"]})
    log = read(path.read_bytes(), "copy.db")
    assert told(log) == [
        ("tune", "value", "trial", "max", N - 1),
        ("pair objective 0", "value", "trial", "min", N - 1),
        ("pair objective 1", "value", "trial", "max", N - 1),
    ]
    assert log.runs[0].values.tolist() == [loss(i) for i in STEPS if i != 7]
    assert read(path.read_bytes(), "copy.db", mode="both").runs[0].mode == "both"


def test_studies_with_many_trials_of_one_name_take_no_more_time(tmp_path):
    """Put together by their identifiers, these would be a thousand million rows."""
    path = tmp_path / "optuna.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO studies VALUES (1, ?)", [("tune",)] * 1000)
        database.executemany("INSERT INTO trials VALUES (1, ?, 1, '')", [(i,) for i in range(1000)])
        rows = [(i, i / 7) for i in range(1000)]
        database.executemany("INSERT INTO trial_values VALUES (?, 1, 0, ?, 'FINITE')", rows)
        database.commit()
    begin = time.thread_time()
    assert [len(run.values) for run in read_log(path).runs] == [1000]
    assert time.thread_time() - begin < 2


@pytest.mark.parametrize(
    "names", [["time", "where", "temperature"], ["time", "sensor", "temperature"]]
)
def test_labels_tell_series_apart(read, names):
    rows = [
        f"{i},{place},{loss(i) + k:.4f}\n"
        for i in STEPS
        for k, place in enumerate(["attic", "hall"])
    ]
    log = read(",".join(names) + "\n" + "".join(rows), "run.csv")
    assert told(log) == [(place, "temperature", "time", "both", N) for place in ("attic", "hall")]


def test_labels_of_rows_that_are_one_series_tell_nothing(read):
    rows = "".join(f"{i},{'good' if i % 3 else 'bad'},{acc(i):.4f}\n" for i in STEPS)
    assert told(read(f"time,verdict,accuracy\n{rows}", "run.csv")) == [
        ("1", "accuracy", "time", "max", N)
    ]
