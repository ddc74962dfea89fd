import copy
import dataclasses
import math
import shutil
import time
from functools import partial

import numpy as np
import pytest
import torch
from face_runs import TINY, assert_same, begin, rows
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from plateau import Detector
from plateau_face import train as training
from plateau_face.card import verification
from plateau_face.checkpoint import DivergedError, load_checkpoint, load_model
from plateau_face.config import Config
from plateau_face.data.sampling import Batch
from plateau_face.margins import MARGINS
from plateau_face.models import MODELS
from plateau_face.models.iresnet import IResNet
from plateau_face.networks import open_network
from plateau_face.train import generator, norm_of_gradients, resume, start
from plateau_face.verify import Verified, verify


class KilledError(Exception):
    pass


def train_with_kill(config, out, at):
    """Train, stop without warning where the row of step `at` is reported, and resume."""

    def kill(row):
        if row["step"] == at:
            raise KilledError

    with pytest.raises(KilledError):
        start(config, out, kill).run()
    torch.manual_seed(12345)  # nothing may depend on what another process has drawn
    resume(out, lambda _: None).run()


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


TINY_OPTIONS = {
    "synthetic_identities": 8, "synthetic_images": 10, "image_size": 16, "dim": 8, "batch": 16,
    "epochs": 9, "threads": 1, "log_every": 1, "save_every": 1, "val_every": 9,
}  # fmt: skip


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


class NoWaiting(TorchDispatchMode):
    """Refuses operations whose result, or its shape, the host must read from the device."""

    refused = frozenset({"_local_scalar_dense", "nonzero", "_unique2", "masked_select", "equal"})

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in self.refused, f"{name} waits for the device"
        return function(*args, **kwargs or {})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"augment": 0.0, "precision": "bf16", "margin": "adaface"},
        {"precision": "fp16", "margin": "magface"},
        {"sample_rate": 0.5, "margin": "elasticface"},
        {"margin": "curricularface", "chunk": 7, "accumulate": 2},
        {"siamese": True, "queue": 64},
        {"optimizer": "muon", "precision": "fp16"},
        {"optimizer": "adamw", "sample_rate": 0.5},
    ],
    ids=str,
)
def test_a_step_waits_for_nothing(tmp_path, values):
    """As far as a CPU can tell; tests/benchmarks/face_gpu.py asks the GPU itself."""
    config = dataclasses.replace(TINY, synthetic_identities=40, **values)
    trainer = start(config, tmp_path / "run", lambda _: None)
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    batch = Batch(images, torch.arange(6).repeat_interleave(2))
    with NoWaiting():
        trainer.train_on(batch)
    with (
        pytest.raises(AssertionError, match="_local_scalar_dense waits for the device"),
        NoWaiting(),
    ):
        trainer.not_finite.item()


def test_parts_of_a_batch_give_the_gradient_of_the_whole(tmp_path):
    """Without batch statistics, which are those of a part."""
    found = []
    for accumulate in (1, 3):
        config = dataclasses.replace(TINY, accumulate=accumulate, dropout=0.0)
        trainer = start(config, tmp_path / str(accumulate), lambda _: None)
        trainer.model.eval()
        torch.manual_seed(1)
        images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
        loss = trainer.train_on(Batch(images, torch.arange(12) % 6))
        found.append((loss, trainer.head.weight.detach().clone()))
    torch.testing.assert_close(found[0], found[1])


def test_the_gradient_of_the_network_alone_is_clipped(tmp_path):
    """That of the prototypes stays as it is without, and does not make the network's shorter."""
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    found = {}
    for clip in (0.0, 1e-3):
        torch.manual_seed(1)
        config = dataclasses.replace(TINY, clip=clip, dropout=0.0)
        trainer = start(config, tmp_path / str(clip), lambda _: None)
        trainer.train_on(Batch(images, torch.arange(12) % 6))
        network = norm_of_gradients(trainer.model.parameters())
        found[clip] = network, trainer.head.weight.grad
    assert found[0.0][0] > 0.01
    assert found[1e-3][0].item() == pytest.approx(1e-3, rel=1e-3)
    assert torch.equal(found[0.0][1], found[1e-3][1])


