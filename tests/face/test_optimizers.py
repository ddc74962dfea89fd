import copy

import pytest
import torch
from torch import nn

from plateau_face.config import Config
from plateau_face.heads import PartialHead
from plateau_face.margins import CosFace
from plateau_face.models import make_model
from plateau_face.optimizers import COEFFICIENTS, Muon, make_optimizer, matrices_of, polar

LR, RATE, MOMENTUM, DECAY = 0.3, 0.05, 0.8, 0.01


def network(dtype=torch.float64):
    torch.manual_seed(3)
    parts = nn.Conv2d(3, 7, 3), nn.BatchNorm2d(7), nn.PReLU(7), nn.Conv2d(7, 7, 3, groups=7)
    model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(7 * 16, 5))
    return model.to(dtype, memory_format=torch.channels_last)


def muon_of(model):
    matrices = matrices_of(model)
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    settings = {"lr": LR, "rate": RATE, "momentum": MOMENTUM, "weight_decay": DECAY}
    optimizer = Muon(others, matrices, **settings)
    for parameter in model.parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def scalar(value):
    """What the iteration makes of a singular value."""
    a, b, c = COEFFICIENTS
    for _ in range(5):
        value = a * value + b * value**3 + c * value**5
    return value


def near_polar(matrix):
    """By singular values, in float64: U·f(S)·Vᵀ, and beside it the polar factor U·Vᵀ."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return u @ torch.diag(scalar(s / s.norm())) @ v, u @ v


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (9, 9), (1, 5)])
def test_the_singular_values_become_nearly_1(shape):
    matrices = torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator())
    for matrix, found in zip(matrices, polar(matrices), strict=True):
        wanted, factor = near_polar(matrix)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
        assert torch.linalg.matrix_norm(found - factor, 2) < 0.33
        torch.testing.assert_close(polar(1e-6 * matrix[None])[0], found)
    assert not polar(torch.zeros(1, *shape)).any()


def test_a_closure_is_called_and_its_loss_returned():
    images, found = torch.ones(2, 3, 8, 8, dtype=torch.float64), []
    for closed in (False, True):
        model = network()
        optimizer = muon_of(model)

        def closure(model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = model(images).square().mean()
            loss.backward()
            return loss

        loss = optimizer.step(closure) if closed else closure()
        if not closed:
            assert optimizer.step() is None
        found.append([loss.detach(), *(p.detach() for p in model.parameters())])
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_what_the_coefficients_promise():
    values = scalar(torch.logspace(-2.3, 0, 10_000, dtype=torch.float64))
    assert 0.68 < values.min() < values.max() < 1.16


def test_steps_are_those_of_the_slow_twin():
    """One number of a momentum after the other, and the SVD for what is near the polar factor."""
    model = network()
    optimizer, twin = muon_of(model), copy.deepcopy(model)
    matrices = ("0.weight", "5.weight")
    buffers = {name: torch.zeros_like(p) for name, p in twin.named_parameters()}
    for _ in range(4):
        for (name, parameter), old in zip(model.named_parameters(), twin.parameters(), strict=True):
            gradient = torch.randn_like(parameter)  # in its layout, as autograd leaves it
            parameter.grad = gradient.clone()
            if name in matrices:
                buffers[name] = MOMENTUM * buffers[name] + gradient
                ahead = (gradient + MOMENTUM * buffers[name]).flatten(1)
                tall = max(1, ahead.shape[0] / ahead.shape[1]) ** 0.5
                direction = tall * near_polar(ahead)[0].view_as(old) + DECAY * old.data
                old.data -= RATE * direction
            else:
                buffers[name] = MOMENTUM * buffers[name] + gradient + DECAY * old.data
                old.data -= LR * buffers[name]
        optimizer.step()
        for (name, parameter), old in zip(model.named_parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(parameter, old)
            torch.testing.assert_close(optimizer.state[parameter]["momentum_buffer"], buffers[name])


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has one from 2.9")
def test_it_is_torchs_own_where_that_serves():
    """Which computes in bf16."""
    torch.manual_seed(0)
    mine, theirs = (nn.Linear(12, 30, bias=False) for _ in "12")
    theirs.load_state_dict(mine.state_dict())
    before = mine.weight.detach().clone()
    ours = muon_of(mine)
    other = torch.optim.Muon(
        theirs.parameters(), RATE, DECAY, MOMENTUM, nesterov=True, adjust_lr_fn="original"
    )
    for _ in range(3):
        gradient = torch.randn(30, 12)
        for module, optimizer in ((mine, ours), (theirs, other)):
            module.weight.grad = gradient.clone()
            optimizer.step()
    assert (mine.weight - theirs.weight).norm() < 0.02 * (mine.weight - before).norm()


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon"])
def test_a_gradient_that_is_not_finite_changes_nothing(name):
    """Neither in the first step nor in a later one, wherever the number is."""
    model = network(torch.float32)
    config = Config(synthetic=True, optimizer=name, lr=0.01)
    optimizer = make_optimizer(config, model, [])
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    for step, bad in enumerate([0, -1, None, 0, -1]):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        before = [value.clone() for value in numbers(model, optimizer)]
        if bad is not None:
            gradient = list(model.parameters())[bad].grad
            gradient[(0,) * gradient.ndim] = torch.nan if step else torch.inf
        scaler.scale(torch.zeros(()))
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        same = map(torch.equal, before, numbers(model, optimizer))
        assert all(same) if bad is not None else not any(same)


def test_muon_wants_gradients_without_a_scale():
    model = network()
    optimizer = muon_of(model)
    model(torch.ones(2, 3, 8, 8, dtype=torch.float64)).sum().backward()
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(()))
    with pytest.raises(RuntimeError, match="unscale the gradients before the step"):
        scaler.step(optimizer)


def numbers(model, optimizer):
    return [*model.parameters(), *(v for s in optimizer.state.values() for v in s.values())]


def test_which_parameters_are_matrices():
    model = make_model("mobilefacenet", dim=16, image_size=32)
    head = nn.Parameter(torch.zeros(3, 16))
    optimizer = make_optimizer(Config(synthetic=True, optimizer="muon", lr=0.2), model, [head])
    others, matrices = optimizer.param_groups
    assert (others["lr"], matrices["lr"]) == (0.2, 0.04)
    assert all(p.ndim == 4 and p.shape[1] > 1 for p in matrices["params"][:-1])
    assert matrices["params"][-1] is model.embedding.linear.weight
    assert {p.ndim for p in others["params"]} == {1, 2, 4}
    assert all(p.ndim == 1 or p is head or p.shape[1] == 1 for p in others["params"])
    trained = sum(p.requires_grad for p in model.parameters())
    assert len(others["params"]) + len(matrices["params"]) == trained + 1


def test_a_sample_of_prototypes_takes_adams_moments_along():
    """A class that is not sampled stays as it is; one that always is moves as without sampling."""
    torch.manual_seed(0)
    config = Config(synthetic=True, optimizer="adamw", lr=0.01, weight_decay=0.1)
    head = PartialHead(12, 4, CosFace(), 0.5, moments=("exp_avg", "exp_avg_sq"))
    optimizer = make_optimizer(config, nn.Identity(), head.trained())
    whole = nn.Parameter(head.weight[:2].clone())
    plain = torch.optim.AdamW([whole], 0.01, weight_decay=0.1)
    for _ in range(5):
        before = {name: value.clone() for name, value in head.state_dict().items()}
        places = head.gather(torch.tensor([0, 1]), optimizer)
        rows = head._rows
        (sample,) = head.trained()
        sample.grad = torch.randn_like(sample)
        whole.grad = sample.grad[places].clone()
        optimizer.step()
        head.scatter(optimizer)
        plain.step()
        rest = [row for row in range(12) if row not in rows]
        for name in ("weight", "exp_avg", "exp_avg_sq"):
            assert torch.equal(head.state_dict()[name][rest], before[name][rest])
            assert not torch.equal(head.state_dict()[name][rows], before[name][rows])
        torch.testing.assert_close(head.weight[:2], whole.detach())
