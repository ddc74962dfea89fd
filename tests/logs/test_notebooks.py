"""Jupyter notebooks: what their cells printed and drew."""

import json

import pytest
from made_up import STEPS, N, acc, loss

from plateau.logs import NoSeriesError

KERAS = [
    line
    for i in STEPS
    for line in (
        f"Epoch {i}/{N}\n",
        f"100/100 [====================] - 3s - loss: {loss(i):.4f} - val_loss: {loss(i):.4f}\n",
    )
]
NOTE = {"cell_type": "markdown", "metadata": {}, "source": ["loss 0.5 at epoch 3"]}


def code(*outputs):
    return {"cell_type": "code", "execution_count": 7, "source": ["fit()"], "outputs": [*outputs]}


def printed(lines, name="stdout"):
    return {"output_type": "stream", "name": name, "text": lines}


def drawn(names, rows):
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    head = "".join(f"<th>{name}</th>" for name in names)
    html = f"<p>[9/9 01:23]</p><table border='1'><thead><tr>{head}</tr></thead>{cells}</table>"
    plain = "<IPython.core.display.HTML object>"
    return {"output_type": "display_data", "data": {"text/html": [html], "text/plain": [plain]}}


def notebook(*cells, indent=1):
    return json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}, indent=indent)


def told(log):
    return [(run.name, run.metric, run.x_name, len(run.values)) for run in log.runs]


def test_cells_are_runs(read):
    text = notebook(NOTE, code(printed(["Found 60 images\n"])), code(printed(KERAS)), NOTE,
                    code(printed(KERAS[:40])))  # fmt: skip
    log = read(text, "run.ipynb")
    assert log.format == "notebook"
    assert told(log) == [("cell 3", "loss", "Epoch", N), ("cell 5", "loss", "Epoch", 20)]
    lines = text.split("\n")
    assert all("loss: " in lines[line - 1] for run in log.runs for line in run.lines)
    assert log.runs[0].lines.tolist() == sorted(set(log.runs[0].lines.tolist()))


@pytest.mark.parametrize("text", [KERAS, "".join(KERAS)])
def test_a_notebook_on_one_line(read, text):
    log = read(notebook(code(printed(text)), indent=None), "run.ipynb")
    assert told(log) == [("cell 1", "loss", "Epoch", N)]


@pytest.mark.parametrize(
    ("names", "row", "metric"),
    [
        (
            ["Step", "Training Loss", "Validation Loss", "Accuracy"],
            lambda i: (10 * i, loss(i), "No log" if i % 5 else loss(i), acc(i)),
            "Training Loss",
        ),
        (
            ["epoch", "train_loss", "valid_loss", "error_rate", "time"],
            lambda i: (i, loss(i), loss(i), acc(i), f"00:{i:02d}"),
            "train_loss",
        ),
    ],
)
def test_tables_that_were_drawn(read, names, row, metric):
    text = notebook(code(drawn(names, map(row, STEPS))), code(drawn(names, map(row, STEPS))))
    x = names[0]
    assert told(read(text)) == [("cell 1", metric, x, N), ("cell 2", metric, x, N)]


def test_a_table_of_data_is_no_training(read):
    frame = drawn(["", "age", "price"], [(i, 20 + i % 7, i * i % 13) for i in range(30)])
    assert told(read(notebook(code(frame), code(printed(KERAS))))) == [
        ("cell 2", "loss", "Epoch", N)
    ]


def test_a_progress_bar_and_lines_of_several_shapes(read):
    bar = "".join(
        f"\rEpoch {e}:  {i}%|##  | {i}/100 [00:09<00:10, 9.9it/s, loss={loss(e):.3f}]"
        for e in STEPS
        for i in (50, 100)
    )
    best = [f"Epoch {i}: loss {loss(i):.4f}{' *best*' * (i % 3 == 0)}\n" for i in STEPS]
    log = read(notebook(code(printed([bar], "stderr")), code(printed(best)), code(printed(best))))
    assert told(log) == [
        ("cell 1", "loss", "Epoch, iteration", 2 * N),
        ("cell 2", "loss", "Epoch", N),
        ("cell 3", "loss", "Epoch", N),
    ]


def test_the_older_format(read):
    outputs = [
        {"output_type": "stream", "text": [f"iteration {i}: loss {loss(i)}\n"]} for i in STEPS
    ]
    cell = {"cell_type": "code", "prompt_number": 2, "input": ["x"], "outputs": outputs}
    text = json.dumps({"nbformat": 3, "worksheets": [{"cells": [NOTE, cell]}]})
    assert told(read(text)) == [("cell 2", "loss", "iteration", N)]


def test_a_cut_one(read):
    text = notebook(code(printed(KERAS)))
    log = read(text[: len(text) * 3 // 4])
    ((run, metric, x, points),) = told(log)
    assert (run, metric, x) == ("cell 1", "loss", "Epoch")
    assert 20 < points < 35
    assert "cut or damaged" in log.warnings[0]


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [NOTE, code()],
        [code(printed(["Found 60 images\n"]))],
        [3, {"outputs": [4, {"text": [5, None]}, {"data": 5}]}, {"outputs": {}}],
        [code({"data": {"text/html": "<table><td>3<tr><th>a</table><tr>"}})],
    ],
)
def test_one_without_a_training(read, cells):
    with pytest.raises(NoSeriesError):
        read(notebook(*cells))
