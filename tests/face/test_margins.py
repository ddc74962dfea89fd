import math
from functools import partial

import face_twins as twins
import pytest
import torch

from plateau_face.loss import margin_loss
from plateau_face.margins import (
    MARGINS,
    AdaFace,
    ArcFace,
    Combined,
    CosFace,
    CurricularFace,
    ElasticFace,
    MagFace,
    Margin,
    add_angle,
    angle,
)

BATCH, CLASSES, DIM = 12, 7, 5


def batch(seed=0, length=1.0):
    """Embeddings near and far from their classes, some even opposite to them."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(CLASSES, DIM, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (BATCH,), generator=generator)
    away = torch.randn(BATCH, DIM, generator=generator, dtype=torch.float64)
    pull = torch.linspace(-3, 3, BATCH, dtype=torch.float64)[:, None]
    lengths = torch.linspace(0.5, 6.0, BATCH, dtype=torch.float64)[:, None]
    embeddings = length * lengths * (pull * weight[labels] + away)
    return embeddings.requires_grad_(), labels, weight.requires_grad_()


def ada():
    margin = AdaFace().eval()  # as it is after some training; eval keeps it
    margin.mean.fill_(15.0)
    margin.deviation.fill_(8.0)
    return margin


def curricular():
    margin = CurricularFace().eval()
    margin.progress.fill_(0.3)
    return margin


def hard_negative(cosine, theta):
    return cosine * (0.3 + cosine) if cosine.item() > math.cos(theta.item() + 0.5) else cosine


CASES = {
    "none": (Margin(), {"target": lambda theta, _: torch.cos(theta)}),
    "arcface": (ArcFace(), {"target": lambda theta, _: twins.arc(theta, 0.5)}),
    "cosface": (CosFace(), {"target": lambda theta, _: torch.cos(theta) - 0.4}),
    "combined": (
        Combined(0.9, 0.4, 0.15),
        {"target": lambda theta, _: torch.cos(0.9 * theta + 0.4) - 0.15},
    ),
    "adaface": (ada(), {"target": partial(twins.adaface, mean=15.0, deviation=8.0)}),
    "magface": (
        MagFace(),
        {
            "target": twins.magface,
            "penalty": lambda norm: 35 * (norm.clamp(10, 110) / 110**2 + 1 / norm.clamp(10, 110)),
        },
    ),
    "curricularface": (
        curricular(),
        {"target": lambda theta, _: twins.arc(theta, 0.5), "others": hard_negative},
    ),
    "elasticface": (
        ElasticFace(deviation=0.0),
        {"target": lambda theta, _: twins.arc(theta, 0.5)},
    ),
}


def test_every_margin_has_a_case():
    assert CASES.keys() == MARGINS.keys()


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("name", MARGINS)
def test_loss_and_gradient_are_those_of_the_formula(name, chunk):
    margin, formula = CASES[name]
    embeddings, labels, weight = batch(length=3.0)
    expected = twins.loss(embeddings, labels, weight, **formula)
    wanted = torch.autograd.grad(expected, [embeddings, weight])
    found = margin_loss(embeddings, labels, weight, margin, chunk)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, [embeddings, weight]), wanted, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("name", MARGINS)
def test_fp32_is_close_to_float64_and_bf16_is_not_used(name):
    margin, _ = CASES[name]
    embeddings, labels, weight = batch(length=3.0)
    exact = margin_loss(embeddings, labels, weight, margin)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = margin_loss(embeddings.float(), labels, weight.float(), margin)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MARGINS)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_gradients_are_finite_at_both_ends(name, sign):
    margin, _ = CASES[name]
    weight = torch.randn(CLASSES, DIM).requires_grad_()
    labels = torch.arange(CLASSES)
    embeddings = (sign * 20 * weight.detach()).requires_grad_()
    before = embeddings.detach().clone()
    loss = margin_loss(embeddings, labels, weight, margin)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()
    assert torch.isfinite(weight.grad).all()
    assert torch.equal(embeddings, before)  # out of place


@pytest.mark.parametrize("chunk", [None, 3])
def test_of_several_centres_the_nearest_counts(chunk):
    """Against a loop over images, classes and centres, with wrong classes above 0.3 left out."""
    embeddings, labels, _ = batch()
    weight = torch.randn(CLASSES, 2 * DIM, dtype=torch.float64, generator=torch.Generator())
    weight.requires_grad_()
    margin = CosFace(0.4)
    margin.filter_above = 0.3
    found = margin_loss(embeddings, labels, weight, margin, chunk)
    total, filtered = 0.0, 0
    for x, label in zip(embeddings, labels.tolist(), strict=True):
        centres = weight.unflatten(1, (2, DIM))
        cosines = [max(twins.unit(x) @ twins.unit(c) for c in both) for both in centres]
        wrong = [c for j, c in enumerate(cosines) if j != label and c <= 0.3]
        filtered += CLASSES - 1 - len(wrong)
        right = 64 * (cosines[label] - 0.4)
        total = total + torch.logsumexp(torch.stack([right, *(64 * c for c in wrong)]), 0) - right
    assert 0 < filtered < BATCH * (CLASSES - 1)
    torch.testing.assert_close(found, total / BATCH)
    for one, other in zip(
        torch.autograd.grad(found, (embeddings, weight)),
        torch.autograd.grad(total / BATCH, (embeddings, weight)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_the_margin_at_the_angle_keeps_falling_past_the_end():
    theta = torch.linspace(0, math.pi, 2001, dtype=torch.float64)
    assert (add_angle(theta.cos(), 0.5).diff() < 1e-3).all()
    found = angle(theta.cos())
    torch.testing.assert_close(found[1:-1], theta[1:-1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", MARGINS)
def test_warm_up_goes_from_no_margin_to_all_of_it(name):
    margin, _ = CASES[name]
    embeddings, labels, weight = batch(length=3.0)
    losses = []
    for margin.strength in (0.0, 0.5, 1.0):
        losses.append(margin_loss(embeddings, labels, weight, margin).item())
    assert losses[0] == margin_loss(embeddings, labels, weight, Margin()).item()
    if name != "none":
        assert losses[0] < losses[1] < losses[2]


def test_adaface_follows_the_lengths():
    margin, norms = AdaFace(), torch.tensor([10.0, 30.0, 200.0, 1e-9])
    margin.observe(torch.zeros(4), norms)
    cut = norms.clamp(1e-3, 100)
    assert margin.mean.item() == pytest.approx(0.99 * 20 + 0.01 * cut.mean().item())
    assert margin.deviation.item() == pytest.approx(0.99 * 100 + 0.01 * cut.std().item())
    margin.observe(torch.zeros(1), norms[:1])
    assert torch.isfinite(margin.deviation)


def test_curricularface_follows_the_right_classes():
    margin = CurricularFace()
    margin.observe(torch.tensor([0.2, 0.6]), torch.ones(2))
    assert margin.progress.item() == pytest.approx(0.01 * 0.4)


def test_elasticface_draws_and_ranks_its_margins():
    cosine = torch.tensor([0.9, -0.2, 0.3, 0.1])
    torch.manual_seed(3)
    drawn = 0.4 + 0.1 * torch.randn(4)
    torch.manual_seed(3)
    plain = ElasticFace(0.4, 0.1, on_angle=False).target(cosine, torch.ones(4))
    torch.testing.assert_close(plain, cosine - drawn)
    torch.manual_seed(3)
    plus = ElasticFace(0.4, 0.1, on_angle=False, plus=True).target(cosine, torch.ones(4))
    given = cosine - plus
    torch.testing.assert_close(given.sort().values, drawn.sort().values)
    assert given[1] > given[3] > given[2] > given[0]


def test_elasticface_has_the_published_margins():
    assert (ElasticFace().margin, ElasticFace(on_angle=False).margin) == (0.5, 0.35)
    assert ElasticFace(0.4, on_angle=False).margin == 0.4


def test_statistics_stay_as_they_are_outside_of_training():
    embeddings, labels, weight = batch()
    margin = AdaFace().eval()
    margin_loss(embeddings, labels, weight, margin)
    assert margin.mean == 20
    margin.train()
    margin_loss(embeddings, labels, weight, margin)
    assert margin.mean != 20
