"""Files that describe an experiment, those of the documentation among them."""

import dataclasses
import re
import tomllib

import pytest
from face_runs import EXPERIMENTS, SMALL

from plateau_face.comparison.experiment import load_experiment

CHANGES = {
    "seeds = [0, 1, 2]": {
        "": "seeds is missing: a list",
        "seeds = [0, 1]": "seeds must be at least 3, not 2",
        "seeds = [0, 1, 1]": "seeds has something twice: [0, 1, 1]",
        "seeds = 3": "seeds must be a list of what to compare, not 3",
        "seeds = [0, 1, -1]": "seeds must be at least 0, not -1",
        "seeds = [0, 1, 2": "Unclosed array",
    },
    "epochs = [6, 1]": {
        "epochs = [6, 1.5]": "epochs must be a whole number, not 1.5",
        "epochs = []": "epochs must be a list of what to compare, not []",
        "epoch = [6, 1]": "there is no 'epoch' in an experiment, only title, schedules, epochs",
    },
    'schedules = ["plateau", "cosine"]': {
        'schedules = ["plateau", "sine"]': "schedules must be one of plateau, multistep, ",
        'schedules = ["plateau"]': "there is no 'cosine' in schedule, only plateau",
    },
    "loss = 15.0": {
        "": "reach.loss is missing: the training loss whose steps are counted",
        "loss = 0": "reach.loss must be above 0, not 0",
        "los = 15.0": "there is no 'los' in reach, only loss, over",
    },
    "synthetic = true": {
        "": "give data, or synthetic, and not both",
        'data = "faces"': "there is nothing to verify on: name a set with --val",
        "synthetic = true\nseed = 3": "seed is what the runs differ in: it cannot be set for all",
        "synthetic = true\nbach = 3": "there is no 'bach' in a configuration",
    },
    "lr = 0.08": {"lr = -1": "lr must be above 0, not -1"},
}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [(old, new, message) for old, news in CHANGES.items() for new, message in news.items()],
)
def test_experiments_that_will_not_do(tmp_path, old, new, message):
    text = SMALL.read_text()
    assert old in text
    file = tmp_path / "e.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match="^" + re.escape(f"{file}: {message}")):
        load_experiment(file)


def test_experiments_are_read():
    plan = load_experiment(SMALL, ["lr=0.3"])
    assert [run.name for run in plan.runs[:5]] == [
        "plateau-6-0", "cosine-6-0", "plateau-1-0", "cosine-1-0", "plateau-6-1",
    ]  # fmt: skip
    assert [run.config.lr for run in plan.runs[:2]] == [0.3, 0.08]
    assert {(run.config.schedule, run.config.epochs, run.config.seed) for run in plan.runs} == {
        (run.schedule, run.epochs, run.seed) for run in plan.runs
    }


@pytest.mark.parametrize("name", ["real", "synthetic"])
def test_the_experiments_of_the_documentation(name):
    given = {"data": "faces", "val": ["pairs.tsv"]} if name == "real" else {}
    plan = load_experiment(EXPERIMENTS / f"{name}.toml", [], given)
    assert len(plan.schedules) == 5
    assert plan.epochs[0] == 4 * plan.epochs[-1]
    assert len(plan.seeds) >= 3
    config = tomllib.loads((EXPERIMENTS / f"{name}.toml").read_text())["config"]
    assert not config.keys() & {"data", "val", "val_folder", "identities"}  # of some machine


@pytest.mark.parametrize("name", ["real", "synthetic"])
def test_the_experiments_on_time_differ_in_optimizer_and_schedule_only(name):
    given = {"data": "faces", "val": ["pairs.tsv"]} if name == "real" else {}
    before = load_experiment(EXPERIMENTS / f"{name}.toml", [], given)
    after = load_experiment(EXPERIMENTS / f"{name}_time.toml", [], given)
    assert before.epochs[0] == after.epochs[0] == 4 * after.epochs[2]
    assert not {*before.seeds} & {*after.seeds}
    varied = {"schedule", "epochs", "seed", "optimizer", "max_reductions", "val_every"}
    varied |= {"precision", "compile"}  # alike in each of both

    def common(plan):
        tables = [dataclasses.asdict(run.config) for run in plan.runs]
        return [{k: v for k, v in table.items() if k not in varied} for table in tables]

    assert all(table == common(before)[0] for table in common(after))
    assert len({(run.config.precision, run.config.compile) for run in after.runs}) == 1
    for epochs in (after.epochs[0], after.epochs[2]):  # the full budget and a quarter
        assert {run.schedule for run in after.runs if run.epochs == epochs} == {*after.schedules}
    assert {*after.best_of} == {*after.schedules} - {"muon_held"}


def test_the_experiment_on_runs_that_a_plateau_ends():
    plan = load_experiment(EXPERIMENTS / "synthetic_cool.toml")
    ended = {(run.schedule, run.epochs) for run in plan.runs if run.config.at_plateau == "cool"}
    assert ended == {("sgd_cool", 40), ("muon_cool", 40)}
    assert len(plan.runs) == len(plan.seeds) * (2 + 2 * 5)


@pytest.mark.parametrize("name", ["real", "synthetic"])
def test_the_controls_of_the_documentation_differ_in_nothing_else(name):
    whole, control = (
        tomllib.loads((EXPERIMENTS / f"{file}.toml").read_text()) for file in (name, f"{name}_held")
    )
    assert control["config"] == whole["config"] | {"max_reductions": 0}
    assert (control["schedules"], control["epochs"]) == (["plateau"], whole["epochs"][-1:])
    assert (control["seeds"], control["reach"]) == (whole["seeds"], whole["reach"])
