"""A run beside a tracker of experiments: what it is told, and that it ends no training."""

import dataclasses
import json
import sys
from types import ModuleType

import pytest
from face_runs import TINY, KilledError, complaint

from plateau_face.log import LOG
from plateau_face.tensorboard import numbers
from plateau_face.tracking import NOTE, Tracker
from plateau_face.train import resume, start

CONFIG = dataclasses.replace(TINY, tracker="wandb:faces")


class Run:
    """A run of a tracker that keeps what it is told."""

    def __init__(self, settings):
        self.id, self.name = settings.get("id", "x1"), settings["name"]
        self.rows, self.alerts, self.finished = [], [], False

    def log(self, values, step):
        self.rows.append({"step": step, **values})

    def alert(self, title, text, wait_duration=0):
        self.alerts.append(f"{title} - {text}")

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """The tracker: a module whose runs, and what they were begun with, are kept."""
    module = ModuleType("wandb")
    module.begun, module.runs = [], []

    def init(**settings):
        module.begun.append(settings)
        module.runs.append(Run(settings))
        return module.runs[-1]

    module.init = init
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def logged(out):
    """Numbers of the rows of the log."""
    return [numbers(json.loads(line)) for line in (out / LOG).read_text().splitlines()]


def nothing(_):
    """Take a row."""


def test_the_rows_of_the_log_are_told(wandb, tmp_path):
    start(CONFIG, tmp_path / "night", nothing).run()
    (run,) = wandb.runs
    assert run.rows == logged(tmp_path / "night")
    assert run.finished
    (begun,) = wandb.begun
    assert (begun["project"], begun["name"]) == ("faces", "night")
    assert begun["config"]["batch"] == CONFIG.batch
    assert "resume" not in begun


def test_a_resumed_run_goes_on_in_the_tracker(wandb, tmp_path):
    def kill(row):
        if row["step"] == 4:
            raise KilledError

    with pytest.raises(KilledError):
        start(CONFIG, tmp_path, kill).run()
    assert wandb.runs[0].finished  # also of a run that fails
    resume(tmp_path, nothing).run()
    assert (wandb.begun[1]["id"], wandb.begun[1]["resume"]) == ("x1", "allow")
    told = {row["step"]: row for run in wandb.runs for row in run.rows if "loss" in row}
    steps = [row["step"] for row in logged(tmp_path) if "loss" in row]
    assert sorted(told) == steps
    resume(tmp_path, nothing, {"tracker": "wandb:others"}, extend=1).run()
    assert wandb.begun[2]["project"] == "others"
    assert "id" not in wandb.begun[2]
    assert json.loads((tmp_path / NOTE).read_text()) == {"tracker": "wandb:others", "run": "x1"}


def test_a_verdict_is_an_alert_where_it_is_new(wandb, tmp_path):
    tracker = Tracker(CONFIG, tmp_path / "night")
    verdicts = ["moving", "plateau", "plateau", None, "plateau", "worsening", "moving", "plateau"]
    (tmp_path / "night").mkdir()
    for step, verdict in enumerate(verdicts):
        row = {"step": step, "loss": 2.5, "lr": 0.1, "verdict": verdict}
        tracker.take({"step": step, "val_a": 0.5} if verdict is None else row)
    (run,) = wandb.runs
    assert [alert.split(",")[0] for alert in run.alerts] == [
        "night: plateau - at step 1", "night: worsening - at step 5", "night: plateau - at step 7",
    ]  # fmt: skip
    assert run.alerts[0].endswith("at step 1, loss 2.5, lr 0.1")


def test_a_tracker_that_fails_ends_no_training(wandb, tmp_path, monkeypatch):
    calls = []

    def fail(self, values, step):
        calls.append(step)
        raise OSError("https://key@example.org is down")

    monkeypatch.setattr(Run, "log", fail)
    with pytest.warns(UserWarning, match="^the tracker gets no more rows: OSError$"):
        start(CONFIG, tmp_path, nothing).run()
    assert len(calls) == 1
    assert logged(tmp_path)[-1]["step"] == 9


def test_what_cannot_be_had_is_one_line(wandb, tmp_path, capsys, monkeypatch):
    def said(tracker):
        options = [f"--set={name}={getattr(TINY, name)}" for name in ("image_size", "dim", "batch")]
        asked = ["--synthetic", "--out", tmp_path / "r", *options, "--set", f"tracker={tracker}"]
        return complaint(capsys, monkeypatch, "train", *asked).splitlines()[-1]

    assert said("neptune:faces") == (
        "plateau-face: tracker must be one of wandb, trackio, not 'neptune'"
    )
    assert said("wandb") == "plateau-face: tracker wandb needs a project: wandb:PROJECT"
    monkeypatch.setattr(wandb, "init", lambda **_: 1 / 0)
    assert said("wandb:faces") == (
        "plateau-face: tracker wandb: it cannot be had: ZeroDivisionError"
    )
