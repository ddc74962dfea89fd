"""JSON lines and JSON documents."""

import json
import math

import numpy as np
import pytest
from made_up import STEPS, loss

LOSSES = [round(3 / (i + 1), 4) for i in range(30)]


def lines(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_lines(read):
    log = read(
        lines({"step": 10 * i, "loss": v, "lr": 0.1} for i, v in enumerate(LOSSES)), "a.json"
    )
    (run,) = log.runs
    assert log.format == "jsonl"
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "lr")
    assert run.values.tolist() == LOSSES
    assert run.lines.tolist() == list(range(1, 31))


def test_bare_tokens(read_run):
    tokens = ["NaN", "-nan", "nan", "Infinity", "-inf", "1.5", "null", '"2.5"']
    text = "".join(f'{{"step": {i}, "loss": {token}}}\n' for i, token in enumerate(tokens))
    expected = [math.nan, math.nan, math.nan, math.inf, -math.inf, 1.5, 2.5]
    np.testing.assert_array_equal(read_run(text).values, expected)


def test_train_and_validation_objects(read_run):
    records = [{"env": "a long text"}]
    for epoch in range(1, 4):
        records += [
            {"mode": "train", "epoch": epoch, "iter": 50 * i, "lr": 0.1, "loss_cls": 1.0, "loss": v}
            for i, v in enumerate(LOSSES[:10], start=1)
        ]
        records.append({"mode": "val", "epoch": epoch, "iter": 999, "lr": 0.1, "loss": 9.0})
    run = read_run(lines(records))
    assert (run.metric, run.x_name) == ("loss", "epoch, iter")
    assert run.x.tolist() == [50 * i for i in range(1, 31)]
    assert run.lines[0] == 2


def test_nested_objects(read_run):
    run = read_run(
        lines(
            {
                "Loss/D": {"num": 8, "mean": v, "std": 0.1},
                "Progress/kimg": {"num": 1, "mean": 4.0 * i},
            }
            for i, v in enumerate(LOSSES)
        )
    )
    assert (run.metric, run.x_name) == ("Loss/D.mean", "Progress/kimg.mean")
    assert run.values.tolist() == LOSSES


def test_cut_and_damaged_lines(read):
    text = lines({"step": i, "loss": v} for i, v in enumerate(LOSSES))
    log = read(text[:60] + "\n" + text[60:-8])
    assert len(log.runs[0].values) == 28
    assert log.warnings == ("3 lines are no JSON object and left out, the first is line 3",)


def test_document_with_a_history_of_records(read):
    history = []
    for i, v in enumerate(LOSSES):
        history.append({"epoch": i / 10, "learning_rate": 0.1, "loss": v, "step": 5 * i})
        if i % 10 == 9:
            history.append({"epoch": i / 10, "eval_loss": 9.0, "step": 5 * i})
    history.append({"train_loss": 1.0, "step": 150, "total_flos": 1e18})
    document = {"epoch": 3.0, "best": None, "log_history": history, "is_zero": True}
    log = read(json.dumps(document, indent=2), "trainer_state.json")
    (run,) = log.runs
    assert log.format == "json"
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "learning_rate")
    assert run.values.tolist() == LOSSES
    text = json.dumps(document, indent=2).split("\n")
    assert all("{" in text[line - 2] for line in run.lines)


@pytest.mark.parametrize("indent", [None, 1])
def test_document_of_lists(read_run, indent):
    document = {"loss": LOSSES, "val_loss": LOSSES[::2], "accuracy": [0.5] * 30, "name": "x"}
    run = read_run(json.dumps(document, indent=indent))
    assert (run.metric, run.x_name) == ("loss", "row")
    assert run.values.tolist() == LOSSES
    nested = read_run(json.dumps({"args": {"lr": 1}, "history": {"train": document}}))
    assert nested.metric == "history.train.loss"


def test_document_of_rows(read_run):
    rows = [[1.7e9 + i, 10 * i, v] for i, v in enumerate(LOSSES)]
    run = read_run(json.dumps(rows), "train_loss.json")
    assert (run.metric, run.x_name) == ("train_loss", "column 2")
    assert run.x[-1] == 290


def pairs(number, swap=False):
    points = [[1930000000 + 15 * i, f"{number + loss(i):.4f}"] for i in STEPS]
    return [[float(value), at] for at, value in points] if swap else points


@pytest.mark.parametrize(
    ("document", "names", "metric"),
    [
        (
            {
                "status": "success",
                "data": {
                    "resultType": "matrix",
                    "result": [
                        {"metric": {"__name__": "wait", "job": "x", "host": h}, "values": pairs(k)}
                        for k, h in enumerate("ab")
                    ],
                },
            },
            ["host=a", "host=b"],
            "wait",
        ),
        ([{"target": "room.temperature", "datapoints": pairs(0, swap=True)}], ["1"], None),
        (
            [{"labels": {"room": r}, "points": pairs(k)} for k, r in enumerate("xyz")],
            ["room=x", "room=y", "room=z"],
            "value",
        ),
    ],
)
def test_series_of_an_answer_are_runs(read, document, names, metric):
    log = read(json.dumps(document), "run.json")
    assert [run.name for run in log.runs] == names
    assert {run.metric for run in log.runs} == {metric or "room.temperature"}
    for k, run in enumerate(log.runs):
        assert (run.x_name, run.clock) == ("timestamp", True)
        assert run.values.tolist() == [float(f"{k + loss(i):.4f}") for i in STEPS]
