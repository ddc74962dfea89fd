"""A small experiment, killed and taken up again, and what is computed from its runs."""

import contextlib
import dataclasses
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from face_runs import EXPERIMENTS, SMALL, assert_same, call, complaint, rows
from face_twins import linear_fit_spread
from scipy import stats

from plateau_face import checkpoint
from plateau_face import train as training
from plateau_face.comparison.curves import COLOURS, FURTHER, Curve, colours_of, draw
from plateau_face.comparison.experiment import load_experiment
from plateau_face.comparison.folder import RunFolder
from plateau_face.comparison.measures import Losses, Measures, measure, smoothed, steps_to
from plateau_face.comparison.results import _shown, write_results
from plateau_face.sources import drawn_faces


def reading(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    cache = tmp_path_factory.mktemp("drawn")
    overrides = ["save_every=4", f"synthetic_cache={json.dumps(str(cache))}"]
    return load_experiment(SMALL, overrides), [f"--set={text}" for text in overrides]


@pytest.fixture(scope="module")
def uninterrupted(experiment, tmp_path_factory):
    """The runs made one after the other in this process, without `compare`."""
    plan, _ = experiment
    out = tmp_path_factory.mktemp("uninterrupted")
    for run in plan.runs:
        folder = RunFolder(out / run.name)
        folder.claim(run.config)
        training.start(run.config, out / run.name, lambda _: None).run()
        folder.finish()
    return out, write_results(plan, out)


@pytest.fixture(scope="module")
def killed(experiment, tmp_path_factory):
    """The same experiment, killed where some runs are finished and one is on its way."""
    plan, overrides = experiment
    out = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "plateau_face", "compare", str(SMALL), "--out", str(out)]
    mark = f"PLATEAU_TEST={out}"
    with subprocess.Popen(
        [*command, *overrides], stderr=subprocess.DEVNULL, env=os.environ | dict([mark.split("=")])
    ) as process:
        deadline = time.monotonic() + 600
        while not (half := half_made(plan, out)):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.005)
        assert len(marked(mark)) > 1 or not Path("/proc").is_dir()
        process.send_signal(signal.SIGKILL)
    while marked(mark):  # its processes end by themselves
        assert time.monotonic() < deadline
        time.sleep(0.05)
    finished = [run.name for run in plan.runs if RunFolder(out / run.name).is_finished()]
    before = {name: (out / name / "last.pt").stat().st_mtime_ns for name in finished}
    at = checkpoint.load_checkpoint(out / half)["step"]
    speeds = [row["images_per_s"] for row in reading(out / half / "log.jsonl")[:at]]
    said = call("compare", SMALL, "--out", out, *overrides)
    return out, said, before, half, speeds


def half_made(plan, out):
    """Return a run that has a few rows, once another one is finished."""
    folders = {run.name: RunFolder(out / run.name) for run in plan.runs}
    if not any(folder.is_finished() for folder in folders.values()):
        return None
    for run in plan.runs:
        step = folders[run.name].last_row().get("step", 0)
        if run.epochs == plan.epochs[0] and 5 <= step <= 20:
            return run.name
    return None


