"""That the trainings train alike, are kept, and end in tables; what they are worth is no test."""

import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.benchmarks.trainings import train
from tests.benchmarks.trainings.__main__ import main
from tests.benchmarks.trainings.cache import curves_of
from tests.benchmarks.trainings.schedules import SCHEDULES, Schedule, constant, peer
from tests.benchmarks.trainings.tables import Results, final, loss_table, told
from tests.benchmarks.trainings.tasks import TASKS
from tests.benchmarks.trainings.training import Curves, Training

TINY = [replace(task, epochs=3, steps=5, validation=64) for task in TASKS]
CONSTANT = Schedule("constant", "step", constant)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("task", TINY, ids=lambda task: task.name)
def test_a_schedule_changes_the_rate_and_nothing_else(task, optimizer):
    training = Training(task, optimizer, 1)
    plain = train(training, CONSTANT)
    assert len(plain.validation) == 3
    assert set(plain.rate) == {task.rates[optimizer]}
    seen = []

    def halved_after_six(optimizer, steps):
        def tell(loss):
            seen.append(loss)
            if len(seen) == 6:
                optimizer.param_groups[0]["lr"] /= 2

        return tell

    halved = train(training, Schedule("halved", "step", halved_after_six))
    assert seen == list(halved.loss)
    assert halved.reductions == [6 / 5]
    assert np.array_equal(plain.loss[:7], halved.loss[:7])
    assert np.all(plain.loss[7:] != halved.loss[7:])
    assert not np.array_equal(train(replace(training, seed=2), CONSTANT).loss, plain.loss)


@pytest.mark.parametrize("fed", ["mean", "validation"])
def test_once_an_epoch(fed):
    seen = []
    training = Training(TINY[0], "SGD", 0)
    curves = train(training, Schedule("ear", fed, lambda optimizer, steps: seen.append))
    means = curves.loss.reshape(3, 5).mean(axis=1)
    assert seen == pytest.approx(means if fed == "mean" else curves.validation)


def test_examples_and_labels():
    draw = TASKS[0].source(torch.Generator().manual_seed(0))
    inputs, labels = draw(6000)
    same = torch.cdist(inputs, inputs).fill_diagonal_(torch.inf).argmin(1)
    agreement = (labels[same] == labels).double().mean().item()
    # of 100 pairs of one prototype 4.5 labels on either side are wrong
    assert 0.6 < agreement < 0.955**2 + 0.01


def test_curves_are_kept(tmp_path):
    training = Training(TINY[0], "SGD", 0)
    first = curves_of(training, CONSTANT, tmp_path, [])
    (file,) = tmp_path.iterdir()
    marked = first._replace(validation=first.validation + 1)
    np.savez(file, **marked._asdict())
    assert final(curves_of(training, CONSTANT, tmp_path, ["other"])) == final(marked)
    assert final(curves_of(training, CONSTANT, tmp_path, ["const"])) == final(first)
    longer = replace(training, task=replace(training.task, epochs=4))
    assert len(curves_of(longer, CONSTANT, tmp_path, []).validation) == 4


def test_figures_are_relative_to_the_best_peer():
    training = Training(TINY[0], "SGD", 0)
    schedules = {CONSTANT: 2.2, peer(2, 0.1): 2.2, peer(2, 0.5): 2.0, peer(5, 0.1): 4.0}
    rate = np.array([1.0, 1.0, 0.5, 0.5])
    results = Results(
        {
            (training, schedule): Curves(rate, rate, np.array([loss]))
            for schedule, loss in schedules.items()
        }
    )
    assert "| constant | +10.0 (+10.0) |" in loss_table(results, final)
    assert (results.within(CONSTANT), results.no_worse(CONSTANT)) == (0, 1)
    assert results.within(CONSTANT, named="factor=0.1") == 1
    assert told([]) == "0"
    assert told([3.2]) == "1 (3)"
    assert told([3.2, 5.0, 9.0]) == "3 (3 … 9)"


def test_the_command_writes_a_page(tmp_path, monkeypatch, capsys):
    names = ["final loss", "best loss", "goal", "trainings", "reductions", "own reductions"]
    page = tmp_path / "page.md"
    page.write_text("\n".join(f"<!-- table: {name} -->\n<!-- end: {name} -->" for name in names))
    options = ["--small", "--seeds", "1", "--processes", "1"]
    options += ["--page", str(page), "--cache", str(tmp_path / "curves")]
    monkeypatch.setattr(sys, "argv", ["trainings", *options])
    main()
    said = capsys.readouterr().out
    place = re.compile(r"<!-- table: (.*?) -->\n(.*?)\n<!-- end: \1 -->", re.DOTALL)
    found = place.findall(page.read_text())
    assert [name for name, _ in found] == names
    assert all(text in said and text.count("\n") >= 4 for _, text in found)
    assert len(list((tmp_path / "curves").iterdir())) == 4 * len(SCHEDULES)
