"""Training: it learns, keeps its best, and saves nothing that diverged."""

import dataclasses
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from face_runs import TINY, KilledError, assert_same, overflow, rows

from plateau_face import train as training
from plateau_face.card import verification
from plateau_face.checkpoint import DivergedError, load_checkpoint, load_model
from plateau_face.data.sampling import Batch
from plateau_face.margins import MARGINS
from plateau_face.models import MODELS
from plateau_face.models.iresnet import IResNet
from plateau_face.networks import open_network
from plateau_face.train import generator, resume, start
from plateau_face.verify import Verified, verify


def test_the_average_of_the_weights_is_that_of_all_steps(tmp_path):
    """At first the plain mean; then each step counts for a quarter, and all before for the rest."""
    config = dataclasses.replace(TINY, ema=0.75, val_every=1)
    trainer = start(config, tmp_path, lambda _: None)
    taken, take = [], trainer.average.take

    def noted(step):
        take(step)
        taken.append({k: v.double().clone() for k, v in trainer.model.state_dict().items()})

    trainer.average.take = noted
    trainer.run()
    expected = taken[0]
    for step, state in enumerate(taken[1:], start=2):
        weight = max(0.25, 1 / step)
        expected = {k: (1 - weight) * v + weight * state[k] for k, v in expected.items()}
    expected |= {k: v for k, v in taken[-1].items() if k.endswith("num_batches_tracked")}
    kept = load_checkpoint(tmp_path / "average.pt")["model"]
    torch.testing.assert_close({k: v.double() for k, v in kept.items()}, expected)
    assert not kept["stem.0.weight"].equal(load_checkpoint(tmp_path)["model"]["stem.0.weight"])
    name = "val_synthetic_accuracy_of_average"
    told = [row[name] for row in rows(tmp_path) if name in row]
    network = open_network(tmp_path / "average.pt")
    assert len(told) == config.epochs
    assert told[-1] == verify(network.model, trainer.pairs[0], config.image_size).accuracy


def test_steps_and_seeds_have_random_numbers_of_their_own():
    keys = [(0, 0), (0, 1), (1, 0), (2**53, 7)]
    drawn = [torch.rand(4, generator=generator(*key)).tolist() for key in keys]
    assert len({tuple(numbers) for numbers in drawn}) == len(keys)
    assert torch.rand(4, generator=generator(0, 1)).tolist() == drawn[1]


def test_another_seed_is_another_run(tmp_path):
    for seed in (0, 1):
        config = dataclasses.replace(TINY, seed=seed, epochs=1)
        start(config, tmp_path / str(seed), lambda _: None).run()
    with pytest.raises(AssertionError):
        assert_same(*(load_checkpoint(tmp_path / s)["model"] for s in "01"))


def test_training_learns(tmp_path):
    config = dataclasses.replace(
        TINY, epochs=16, dropout=0.0, augment=0.0, log_every=8, save_every=0, val_every=16
    )
    start(config, tmp_path / "run", lambda _: None).run()
    found = rows(tmp_path / "run")
    assert found[5]["loss"] < 0.5 * found[0]["loss"]
    assert found[-1]["val_synthetic_accuracy"] > 0.55


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch in torch
def test_a_compiled_network_trains_as_one_that_is_not(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "narrow", partial(IResNet, (1,), (8,)))  # one stage of the four
    found = []
    for compiled in (False, True):
        config = dataclasses.replace(TINY, compile=compiled, augment=0.0, dropout=0.0)
        trainer = start(config, tmp_path / str(compiled), lambda _: None)
        images = torch.from_numpy(np.stack([trainer.faces.read(i) for i in range(12)]))
        batch = Batch(images, torch.from_numpy(trainer.faces.labels[:12]))
        losses = [trainer.train_on(batch).item() for _ in range(3)]
        trainer.save()  # names and values are those of a network that is not compiled
        found.append((losses, load_model(tmp_path / str(compiled))[0].state_dict()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-3)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=0.01, atol=0.01)