def marked(mark):
    """Return the processes with that in their environment, where there is a /proc to look in."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # of another user, or gone by now
            if mark.encode() in environment.read_bytes().split(b"\0"):
                found.append(environment)
    return found


def test_a_killed_experiment_ends_as_one_that_was_not(experiment, uninterrupted, killed):
    whole, table = uninterrupted
    out, said, *_ = killed
    for run in experiment[0].runs:
        one, other = (checkpoint.load_checkpoint(path / run.name) for path in (whole, out))
        assert_same(one, other)
        assert rows(whole / run.name) == rows(out / run.name)
    assert timeless(said) == timeless(table)
    assert (out / "results.md").read_text() == said
    assert (out / "curves.svg").read_bytes() == (whole / "curves.svg").read_bytes()
    one, other = document(whole), document(out)
    for cell in (*one["cells"], *other["cells"]):
        assert all(seconds > 0 for seconds in cell.pop("cpu")["values"])
    assert one == other


def timeless(tables):
    """Return the tables without the last column of the second, which says how long it took."""
    first, remark, second = tables.split("\n\n")
    rows = [line.rsplit(" | ", 1)[0] for line in second.splitlines()]
    return [first, remark, *rows]


def test_nothing_is_made_twice(killed):
    out, _, before, half, speeds = killed
    assert before
    assert {name: (out / name / "last.pt").stat().st_mtime_ns for name in before} == before
    # The rows up to the checkpoint are still those of the process that was killed.
    kept = [row["images_per_s"] for row in reading(out / half / "log.jsonl")[: len(speeds)]]
    assert speeds
    assert kept == speeds


def test_the_table_is_what_the_logs_say(experiment, uninterrupted):
    """Against loops over the rows and the t of scipy."""
    plan, (out, table) = experiment[0], uninterrupted
    found = json.loads((out / "results.json").read_text())
    accuracy = {}
    for cell in found["cells"]:
        place = cell["schedule"], cell["epochs"]
        logs = [reading(out / f"{place[0]}-{place[1]}-{seed}" / "log.jsonl") for seed in (0, 1, 2)]
        accuracy[place] = [log[-1]["val_synthetic_accuracy"] for log in logs]
        assert cell["accuracy"]["values"] == accuracy[place]
        tars = [log[-1]["val_synthetic_tar_at_far_1e-2"] for log in logs]
        assert cell["tar"]["values"] == tars
        losses = [[row["loss"] for row in log if "loss" in row] for log in logs]  # of each step
        assert cell["loss"]["values"] == pytest.approx([sum(row[-5:]) / 5 for row in losses])
        first = [
            next((i for i in range(4, len(row) + 1) if sum(row[i - 4 : i]) / 4 <= 15.0), None)
            for row in losses
        ]
        assert cell["steps"]["values"] == first
        assert_estimate(cell["accuracy"], accuracy[place])
        assert_estimate(cell["loss"], cell["loss"]["values"])
    full = [place for place in accuracy if place[1] == 6]
    best = max(full, key=lambda place: sum(accuracy[place]))
    assert found["best"] == {"schedule": best[0], "epochs": best[1]}
    deviation, freedom = linear_fit_spread(list(accuracy.values()))
    assert found["spread"]["deviation"] == pytest.approx(deviation)
    assert found["spread"]["freedom"] == freedom == 6
    for cell in found["cells"]:
        place = cell["schedule"], cell["epochs"]
        if place == best:
            assert cell["difference"] is None
            continue
        gaps = [a - b for a, b in zip(accuracy[place], accuracy[best], strict=True)]
        assert cell["difference"]["values"] == pytest.approx(gaps)
        assert_estimate(cell["difference"], gaps)
        half = stats.t.ppf(0.975, freedom) * deviation * math.sqrt(2 / 3)
        assert cell["difference"]["half_pooled"] == pytest.approx(half)
        assert f"± {100 * half:.2f} |" in table
    assert table == (out / "results.md").read_text()
    assert [line.split(" | ")[:2] for line in table.splitlines()[2:6]] == [
        [f"| {schedule}", str(epochs)] for epochs in plan.epochs for schedule in plan.schedules
    ]


def assert_estimate(found, values):
    assert found["mean"] == pytest.approx(np.mean(values))
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert found["half"] == pytest.approx((high - low) / 2)


def test_the_tables_fit_a_page(uninterrupted):
    _, table = uninterrupted
    accuracies, remark, trainings = table.split("\n\n")
    assert remark.startswith("Mean and 95 % interval over 3 seeds")
    assert accuracies.splitlines()[0].count("|") == 8
    assert trainings.splitlines()[0] == (
        "| schedule | epochs | training loss | steps to loss 15 | reductions | steps | CPU s |"
    )
    assert len(trainings.splitlines()) == len(accuracies.splitlines()) == 2 + 4


def test_zero_has_no_sign_but_plus():
    assert _shown({"mean": -1e-9, "half": 0.001}, 100, 2, sign="+") == "+0.00 ± 0.10"
    assert _shown({"mean": -0.012, "half": None}, 100, 1) == "−1.2"


def test_reductions_are_the_falls_of_the_rate(experiment):
    plan, _ = experiment
    run = next(run for run in plan.runs if run.schedule == "plateau" and run.epochs == 1)
    rates = [0.05, 0.1, 0.1, 0.05, 0.05, 0.2, 0.1]
    log = [{"step": i, "epoch": 1, "loss": 1.0, "lr": lr} for i, lr in enumerate(rates, start=1)]
    seen = {"step": 7, "epoch": 1, "val_a_accuracy": 0.6, "val_a_tar_at_far_1e-2": 0.1}
    other = {"step": 7, "epoch": 1, "val_b_accuracy": 0.8, "val_b_tar_at_far_1e-2": 0.3}
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, finish=0.0))
    found = measure([*log, seen, other], run, plan)
    assert found == Measures(pytest.approx(0.7), pytest.approx(0.2), 1.0, 4, 2, 7, None)
    curved = dataclasses.replace(run, config=dataclasses.replace(run.config, schedule="poly"))
    assert measure([*log, seen, other], curved, plan).reductions is None
    finish = dataclasses.replace(run, config=dataclasses.replace(run.config, finish=0.3))
    assert measure([*log, seen], finish, plan).reductions == 1  # the last is of the finish
    with pytest.raises(ValueError, match="its log has no loss or no verification of the last"):
        measure(log, run, plan)


def test_a_run_that_a_plateau_has_ended(experiment):
    """Its last epoch is the last that there is."""
    plan, _ = experiment
    run = next(run for run in plan.runs if run.schedule == "plateau" and run.epochs == 6)
    run = dataclasses.replace(run, config=dataclasses.replace(run.config, at_plateau="cool"))
    log = [
        {"step": step, "epoch": 1 + (step > 5), "loss": 9.0 - step, "lr": 0.1, "cpu_s": 0.5}
        for step in range(1, 8)
    ]
    seen = {"step": 7, "epoch": 2, "val_a_accuracy": 0.6, "val_a_tar_at_far_1e-2": 0.1}
    with pytest.raises(ValueError, match="its log has no loss or no verification of the last"):
        measure([*log, seen], run, plan)
    told = {"step": 4, "epoch": 1, "ends_at_step": 7}
    found = measure([*log[:4], told, *log[4:], seen], run, plan)
    assert found == Measures(0.6, 0.1, 2.5, 4, None, 7, 3.5)


def test_schedules_with_names_of_their_own(tmp_path):
    text = SMALL.read_text().replace('["plateau", "cosine"]', '["cosine", "muon", "short"]')
    text = text.replace("seeds = [", 'best_of = ["cosine", "short"]\nseeds = [')
    text += """
