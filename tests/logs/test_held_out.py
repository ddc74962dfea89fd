"""The metric on held-out data beside that of the training."""

import json

import pytest
from made_up import STEPS, each, loss


def held(i):
    return loss(i) + 0.5


CASES = {
    "names": "epoch,loss,val_loss\n" + each(lambda i: f"{i},{loss(i)},{held(i)}"),
    "lines": each(
        lambda i: f"epoch {i} train loss {loss(i):.4f}\nepoch {i} valid loss {held(i):.4f}"
    ),
    "paths": each(lambda i: json.dumps({"epoch": i, "train/loss": loss(i), "eval/loss": held(i)})),
    "labels": "epoch,phase,loss\n" + each(lambda i: f"{i},train,{loss(i)}\n{i},val,{held(i)}"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_stands_beside(read_run, name):
    run = read_run(CASES[name])
    assert not run.metric.startswith("val")
    assert run.held_out is not None
    assert run.held_out.x.tolist() == run.x.tolist() == [*STEPS]
    assert (run.held_out.values - run.values).round(3).tolist() == [0.5] * len(STEPS)
    assert run.held_out.mode == run.mode


def test_a_metric_that_is_asked_for_stands_alone(read_run):
    assert read_run(CASES["names"], metric="loss").held_out is None
    assert read_run(CASES["names"], metric="val_loss").held_out is None


def test_another_metric_is_no_companion(read_run):
    text = "epoch,loss,val_accuracy\n" + each(lambda i: f"{i},{loss(i)},{1 / (1 + loss(i))}")
    assert read_run(text).held_out is None


def test_validation_comes_before_a_test(read_run):
    text = "epoch,test_loss,loss,val_loss\n" + each(
        lambda i: f"{i},{loss(i) + 1},{loss(i)},{loss(i) + 2}"
    )
    assert read_run(text).held_out.metric == "val_loss"


def test_each_run_has_its_own(read):
    part = each(lambda i: f"epoch {i} loss {loss(i):.4f} val_loss {loss(i) + 0.5:.4f}")
    first, second = read(part + part).runs
    assert first.held_out.lines.tolist() == first.lines.tolist()
    assert second.held_out.lines.tolist() == second.lines.tolist()


def test_an_evaluation_that_counts_on_is_cut_where_runs_begin(read):
    part = each(
        lambda i: f"step {i} loss {loss(i):.4f}" + f"\neval loss {held(i):.4f}" * (i % 4 == 0)
    )
    runs = read(3 * part).runs
    assert [len(run.values) for run in runs] == [len(STEPS)] * 3
    assert [run.held_out.x.tolist() for run in runs] == [[*STEPS[3::4]]] * 3
    assert all(run.lines[0] < run.held_out.lines[0] <= run.lines[-1] + 1 for run in runs)


def test_a_run_without_an_evaluation_has_none(read):
    text = "step,loss,val_loss\n" + "".join(
        f"{i},{loss(i)},{held(i) if k else ''}\n" for k in (0, 1, 1) for i in STEPS
    )
    first, second, third = read(text).runs
    assert first.held_out is None
    assert second.held_out.lines.tolist() == second.lines.tolist()
    assert third.held_out.lines.tolist() == third.lines.tolist()


def test_epochs_stand_where_their_steps_end(read_run):
    text = "".join(
        "".join(
            f"epoch {e} step {s} train loss {loss(e + s / 50):.4f}\n" for s in range(10, 60, 10)
        )
        + f"epoch {e} valid loss {held(e):.4f}\n"
        for e in range(1, 11)
    )
    run = read_run(text)
    assert (run.x_name, run.held_out.x_name) == ("epoch, step", "epoch, step")
    assert run.held_out.x.tolist() == run.x[4::5].tolist()
