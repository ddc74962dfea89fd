"""Replays of a log whose learning rate was set by the very rule that it is replayed with.

A made-up twin of the published log, which few have.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from twins import scheduled

from plateau import Detector, Haar, ThresholdDetector
from plateau.logs import read_log
from plateau.offline import scan_run
from plateau.policy import Policy
from plateau.replay import replay_run
from plateau.rule import Rule

STEPS = 20
"""Between two rows; the loss of a row stands for all of them."""

RULE = Rule("haar", window=400, smooth=400, threshold=6e-4, patience=800)
OPTIONS = {"max_reductions": 1000, "restart_after": 3}
POLICY = Policy(**OPTIONS)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The log, and the steps after which its rate was changed, with the factors."""
    rng = np.random.default_rng(0)
    level = np.concatenate([9 - np.arange(60) / 10, np.full(90, 3), 3 - np.arange(40) / 40,
                            np.full(300, 2), 2 - np.arange(40) / 40, np.full(110, 1)])  # fmt: skip
    losses = np.round(level + 0.002 * rng.normal(size=len(level)), 4)
    detector = ThresholdDetector(Haar(400, 400), threshold=6e-4, patience=800)
    rates = [0.02, *scheduled(np.repeat(losses, STEPS), detector, 0.02, **OPTIONS)]
    path = tmp_path_factory.mktemp("training") / "train.log"
    path.write_text(
        "".join(
            f"Loss {loss:.4f}   LearningRate {rates[step - 1]:.6f}   Global Step: {step}\n"
            for loss, step in zip(losses, range(STEPS, len(rates), STEPS), strict=True)
        )
    )
    changes = [
        (step, rates[step] / rates[step - 1])
        for step in range(1, len(rates))
        if rates[step] != rates[step - 1]
    ]
    return path, changes


@pytest.fixture(scope="module")
def run(training):
    (run,) = read_log(training[0]).runs
    assert (run.metric, run.x_name, run.lr_name) == ("Loss", "Global Step", "LearningRate")
    return run


def test_a_replay_makes_the_changes_of_the_training(training, run):
    factors = [factor for _, factor in training[1]]
    assert factors.count(0.5) > 5  # reductions,
    assert 4.0 in factors  # and a restart
    found = replay_run(run, RULE, POLICY)
    assert [(event.x, event.factor) for event in found.events] == training[1]
    assert [change.factor for change in found.recorded] == factors
    late = [r.x - e.x for e, r in zip(found.events, found.recorded, strict=True)]
    assert all(0 < steps <= STEPS for steps in late)  # told in the row behind


def test_a_replay_is_what_a_schedule_without_a_wait_would_have_done(tmp_path):
    t, rng = np.arange(9000), np.random.default_rng(0)
    level = 0.5 + 6 * np.exp(-t / 200) + 0.3 * (t < 3000) + 0.1 * (t < 6000)
    losses = np.round(level + 0.05 * rng.normal(size=len(t)), 4)
    path = tmp_path / "run.csv"
    path.write_text("step,loss\n" + "".join(f"{i},{x}\n" for i, x in enumerate(losses)))
    (run,) = read_log(path).runs
    rates = scheduled(losses, Detector(), 1.0, wait=0.0)
    expected = [(i, r) for i, r in enumerate(rates) if r != ([1.0, *rates])[i]]
    found = replay_run(run, Rule(), Policy())
    assert [(event.x, event.lr) for event in found.events] == expected
    assert len(expected) > 3
    told = Detector()  # and not what one does that forgets the range of the run
    assert [i for i, x in enumerate(losses) if told.update(x) and not told.changed()] != [
        i for i, _ in expected
    ]


def test_higher_may_be_better(run):
    mirrored = replace(run, values=-run.values, mode="max")
    assert replay_run(mirrored, RULE, POLICY).events == replay_run(run, RULE, POLICY).events


def test_plateaus_are_known_where_the_rate_is_reduced(training, run):
    found = scan_run(run, RULE)
    known = [run.x[plateau.declared] for plateau in found.plateaus]
    steps = [step for step, _ in training[1]]
    assert len(known) == 3
    assert all(any(0 <= x - step < STEPS for step in steps) for x in known)
    assert found.ends == ("plateau",)


def test_the_command_line_makes_them_too(training):
    from typer.testing import CliRunner

    from plateau.cli import app

    settings = {"window": 400, "smooth": 400, "threshold": 6e-4, "patience": 800, "unit": "step"}
    options = {**settings, "max-reductions": 1000, "restart-after": 3, "format": "json"}
    given = [f"--{name}={value}" for name, value in options.items()]
    done = CliRunner().invoke(app, ["replay", str(training[0]), *given])
    events = json.loads(done.stdout)["events"]
    assert [(event["x"], event["factor"]) for event in events] == training[1]