[schedule.muon]
schedule = "plateau"
optimizer = "muon"

[schedule.short]
schedule = "poly"
epochs = [1]
"""
    file = tmp_path / "e.toml"
    file.write_text(text)
    plan = load_experiment(file)
    assert [run.name for run in plan.runs[:5]] == [
        "cosine-6-0", "muon-6-0", "cosine-1-0", "muon-1-0", "short-1-0",
    ]  # fmt: skip
    muon, short = plan.runs[1].config, plan.runs[4].config
    assert (muon.schedule, muon.optimizer, muon.epochs) == ("plateau", "muon", 6)
    assert (short.schedule, short.optimizer, short.epochs) == ("poly", "sgd", 1)
    assert plan.best_of == ("cosine", "short")
    for old, new, message in [
        (
            '"cosine", "short"]',
            '"sine"]',
            "there is no 'sine' in best_of, only cosine, muon, short",
        ),
        ("[schedule.cosine]", '[schedule.cosine]\nschedule = "poly"', "schedule.cosine is a sched"),
        ('schedule = "poly"', 'schedule = "poly"\nseed = 3', "seed is what the runs differ in"),
        ('"muon",', '"mu/on",', "schedules must be one of plateau"),
    ]:
        file.write_text(text.replace(old, new))
        with pytest.raises(ValueError, match="^" + re.escape(f"{file}: {message}")):
            load_experiment(file)


def test_the_picture_has_names_and_lengths_of_their_own(tmp_path):
    """Runs of three seeds that ended at different steps, beside a schedule with its own colour."""

    def losses(count):
        steps = np.arange(1, count + 1)
        return Losses(steps, np.ones(count, np.int64), 9.0 / steps, np.full(count, 0.1))

    curves = [
        Curve("sgd_cool", 4, [losses(30), losses(20), losses(25)], [0.5, 0.6, 0.7], 2),
        Curve("cosine", 4, [losses(40)] * 3, [0.5, 0.6, 0.7], 2),
    ]
    draw("x", curves, tmp_path / "x.svg")
    picture = (tmp_path / "x.svg").read_text()
    assert "<!-- sgd_cool -->" in picture
    assert colours_of(["sgd_cool", "cosine"]) == {
        "sgd_cool": FURTHER[0],
        "cosine": COLOURS["cosine"],
    }


def test_the_picture(uninterrupted):
    out, _ = uninterrupted
    picture = (out / "curves.svg").read_text()
    ElementTree.fromstring(picture)
    for text in ("A small experiment", "6 epochs", "1 epoch", "learning rate", "cosine"):
        assert f"<!-- {text} -->" in picture


def test_the_results_go_into_the_page(uninterrupted, tmp_path):
    out, table = uninterrupted
    for name in ("experiment.md", "experiments/make_results.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(EXPERIMENTS.parent / name, tmp_path / name)
    command = [sys.executable, tmp_path / "experiments" / "make_results.py", f"small={out}"]
    for _ in range(2):  # again, in place of what is there
        subprocess.run(command, check=True)
    page = (tmp_path / "experiment.md").read_text()
    assert page.count(f"### A small experiment\n\n{table}") == page.count("## Results") == 1
    assert (tmp_path / "experiments" / "small.svg").read_bytes() == (
        out / "curves.svg"
    ).read_bytes()


def test_only_a_report(experiment, uninterrupted, tmp_path):
    _, overrides = experiment
    out, table = uninterrupted
    (tmp_path / "runs").mkdir()
    for name in ("plateau-6-0", "plateau-6-1", "cosine-6-0", "cosine-6-1", "plateau-1-1"):
        (tmp_path / "runs" / name).symlink_to(out / name)
    told = call("compare", SMALL, "--out", tmp_path / "runs", "--report-only", *overrides)
    assert [line.split(" | ")[0] for line in told.splitlines()[2:5]] == [
        "| plateau (2 of 3)", "| cosine (2 of 3)", "| plateau (1 of 3)",
    ]  # fmt: skip
    (record,) = (c for c in document(tmp_path / "runs")["cells"] if c["epochs"] == 1)
    assert record["accuracy"]["half"] is None
    assert record["difference"]["half"] is None
    assert call("compare", SMALL, "--out", out, "--report-only", *overrides) == table


def document(out):
    return json.loads((out / "results.json").read_text())


def test_a_folder_of_other_runs_is_refused(experiment, uninterrupted, capsys, monkeypatch):
    out, _ = uninterrupted
    options = ["compare", SMALL, "--out", out, *experiment[1]]
    said = complaint(capsys, monkeypatch, *options, "--set=augment=0.5")
    assert said == (
        f"plateau-face: {out}/plateau-6-0 was begun with augment = 0.0, not 0.5: choose another "
        "folder, or what it was begun with\n"
    )
    assert "augment = 0.0, not 0.5" in complaint(
        capsys, monkeypatch, *options, "--set=augment=0.5", "--report-only"
    )


def test_two_at_once_are_refused(experiment, tmp_path, capsys, monkeypatch):
    from plateau_face.comparison.running import locked

    with locked(tmp_path / ".lock"):
        said = complaint(capsys, monkeypatch, "compare", SMALL, "--out", tmp_path, *experiment[1])
    assert said == f"plateau-face: {tmp_path} is in use by another plateau-face compare\n"


def test_a_run_that_fails_does_not_stop_the_others(tmp_path, capsys, monkeypatch):
    text = SMALL.read_text().replace("[6, 1]", "[1]").replace('"plateau", "cosine"', '"cosine"')
    file, out = tmp_path / "one.toml", tmp_path / "out"
    file.write_text(text)
    cache = f"--set=synthetic_cache={json.dumps(str(tmp_path / 'drawn'))}"
    events = out / "cosine-1-1" / "events.out.tfevents.0.plateau"
    events.mkdir(parents=True)  # where a file should be
    said = complaint(capsys, monkeypatch, "compare", file, "--out", out, cache).splitlines()
    reason = f"[Errno 21] Is a directory: '{events}'"
    assert f"run cosine-1-1  failed {reason}" in said
    assert said[-1] == f"plateau-face: 1 of 3 runs failed: cosine-1-1: {reason}"
    assert document(out)["cells"][0]["seeds"] == [0, 2]
    events.rmdir()
    assert call("compare", file, "--out", out, cache).startswith("| schedule |")
    assert document(out)["cells"][0]["seeds"] == [0, 1, 2]


def test_nothing_to_report(tmp_path, capsys, monkeypatch):
    said = complaint(capsys, monkeypatch, "compare", SMALL, "--out", tmp_path, "--report-only")
    assert said == f"plateau-face: {tmp_path}: no run of this experiment is finished\n"


def test_a_loss_that_is_not_finite_counts_for_nothing(experiment):
    values = [4.0, math.nan, math.inf, 2.0, 6.0]
    steps = np.arange(2, 12, 2)
    losses = Losses(steps, np.ones(5, np.int64), np.array(values), np.ones(5))
    np.testing.assert_array_equal(smoothed(losses, 4), [math.nan, 4.0, math.nan, 2.0, 4.0])
    assert steps_to(losses, 2.0, 4) == 8
    plan, _ = experiment
    run = next(run for run in plan.runs if run.schedule == "cosine" and run.epochs == 1)
    log = [
        {"step": int(s), "epoch": 1, "loss": v, "lr": 1} for s, v in zip(steps, values, strict=True)
    ]
    seen = {"step": 10, "epoch": 1, "val_a_accuracy": 0.6, "val_a_tar_at_far_1e-2": 0.1}
    assert measure([*log, seen], run, plan).loss == 4.0


def test_faces_of_the_cache_are_those_that_are_drawn(experiment, tmp_path):
    config = dataclasses.replace(experiment[0].runs[0].config, synthetic_cache="")
    kept = dataclasses.replace(config, synthetic_cache=str(tmp_path / "new" / "folder"))
    drawn = drawn_faces(config, 3, 2, first=5)
    for _ in range(2):  # written, then read
        found = drawn_faces(kept, 3, 2, first=5)
        assert (found.classes, found.labels.tolist()) == (3, drawn.labels.tolist())
        assert all(np.array_equal(found.read(i), drawn.read(i)) for i in range(6))
    assert len([*(tmp_path / "new" / "folder").iterdir()]) == 1
    assert drawn_faces(kept, 3, 2).read(0).tolist() != drawn.read(0).tolist()
