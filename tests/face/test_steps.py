"""One step of training: it waits for nothing, clips, accumulates, and leaves out what overflows."""

import copy
import dataclasses

import pytest
import torch
from face_runs import TINY, assert_same, overflow
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from plateau_face.checkpoint import DivergedError
from plateau_face.data.sampling import Batch
from plateau_face.train import norm_of_gradients, start


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
