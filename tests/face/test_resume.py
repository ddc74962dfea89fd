"""A run that was killed, extended or moved goes on as one that was not."""

import dataclasses
import math
import shutil
import time

import numpy as np
import pytest
import torch
from face_runs import TINY, KilledError, assert_same, begin, rows

from plateau import Detector
from plateau_face.checkpoint import load_checkpoint
from plateau_face.config import Config
from plateau_face.train import resume, start


def train_with_kill(config, out, at):
    """Train, stop without warning where the row of step `at` is reported, and resume."""

    def kill(row):
        if row["step"] == at:
            raise KilledError

    with pytest.raises(KilledError):
        start(config, out, kill).run()
    torch.manual_seed(12345)  # nothing may depend on what another process has drawn
    resume(out, lambda _: None).run()


TINY_OPTIONS = {
    "synthetic_identities": 8, "synthetic_images": 10, "image_size": 16, "dim": 8, "batch": 16,
    "epochs": 9, "threads": 1, "log_every": 1, "save_every": 1, "val_every": 9,
}  # fmt: skip

TINY_CHECKED = dataclasses.replace(TINY, val_every=2, save_every=3)

VARIANTS = {
    "plateau": {},
    "finish": {"finish": 0.7, "warmup": 2},
    "cosine": {"schedule": "cosine", "margin": "adaface", "warmup": 5},
    "poly": {"schedule": "poly", "margin": "curricularface", "chunk": 4},
    "reduce_on_plateau": {"schedule": "reduce_on_plateau", "warmup": 5},
    "partial": {
        "sample_rate": 0.5,
        "margin": "elasticface",
        "warmup": 3,
        "log_every": 5,
        "sub_centres": 2,
    },
    "siamese": {"siamese": True, "queue": 16, "batch": 4, "epochs": 7, "val_every": 7},
    "agents": {
        "siamese": True,
        "agents": 4,
        "pairs_of": "image",
        "queue": 16,
        "batch": 4,
        "epochs": 2,
    },
    "parts": {"accumulate": 2, "margin_warmup": 7, "precision": "bf16"},
    "muon": {"optimizer": "muon", "sample_rate": 0.5, "precision": "bf16"},
    "cool": {"at_plateau": "cool", "epochs": 6, "val_every": 6},
    "adamw": {"optimizer": "adamw", "sample_rate": 0.5, "lr": 0.001},
    "ema": {"ema": 0.6, "recompute": True, "margin": "adaface"},
}


