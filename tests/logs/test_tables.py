"""CSV, TSV and white-space tables."""

import math

import numpy as np
import pytest

LOSSES = [round(3 / (i + 1), 4) for i in range(30)]


def table(separator, header="step{0}loss{0}lr", end="\n"):
    rows = (f"{10 * i}{separator}{value}{separator}0.1" for i, value in enumerate(LOSSES))
    return end.join([header.format(separator), *rows]) + end


@pytest.mark.parametrize(
    ("separator", "kind"),
    [(",", "csv"), (";", "csv"), ("\t", "tsv"), ("   ", "table"), (" , ", "csv")],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators(read, separator, kind, end):
    log = read(table(separator, end=end), "no.suffix")
    (run,) = log.runs
    assert log.format == kind
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "lr")
    assert run.values.tolist() == LOSSES
    assert run.lines.tolist() == list(range(2, 32))
    assert log.warnings == ()


def test_header_behind_a_hash(read_run):
    run = read_run(table("  ", header="#  step{0}rmse_trn{0}lr"))
    assert (run.metric, run.x_name) == ("rmse_trn", "step")


def test_header_with_other_separator_and_fewer_names(read_run):
    rows = "".join(f"{i}.0 {value} 0.5 0.25 7.0\n" for i, value in enumerate(LOSSES))
    run = read_run("# step, loss_train, loss_test\n" + rows)
    assert (run.metric, run.x_name) == ("loss_train", "step")
    assert run.values.tolist() == LOSSES


def test_remark_of_json_first(read_run):
    text = '#{"t_start": 1700000000.1, "env_id": "Walker"}\nr,l,t\n'
    run = read_run(text + "".join(f"{v},{20 + i % 3},{i}.5\n" for i, v in enumerate(LOSSES)))
    assert (run.metric, run.mode, run.lines[0]) == ("r", "max", 3)


def test_no_header_one_series_is_named_after_the_file(read_run):
    rows = "".join(f"{1633449181121 + 1000 * i} {v} {10 * i}\n" for i, v in enumerate(LOSSES))
    run = read_run(rows, "val_loss")
    assert (run.metric, run.x_name) == ("val_loss", "column 3")
    assert run.x[1] == 10


def test_one_column(read_run):
    run = read_run("".join(f"{value}\n" for value in LOSSES), "cost.txt")
    assert (run.metric, run.x_name) == ("cost", "row")


def test_sparse_twins(read_run):
    text = "epoch,step,train_loss_epoch,train_loss_step,lr-Adam\n" + "".join(
        f"{i},{10 * i + 4},,{v},\n{i},{10 * i + 4},,,0.1\n{i},{10 * i + 9},{v + 1},,\n"
        f"{i},{10 * i + 9},,{v},\n"
        for i, v in enumerate(LOSSES)
    )
    run = read_run(text)
    assert (run.metric, run.x_name, run.lr_name) == ("train_loss_step", "step", "lr-Adam")
    assert len(run.values) == 60
    assert run.lr.tolist() == [0.1] * 60  # also where it stands on the line below, at the same step


def test_runs_side_by_side(read):
    names = ["big", "small - lr 0.1"]
    header = ",".join(
        f'"{n} - train/loss","{n} - train/loss__MIN","{n} - train/loss__MAX"' for n in names
    )
    text = f'"Step",{header}\n' + "".join(
        f'"{i}","{v}","{v - 1}","{v + 1}",' + (f'"{v / 2}","0","9"\n' if i < 12 else '"","",""\n')
        for i, v in enumerate(LOSSES)
    )
    log = read(text.rstrip("\n"))
    assert [(run.name, run.metric, len(run.values)) for run in log.runs] == [
        ("big", "big - train/loss", 30),
        ("small - lr 0.1", "small - lr 0.1 - train/loss", 12),
    ]
    assert [run.x_name for run in log.runs] == ["Step", "Step"]
    assert len(read(text, metric="train/loss").runs) == 2
    assert read(text, run="big").runs[0].values.tolist() == LOSSES


def test_runs_named_by_a_column(read):
    rows = [f"{name},{i},{v + ord(name)}\n" for i, v in enumerate(LOSSES) for name in "ab"]
    log = read("run_name,step,loss\n" + "".join(rows))
    assert [(run.name, len(run.values)) for run in log.runs] == [("a", 30), ("b", 30)]
    assert log.warnings == ()


def test_a_run_may_lack_a_column_that_others_have(read):
    rows = [f"a,{i},{v},\nb,{i},,{v}\n" for i, v in enumerate(LOSSES)]
    log = read("run_name,step,loss,val_loss\n" + "".join(rows))
    assert [(run.name, len(run.values)) for run in log.runs] == [("a", 30)]


def test_training_and_validation_rows(read_run):
    rows = [f"{p},{i},{v}\n" for i, v in enumerate(LOSSES) for p in ("val", "train")]
    run = read_run("phase,epoch,loss\n" + "".join(rows))
    assert run.values.tolist() == LOSSES
    assert run.lines.tolist() == list(range(3, 62, 2))


def test_odd_cells(read_run):
    cells = ["1.5", "NA", "", "nan", "-inf", "nan(ind)", '"1,234.5"', "oops", " 2 "]
    text = "step,loss\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    run = read_run(text + "".join(f"{i},{i}.5\n" for i in range(9, 30)))
    expected = [1.5, math.nan, -math.inf, math.nan, 1234.5, 2.0]
    np.testing.assert_array_equal(run.values[:6], expected)
    assert run.x[:6].tolist() == [0, 3, 4, 5, 6, 8]


def test_decimal_commas(read_run):
    text = "step;loss\n" + "".join(f"{i};{v}\n".replace(".", ",") for i, v in enumerate(LOSSES))
    assert read_run(text).values.tolist() == LOSSES


def test_cut_last_row_and_rows_of_text(read):
    log = read(table(",") + "Traceback: stopped\n300")
    assert len(log.runs[0].values) == 30
    assert log.warnings == (
        "line 33 is cut off and was left out",
        "1 lines hold no numbers and were left out, the first is line 32",
    )


def test_header_again_for_each_run(read):
    log = read(table(",") * 2)
    assert [len(run.values) for run in log.runs] == [30, 30]
    assert "goes back" in log.warnings[0]


def test_quotes_that_do_not_pair(read_run):
    text = "step,loss,note\n" + "".join(f'{i},{v},"x\n' for i, v in enumerate(LOSSES))
    assert read_run(text).values.tolist() == LOSSES


def test_cells_in_quotes_hold_separators_and_line_ends(read_run):
    rows = [f'"{i}","say ""a, b"",\nor c",{v}\n' for i, v in enumerate(LOSSES)]
    run = read_run('"step","note","loss"\n' + "".join(rows))
    assert run.values.tolist() == LOSSES
    assert run.lines.tolist() == list(range(2, 62, 2))


def test_one_quote_too_many_costs_no_other_row(read_run):
    rows = [f'{i},"a, b",{v}\n' for i, v in enumerate(LOSSES)]
    rows[7] = rows[7].replace('"a, b"', '"a" b')
    run = read_run("step,note,loss\n" + "".join(rows))
    assert run.values.tolist() == LOSSES


def test_x_with_a_hole(read_run):
    text = table(",").replace("\n50,", "\ninf,").replace("\n70,", "\n,")
    run = read_run(text)
    assert run.x_name == "step"
    assert run.x[4:9].tolist() == [40, 40, 60, 60, 80]
