"""A series reads back the same from any format and between any noise."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau.logs import LogError, read_log

VALUES = st.floats(-1e12, 1e12).filter(lambda value: abs(value) > 1e-12) | st.sampled_from(
    [np.nan, np.inf, -np.inf, 0.0]
)
NAMES = st.sampled_from(["loss", "train_loss", "Train/Loss", "lm_loss", "cost", "rmse", "acc"])
X_NAMES = st.sampled_from(["step", "Iteration", "global_step", "epoch", "num_updates"])
LINES = st.sampled_from(
    [
        "{x} {s} {m} {v}",
        "{x}={s} {m}={v}",
        "{x}: {s}, {m}: {v}, time: 0.5s",
        "2024-05-06 07:08:09,123 - INFO - {x}: {s:>9} | {m}: {v} | lr: 0.1 |",
        "[gpu0] {m} {v}\tspeed 17.5 samples/s\t{x} {s}",
        "12:13:14 {x} [{s}/99999999] {m} {v} (0.5)",
    ]
)
NOISE = st.lists(
    st.sampled_from(
        [
            "",
            "-----",
            "saving checkpoint to out/model.pt",
            "[12:00:01] using 4 threads",
            "WARNING gradient overflow, scale 512.0",
            "GPU 0: 5.5 GiB",
            "done in 3 hours",
        ]
    ),
    max_size=8,
)


@st.composite
def series(draw):
    values = draw(st.lists(VALUES, min_size=3, max_size=30))
    gaps = draw(st.lists(st.integers(1, 1000), min_size=len(values), max_size=len(values)))
    return np.cumsum(gaps) + draw(st.sampled_from([0, 1_000_000])), np.array(values)


def as_csv(x_name, name, x, values, separator):
    rows = [f"{s}{separator}{v!r}" for s, v in zip(x.tolist(), values.tolist(), strict=True)]
    return "\n".join([f"{x_name}{separator}{name}", *rows])


def as_json_lines(x_name, name, x, values):
    rows = zip(x.tolist(), values.tolist(), strict=True)
    return "\n".join(json.dumps({x_name: s, name: v, "note": "a"}) for s, v in rows)


def check(tmp, content, name, x_name, x, values):
    path = tmp / "log"
    path.write_bytes(content)
    (run,) = read_log(path).runs
    assert (run.metric, run.x_name) == (name, x_name)
    np.testing.assert_array_equal(run.x, x)
    np.testing.assert_array_equal(run.values, values)
    return run


@pytest.fixture(scope="module")
def tmp(tmp_path_factory):
    return tmp_path_factory.mktemp("logs")


@settings(max_examples=60, deadline=None)
@given(series(), NAMES, X_NAMES, st.sampled_from([",", "\t", ";", " "]), st.booleans())
def test_tables(tmp, data, name, x_name, separator, compress):
    content = as_csv(x_name, name, *data, separator).encode()
    content = gzip.compress(content) if compress else content
    run = check(tmp, content, name, x_name, *data)
    assert run.lines.tolist() == list(range(2, len(data[0]) + 2))


@settings(max_examples=60, deadline=None)
@given(series(), NAMES, X_NAMES)
def test_json_lines(tmp, data, name, x_name):
    check(tmp, as_json_lines(x_name, name, *data).encode(), name, x_name, *data)


@settings(max_examples=150, deadline=None)
@given(series(), NAMES, X_NAMES, LINES, NOISE, st.sampled_from(["\n", "\r\n"]), st.randoms())
def test_text(tmp, data, name, x_name, line, noise, end, random):
    x, values = data
    numbered = [
        line.format(x=x_name, s=s, m=name, v=repr(v))
        for s, v in zip(x.tolist(), values.tolist(), strict=True)
    ]
    places = sorted(random.randint(0, len(numbered)) for _ in noise)
    mixed, at = [], []
    for index, text in enumerate(numbered):
        while places and places[0] == index:
            places.pop(0)
            mixed.append(noise[len(places)])
        mixed.append(text)
        at.append(len(mixed))
    run = check(tmp, end.join(mixed).encode() + end.encode(), name, x_name, x, values)
    assert run.lines.tolist() == at


def test_times_with_a_comma_are_no_columns(tmp):
    """A remark with a comma stands above them like a header, and a time counts as a number."""
    values = np.array([1.0, np.nan, np.nan])
    lines = [
        f"2024-05-06 07:08:0{i},123 - INFO - step: {i} | loss: {v}" for i, v in enumerate(values)
    ]
    content = "\n".join(["WARNING gradient overflow, scale 512.0", *lines]).encode()
    check(tmp, content, "loss", "step", np.arange(3), values)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_any_bytes_give_a_log_or_a_clear_line(tmp, content):
    path = tmp / "any"
    path.write_bytes(content)
    try:
        log = read_log(path)
    except LogError as error:
        log, message = None, str(error)
    if log is None:
        assert message.startswith(f"{path}: ")
        assert "\n" not in message
    else:
        assert all(len(run.values) == len(run.x) == len(run.lines) > 0 for run in log.runs)


@settings(max_examples=60, deadline=None)
@given(series(), st.integers(1, 200), st.sampled_from(["csv", "jsonl", "text"]))
def test_a_cut_file_never_tells_more_than_the_whole(tmp, data, cut, kind):
    x, values = data
    content = {
        "csv": as_csv("step", "loss", x, values, ","),
        "jsonl": as_json_lines("step", "loss", x, values),
        "text": "".join(f"step {s} loss {v:.6e} lr 0.1\n" for s, v in zip(x, values, strict=True)),
    }[kind][:-cut]
    path = tmp / "cut"
    path.write_text(content)
    try:
        runs = read_log(path).runs
    except LogError:
        return
    found = np.concatenate([run.x for run in runs])
    assert len(found) <= len(x)
    assert set(found[:-1]) <= set(x)