def test_the_best_checkpoint_is_kept_and_those_of_some_epochs(tmp_path, monkeypatch):
    """With accuracies of 60, 80, 70 and 75 %, and killed after the second is known."""
    accuracies = {3: 0.6, 6: 0.8, 9: 0.7, 12: 0.75}

    def verified(model, pairs, size, threads):
        return Verified(accuracies[trainer.step], 0.0, {1e-2: 0.0}, None)

    def kill(row):
        if row["step"] == 8:
            raise KilledError

    monkeypatch.setattr(training, "verify", verified)
    config = dataclasses.replace(
        TINY, epochs=4, val_every=1, log_every=1, save_every=0, keep="best", keep_every=2
    )
    trainer = start(config, tmp_path / "run", kill)
    with pytest.raises(KilledError):
        trainer.run()
    trainer = resume(tmp_path / "run", lambda _: None)
    trainer.run()
    names = sorted(path.name for path in (tmp_path / "run").glob("*.pt"))
    assert names == ["best.pt", "epoch-2.pt", "epoch-4.pt", "last.pt"]
    states = [load_checkpoint(tmp_path / "run" / name) for name in names]
    assert [state["step"] for state in states] == [6, 6, 12, 12]
    assert states[0]["best"] == 0.8
    assert states[3]["best"] == 0.8
    network = open_network(tmp_path / "run" / "best.pt")
    torch.testing.assert_close(network.model.state_dict(), states[0]["model"])
    assert "val" not in verification(tmp_path / "run" / "log.jsonl", 6)
    assert verification(tmp_path / "run" / "log.jsonl", 6).startswith("synthetic_accuracy 0.8000")


def test_no_checkpoint_of_a_network_that_diverged(tmp_path):
    config = dataclasses.replace(TINY, lr=1e12, clip=0.0, epochs=30, val_every=30)
    with pytest.raises(DivergedError, match=r"has not been finite for .* steps at step"):
        start(config, tmp_path / "run", lambda _: None).run()
    state = load_checkpoint(tmp_path / "run")
    assert state["not_finite"] == 0
    for part in (state["model"], state["head"]):
        assert all(value.isfinite().all() for value in part.values())


def test_a_checkpoint_waits_for_a_finite_gradient(tmp_path):
    """One step in three overflows, among them those at which a checkpoint is due."""
    trainer = start(dataclasses.replace(TINY, save_every=3), tmp_path / "run", lambda _: None)
    saved, save = [], trainer.save
    trainer.save = lambda: (saved.append(trainer.step), save())
    trainer.model.norm.register_forward_pre_hook(
        lambda module, inputs: overflow(module, inputs) if trainer.step % 3 == 2 else None
    )
    trainer.run()
    assert saved == [4, 7, 9]  # after 9 no step comes
    assert rows(tmp_path / "run")[-2]["skipped_steps"] == 1
    assert load_checkpoint(tmp_path / "run")["step"] == 9


def test_a_network_that_ends_infinite_is_not_saved(tmp_path):
    trainer = start(dataclasses.replace(TINY, save_every=9), tmp_path / "run", lambda _: None)
    with torch.no_grad():
        trainer.model.embedding.linear.bias.fill_(torch.nan)
    with pytest.raises(DivergedError, match="not finite at its last step, 9: lower lr"):
        trainer.run()
    assert load_checkpoint(tmp_path / "run")["step"] == 0


@pytest.mark.parametrize(
    ("margin", "precision"),
    [*((margin, "fp32") for margin in MARGINS), ("cosface", "bf16"), ("cosface", "fp16")],
)
def test_every_margin_trains(tmp_path, margin, precision):
    config = dataclasses.replace(TINY, margin=margin, precision=precision)
    trainer = start(config, tmp_path / "run", lambda _: None)
    before = trainer.head.weight.detach().clone()
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    for _ in range(16 if precision == "fp16" else 1):  # its scale may be too high at first
        trainer.train_on(Batch(images, torch.arange(12) % 6))
    assert not torch.equal(trainer.head.weight, before)
    assert torch.isfinite(trainer.head.weight).all()


def test_data_and_options_that_will_not_do(tmp_path):
    def begin(**values):
        start(dataclasses.replace(TINY, **values), tmp_path / "run", lambda _: None)

    with pytest.raises(ValueError, match="training needs two identities, not one"):
        begin(synthetic_identities=1, synthetic_images=30)
    with pytest.raises(ValueError, match="a batch of 64 needs as many images, there are 36"):
        begin(batch=64)
    with pytest.raises(ValueError, match=r"margin_options of cosface: .*'m'"):
        begin(margin_options={"m": 1})
    with pytest.raises(ValueError, match="nowhere: no such file or folder"):
        begin(synthetic=False, data=("nowhere",))
    with pytest.raises(ValueError, match=r"no\.bin: no such file"):
        begin(val=("no.bin",))
    for device in ("gpu", "cuda:99"):
        with pytest.raises(ValueError, match=f"device '{device}' cannot be used: "):
            begin(device=device)
    assert not (tmp_path / "run" / "last.pt").exists()
