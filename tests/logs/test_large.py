"""Large logs are read in parts: small parts here, so that small logs show it."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plateau.logs import LogError, read_log, reader
from plateau.logs.large import parts, thinned
from plateau.logs.large.thinned import Gathered, Gathering, Rows

STEPS = range(10, 30_000, 10)


def loss(step):
    return round(3 + 2 / (1 + step / 1000) + 0.001 * (step * 7 % 91), 4)


@pytest.fixture
def in_parts(monkeypatch):
    """Read in parts of so many bytes."""

    def in_parts(path, size=9000, **options):
        with monkeypatch.context() as patch:
            patch.setattr(reader, "HEAD", 2 * size)
            patch.setattr(reader, "SAMPLE", size)
            patch.setattr(parts, "PART", size)
            patch.setattr(parts, "NEAR", size)
            return read_log(path, **options)

    return in_parts


def check_equal(one, other):
    assert one.format == other.format
    assert [(run.name, run.metric, run.x_name, run.mode, run.lr_name) for run in one.runs] == [
        (run.name, run.metric, run.x_name, run.mode, run.lr_name) for run in other.runs
    ]
    for run, twin in zip(one.runs, other.runs, strict=True):
        np.testing.assert_array_equal(run.values, twin.values)
        np.testing.assert_array_equal(run.x, twin.x)
        np.testing.assert_array_equal(run.lines, twin.lines)
        assert (run.lr is None) == (twin.lr is None)
        if run.lr is not None:
            np.testing.assert_array_equal(run.lr, twin.lr)


def rate(step):
    return 0.1 if step < 20_000 else 0.01


LOGS = {
    "csv": "step,note,loss,lr\n" + "".join(f"{s},,{loss(s)},{rate(s)}\n" for s in STEPS),
    "series told apart by words": "".join(
        f"lr {rate(s)}\n" * (s % 5000 == 10)
        + f"teacher, step {s}: loss: {loss(s)}\nstudent, step {s}: loss: {loss(s) + 1}\n"
        for s in STEPS
    ),
    "stacked tables": "".join(
        f"  Step  Time  Temp\n {s} 0.5 300.5\n  Bond  Angle  Potential\n 1.5 2.5 {loss(s)}\n\n"
        for s in STEPS
    ),
    "csv with remarks": "# begin\nstep,loss\n"
    + "".join(f"{s},{loss(s)}\n" + "# more\n" * (s % 990 == 0) for s in STEPS),
    "csv with sparse cells": "epoch,step,loss,val\n"
    + "".join(f"{s // 100},{s},{loss(s) if s % 30 else ''},{'' if s % 30 else 3}\n" for s in STEPS),
    "csv with odd numbers": "step,loss\n"
    + "".join(f"{s},{loss(s) if s % 5000 else '-nan(ind)'}\n" for s in STEPS),
    "quoted": "step,text,loss\n" + "".join(f'{s},"a, b",{loss(s)}\n' for s in STEPS),
    "tsv": "step\tloss\n" + "".join(f"{s}\t{loss(s)}\n" for s in STEPS),
    "table": "".join(f"  {s}   {loss(s)}\n" for s in STEPS),
    "json lines": "".join(
        json.dumps({"step": s, "loss": loss(s), "lr": rate(s)}) + "\n" for s in STEPS
    ),
    "text": "".join(f"step {s} loss {loss(s)} lr {rate(s)}\n" for s in STEPS),
    "text with optional fields": "".join(
        f"12:00:01 step {s}/30,000 loss {loss(s)}"
        + (" (best)" if s % 90 == 0 else "")
        + (f" | grad {s}" if s > 15_000 else "")
        + "\n"
        for s in STEPS
    ),
    "other lines between": "".join(
        f"step {s} loss {loss(s)}\n" + f"saved {s}\n" * (s % 70 == 0) for s in STEPS
    ),
    "numbers that are none": "".join(
        f"step {s} loss {'nan' if s % 700 == 0 else loss(s)} lr 0.1\n" for s in STEPS
    ),
    "blocks": "".join(f"step {s}\n  loss: {loss(s)}\n  lr: {rate(s)}\n\n" for s in STEPS),
    "boxes": "".join(f"----\n| loss | {loss(s)} |\n| step | {s} |\n----\n" for s in STEPS),
    "rate below": "".join(
        f"Iteration {s}, loss = {loss(s)}\nIteration {s}, lr = {rate(s)}\n" for s in STEPS
    ),
    "rate told late": "".join(
        f"step {s} loss {loss(s)}\n" + "lr set to 0.5\n" * (s == 15_000 or s == 20_000)
        for s in STEPS
    ),
    "epochs": "".join(
        f"Epoch {e}\n" + "".join(f"  {i}/99 loss {loss(990 * e + 10 * i)}\n" for i in range(1, 100))
        for e in range(1, 30)
    ),
    "restart": "".join(f"step {s % 20_000} loss {loss(s)}\n" for s in STEPS),
    "colours and returns": "".join(f"\x1b[31mstep {s}\x1b[0m loss {loss(s)}\r\n" for s in STEPS),
    "progress bar": "".join(f"\rstep {s} loss {loss(s)}" for s in STEPS),
    "two series": "".join(
        f"[train] step {s} loss {loss(s)}\n" + f"[val] step {s} loss 9.{s}\n" * (s % 500 == 0)
        for s in STEPS
    ),
}


@pytest.mark.parametrize("name", LOGS)
def test_parts_are_the_whole(write, in_parts, name):
    path = write(LOGS[name])
    whole = read_log(path)
    found = in_parts(path)
    check_equal(found, whole) if name != "progress bar" else None
    assert len(found.runs[0].values) == len(whole.runs[0].values) > 900


def of_writers(line, ahead=0):
    """Lines of three writers, of which each is so many steps behind the one before."""
    rows = sorted((s + 10 * ahead * r, r, s) for s in STEPS for r in range(3))
    return "".join(line.format(r=r, s=s, v=loss(s) + r) for _, r, s in rows)


WRITERS = {
    "word": "[rank{r}]: step {s} loss {v:.4f} lr 0.1\n",
    "word and clock": "[2024-01-01 10:00:01] [rank{r}] INFO step {s} loss {v:.4f}\n",
    "two words": "node{r}.gpu{r}: step {s} loss {v:.4f} lr 0.1\n",
    "number": "gpu:{r} step {s} loss {v:.4f} lr 0.1\n",
    "unnamed number": "[{r}]: step {s} loss {v:.4f} lr 0.1\n",
    "json": '{{"gpu": {r}, "step": {s}, "loss": {v:.4f}, "lr": 0.1}}\n',
    "csv": "{s},{v:.4f},{r}\n",
}


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("name", WRITERS)
def test_several_writers_in_parts(write, in_parts, monkeypatch, name, ahead):
    path = write("step,loss,rank\n" * (name == "csv") + of_writers(WRITERS[name], ahead))
    whole, log = read_log(path), in_parts(path, 20_000)
    assert len(whole.runs) == 3
    check_equal(log, whole)
    assert log.warnings == whole.warnings
    monkeypatch.setattr(thinned, "MOST_ROWS", 400)
    thin = in_parts(path, 20_000)
    assert [run.name for run in thin.runs] == [run.name for run in whole.runs]
    for run, full in zip(thin.runs, whole.runs, strict=True):
        assert run.every == 16
        means = full.values[: 16 * len(run.values)].reshape(-1, 16).mean(axis=1)
        np.testing.assert_allclose(run.values, means, rtol=1e-12)
        np.testing.assert_array_equal(run.x, full.x[15::16][: len(run.x)])


def test_several_writers_that_say_the_same_in_parts(write, in_parts):
    lines = "".join(f"[rank{r}]: step {s} loss {loss(s)}\n" for s in STEPS for r in range(2))
    log = in_parts(write(lines), 20_000)
    (run,) = log.runs
    assert run.values.tolist() == [loss(s) for s in STEPS]
    assert "all say the same, the first of 2 was taken" in log.warnings[0]


def test_a_writer_who_comes_late_is_told(write, in_parts):
    lines = "".join(
        f"[rank0]: step {s} loss {loss(s)}\n" + f"[rank1]: step {s} loss 9.5\n" * (s > 15_000)
        for s in STEPS
    )
    log = in_parts(write(lines))
    assert log.runs[0].values.tolist() == [loss(s) for s in STEPS]
    assert log.warnings == ("lines of rank 1 repeat those of rank 0: left out",)


def test_lines_are_counted_from_the_beginning_of_the_log(write, in_parts):
    text = LOGS["text"][:-9]
    assert in_parts(write(text)).warnings == (f"line {len(STEPS)} is cut off and was left out",)


@pytest.mark.parametrize("path", [
    "fastface-ms1mv3/ms1mv3_epoch5_r100.txt.gz",
    "mmdet-faster-rcnn-1x/20210218_221611.log.json.gz",
    "caffe-caffenet-bs1024/caffenet128_lsuv_bs1024.log.gz",
    "marian-bt-gate/train_bt_encs_biclean+bt_noise.doc.gate.log",
    "darknet-yolov3-cats/train.log.gz",
    "openai-logger-kpd/progress.csv",
    "openai-logger-kpd/log.txt",
    "coqui-vits/trainer_0_log.txt",
    "xgboost-geotab/xgb.log",
    "lightning-pendulum-long/metrics.csv.gz",
    "fairseq-mhmoe/train.log",
])  # fmt: skip
def test_parts_of_real_logs(real_logs, in_parts, path):
    check_equal(in_parts(real_logs / path, 100_000), read_log(real_logs / path))


@pytest.mark.parametrize("name", ["text", "csv", "json lines"])
def test_a_part_without_a_row(write, in_parts, name):
    text = LOGS[name]
    middle = text.index("\n", len(text) // 2) + 1
    log = in_parts(write(text[:middle] + "\n" * 40_000 + text[middle:]))
    assert len(log.runs[0].values) == len(STEPS)


def test_a_cut_end(write, in_parts):
    log = in_parts(write(LOGS["text"][:-9]))
    assert log.runs[0].x[-1] == STEPS[-2]
    assert "is cut off and was left out" in log.warnings[0]


def test_a_cut_gzip(write, in_parts):
    data = gzip.compress(LOGS["text"].encode())
    log = in_parts(write(data[:-3000]), 4000)
    assert 300 < len(log.runs[0].values) < len(STEPS)
    assert "cut or damaged" in log.warnings[0]


def test_a_large_log_without_series(write, in_parts):
    with pytest.raises(LogError, match="no series of numbers found in its first"):
        in_parts(write("nothing to see\n" * 5000))


def test_an_endless_line(write, in_parts, monkeypatch):
    monkeypatch.setattr(parts, "LONGEST", 50_000)
    with pytest.raises(LogError, match="a line is longer than"):
        in_parts(write(LOGS["text"] + "x" * 200_000))


def test_what_was_read_is_told(write, in_parts):
    heard = []
    path = write(LOGS["text"])
    in_parts(path, told=lambda *how_far: heard.append(how_far))
    assert heard == sorted(heard)
    assert {size for _, size in heard} == {path.stat().st_size}


def test_more_rows_than_fit(write, in_parts, monkeypatch):
    monkeypatch.setattr(thinned, "MOST_ROWS", 200)
    (run,) = in_parts(write(LOGS["text"])).runs
    assert run.every == 8
    assert 200 <= len(run.values) < 400
    eights = np.array([loss(s) for s in STEPS])[: len(run.values) * 8].reshape(-1, 8)
    np.testing.assert_allclose(run.values, eights.mean(axis=1), rtol=1e-12)
    assert run.x.tolist() == list(STEPS)[7::8][: len(run.x)]
    assert run.lines.tolist() == list(range(8, 8 * len(run.x) + 1, 8))


def test_thinning_keeps_restarts(write, in_parts, monkeypatch):
    monkeypatch.setattr(thinned, "MOST_ROWS", 200)
    log = in_parts(write(LOGS["restart"]))
    assert len(log.runs) == 2
    assert "each row of a run is the mean of 8 rows" in log.warnings[0]
    assert log.runs[1].x[0] < 100


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=12),
    st.lists(st.sampled_from([np.nan, np.inf]) | st.floats(-9, 9), min_size=1, max_size=9),
)
def test_gathering_does_not_depend_on_the_parts(sizes, pattern):
    size = sum(sizes)
    values = np.resize(np.array(pattern), size)
    at = np.arange(size, dtype=np.float64)
    whole, parts = Gathered(), Gathered()
    whole.add(Rows(values, [at], at, at.astype(int)))
    begin = 0
    for length in sizes:
        part = slice(begin, begin + length)
        parts.add(Rows(values[part], [at[part]], at[part], at[part].astype(int)))
        begin += length
    one, other = whole.take(), parts.take()
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.lines, other.lines)
    np.testing.assert_array_equal(one.values, values)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_thinning_loses_no_row(sizes):
    at = np.arange(1.0, sum(sizes) + 1)
    gathering = Gathering()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinned, "MOST_ROWS", 8)
        for part in np.split(at, np.cumsum(sizes)[:-1]):
            gathering.add(Rows(part, [part], part, part.astype(int)))
    rows, every = gathering.take(), gathering.every
    assert rows.lines.tolist() == list(range(every, len(at) + 1, every))
    np.testing.assert_allclose(rows.values, rows.lines - (every - 1) / 2)