@pytest.fixture
def plateau_at(monkeypatch):
    """Let the detector see a plateau at a step: a test has no time for a real one."""

    def set_step(step):
        def update(detector, loss):
            real(detector, loss)
            return detector.count == step

        monkeypatch.setattr(Detector, "update", update)

    real = Detector.update
    return set_step


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path, variant, plateau_at):
    if variant == "cool":
        plateau_at(5)
    config = dataclasses.replace(TINY, **VARIANTS[variant])
    start(config, tmp_path / "whole", lambda _: None).run()
    train_with_kill(config, tmp_path / "cut", at=6 if config.log_every == 2 else 5)
    assert_same(load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
    if variant == "cool":  # a finish of 2 steps, 0.3 times 5, ends the run at 7, within an epoch
        *_, told, _, loss, verified = rows(tmp_path / "cut")
        assert told == {"step": 5, "epoch": 2, "ends_at_step": 7}
        assert (loss["step"], loss["epoch"], loss["lr"]) == (7, 3, 0.0)
        assert verified["step"] == 7
        assert "val_synthetic_accuracy" in verified


def test_kill_9_at_random_moments(tmp_path):
    """Three times in a run that saves after each step, so that some kills hit a file half written.

    A kill comes up to 30 ms after the row of a random step was logged: a step takes about as long.
    """
    random = np.random.default_rng()
    options = [f"--set={name}={value!r}" for name, value in TINY_OPTIONS.items()]
    start(Config(synthetic=True, **TINY_OPTIONS), tmp_path / "whole", lambda _: None).run()
    for more in (["--synthetic", *options], ["--resume"], ["--resume"]):
        process = begin("train", "--out", tmp_path / "cut", *more)
        wait_for_rows(tmp_path / "cut" / "log.jsonl", random.integers(1, 7), process)
        time.sleep(random.uniform(0, 0.03))
        process.kill()
        process.join()
    before = load_checkpoint(tmp_path / "cut")["step"]
    assert before < load_checkpoint(tmp_path / "whole")["step"]
    resume(tmp_path / "cut", lambda _: None).run()
    assert_same(load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")


def wait_for_rows(log, more, process):
    """Wait until a log has grown by so many rows."""
    first, deadline = count_rows(log), time.monotonic() + 600
    while count_rows(log) < first + more:
        assert time.monotonic() < deadline
        assert process.is_alive()
        time.sleep(0.001)


def count_rows(log):
    return log.read_bytes().count(b"\n") if log.exists() else 0


def test_a_finished_run_is_extended(tmp_path):
    """By epochs under a schedule of their own; killed and resumed in them as ever."""
    config = dataclasses.replace(TINY, epochs=1, schedule="cosine", val_every=2)
    start(config, tmp_path / "whole", lambda _: None).run()
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    told = rows(tmp_path / "whole")
    resume(tmp_path / "whole", lambda _: None, extend=2).run()
    found = rows(tmp_path / "whole")
    assert found[: len(told)] == told
    shares = [
        2 / 3,
        1,
        1 / 6,
        3 / 6,
        5 / 6,
        1,
    ]  # at steps 2 and 3, then 4, 6, 8 and 9
    assert [row["lr"] for row in found if "loss" in row] == pytest.approx(
        [0.05 * (1 + math.cos(math.pi * share)) for share in shares]
    )

    def kill(row):
        if row["step"] == 6 and "loss" in row:
            raise KilledError

    with pytest.raises(KilledError):
        resume(tmp_path / "cut", kill, extend=2).run()
    trainer = resume(tmp_path / "cut", lambda _: None)
    assert (trainer.step, trainer.end, trainer.config.epochs) == (4, 9, 3)
    trainer.run()
    assert_same(load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut"))
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
    unfinished = start(config, tmp_path / "unfinished", lambda _: None)
    with pytest.raises(ValueError, match="the run is at step 0 of 3: let it end before"):
        unfinished.extend(1)


def test_a_run_goes_on_elsewhere_but_not_as_another(tmp_path):
    start(TINY, tmp_path / "run", lambda _: None)
    trainer = resume(tmp_path / "run", lambda _: None, {"threads": 1, "log_every": 1})
    assert trainer.config == dataclasses.replace(TINY, threads=1, log_every=1)
    assert trainer.described() == (
        "cpu: 36 images of 6 identities, 9 steps of 12 images, 0.31 M parameters"
    )
    with pytest.raises(ValueError, match=r"batch cannot change in a run, .*: only data, ident"):
        resume(tmp_path / "run", lambda _: None, {"batch": 6})


@pytest.mark.parametrize("at", ["saved", "first row", "second row"])
def test_a_run_killed_around_a_verification_has_its_rows_once(tmp_path, monkeypatch, at):
    def kill(row):
        if (
            row["step"] == 6
            and (at == "first row" or "val_b_accuracy" in row)
            and "loss" not in row
        ):
            raise KilledError

    def begin(out, report):
        trainer = start(TINY_CHECKED, out, report)
        trainer.pairs = [trainer.pairs[0], trainer.pairs[0]._replace(name="b")]
        return trainer

    begin(tmp_path / "whole", lambda _: None).run()
    trainer = begin(tmp_path / "cut", kill)
    if at == "saved":
        end_epoch = trainer.end_epoch
        trainer.end_epoch = lambda: kill({"step": trainer.step, "val_b_accuracy": 0}) or end_epoch()
    with pytest.raises(KilledError):
        trainer.run()
    assert load_checkpoint(tmp_path / "cut")["step"] == 6
    trainer = resume(tmp_path / "cut", lambda _: None)
    trainer.pairs = [trainer.pairs[0], trainer.pairs[0]._replace(name="b")]
    trainer.run()
    assert rows(tmp_path / "whole") == rows(tmp_path / "cut")
    assert_same(load_checkpoint(tmp_path / "whole"), load_checkpoint(tmp_path / "cut"))