@pytest.mark.parametrize("part", ["model", "head"])
def test_a_gradient_that_is_not_finite_counts_wherever_it_is(tmp_path, part):
    trainer = start(TINY, tmp_path / "run", lambda _: None)
    parameter = next(getattr(trainer, part).parameters())
    parameter.register_hook(lambda gradient: gradient * torch.nan)
    before = [p.clone() for p in (*trainer.model.parameters(), *trainer.head.parameters())]
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    trainer.train_on(Batch(images, torch.arange(12) % 6))
    assert trainer.not_finite == 1
    after = (*trainer.model.parameters(), *trainer.head.parameters())
    assert all(map(torch.equal, before, after))


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


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_step_counts_once_in_the_averages_of_a_margin(tmp_path, accumulate):
    config = dataclasses.replace(TINY, margin="adaface", accumulate=accumulate, batch=12)
    trainer = start(config, tmp_path / "run", lambda _: None)
    margin, seen = trainer.head.margin, []
    observe = margin.observe
    margin.observe = lambda cosine, norms: seen.append(len(norms)) or observe(cosine, norms)
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    for _ in range(2):
        trainer.train_on(Batch(images, torch.arange(12) % 6))
    assert seen == [12 // accumulate] * 2


def test_no_head_for_a_step_that_is_not_finite(tmp_path):
    config = dataclasses.replace(TINY, log_every=3, epochs=8, val_every=8)
    trainer = start(config, tmp_path / "run", lambda _: None)
    before = {name: value.clone() for name, value in trainer.head.state_dict().items()}
    with torch.no_grad():
        trainer.model.embedding.linear.bias.fill_(torch.nan)
    with pytest.raises(DivergedError, match="has not been finite for 21 steps at step 21"):
        trainer.run()
    assert_same(dict(trainer.head.state_dict()), before)


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


TINY_CHECKED = dataclasses.replace(TINY, val_every=2, save_every=3)


def overflow(module, inputs):
    return (inputs[0] * torch.inf,)


@pytest.mark.parametrize(
    "values",
    [
        {"margin": "adaface"},
        {"margin": "curricularface", "accumulate": 2},
        {"siamese": True},
        {"siamese": True, "agents": 2},
    ],
    ids=str,
)
def test_a_step_that_overflows_leaves_nothing_behind(tmp_path, values):
    trainer = start(
        dataclasses.replace(TINY, synthetic_identities=40, **values), tmp_path / "run", print
    )
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    batch = Batch(images, torch.arange(6).repeat_interleave(2))
    trainer.train_on(batch)
    watched = [trainer.model, trainer.head.margin]
    networks = [trainer.model]
    if trainer.config.siamese:
        networks += trainer.head.galleries
        # Their numbers follow the network's also in such a step, their statistics not.
        watched += [m for m in trainer.head.galleries.modules() if isinstance(m, nn.BatchNorm2d)]
    before = [copy.deepcopy(statistics(module)) for module in watched]
    hooks = [network.norm.register_forward_pre_hook(overflow) for network in networks]
    assert not trainer.train_on(batch).isfinite()
    for hook in hooks:
        hook.remove()
    assert_same([statistics(module) for module in watched], before)
    assert trainer.not_finite == 1
    assert trainer.is_finite()
    trainer.train_on(batch)
    assert trainer.not_finite == 0


def statistics(module):
    """All that is floating-point; of a batch norm by itself what it has seen."""
    own = module.named_buffers() if isinstance(module, nn.BatchNorm2d) else None
    own = dict(own or module.state_dict())
    return {name: value for name, value in own.items() if value.is_floating_point()}


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
