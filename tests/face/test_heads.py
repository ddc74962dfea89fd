import pytest
import torch

from plateau_face.heads import Head, PartialHead, sampled
from plateau_face.margins import CosFace

CLASSES, DIM = 40, 6
SGD = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.01}


def steps(count=6, batch=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        yield (
            torch.randn(batch, DIM, generator=generator),
            torch.randint(CLASSES, (batch,), generator=generator),
        )


def train(head, optimizer, batches):
    for embeddings, labels in batches:
        labels = head.gather(labels, optimizer)
        optimizer.zero_grad()
        head(embeddings, labels).backward()
        optimizer.step()
        head.scatter(optimizer)


def test_a_partial_head_with_all_classes_is_the_whole_head():
    torch.manual_seed(0)
    whole = Head(CLASSES, DIM, CosFace())
    partial = PartialHead(CLASSES, DIM, CosFace(), rate=1.0)
    partial.weight.copy_(whole.weight.detach())
    for head in (whole, partial):
        train(head, torch.optim.SGD(head.trained(), **SGD), steps())
    torch.testing.assert_close(partial.weight, whole.weight.detach())


def test_rows_move_by_their_own_gradient_and_momentum_only():
    """Against a twin that does the arithmetic of SGD row by row."""
    torch.manual_seed(0)
    head = PartialHead(CLASSES, DIM, CosFace(), rate=0.25)
    optimizer = torch.optim.SGD(head.trained(), **SGD)
    weight, momentum = head.weight.clone(), torch.zeros(CLASSES, DIM)
    untouched = set(range(CLASSES))
    for embeddings, labels in steps(count=3, batch=4):
        state = torch.get_rng_state()
        rows = sampled(labels, CLASSES, 10)
        torch.set_rng_state(state)
        part = weight[rows].clone().requires_grad_()
        local = torch.tensor([rows.tolist().index(label) for label in labels.tolist()])
        loss = head(embeddings, head.gather(labels, optimizer))
        (expected,) = torch.autograd.grad(twin_loss(embeddings, local, part), part)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        head.scatter(optimizer)
        for place, row in enumerate(rows.tolist()):
            gradient = expected[place] + SGD["weight_decay"] * weight[row]
            momentum[row] = SGD["momentum"] * momentum[row] + gradient
            weight[row] = weight[row] - SGD["lr"] * momentum[row]
        untouched -= set(rows.tolist())
        torch.testing.assert_close(head.weight, weight, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(head.momentum, momentum, rtol=1e-5, atol=1e-5)
    assert untouched
    assert not head.momentum[sorted(untouched)].any()


def twin_loss(embeddings, labels, weight):
    cosine = torch.nn.functional.cosine_similarity(embeddings[:, None], weight[None], dim=2)
    margin = 0.4 * torch.nn.functional.one_hot(labels, len(weight))
    return torch.nn.functional.cross_entropy(64 * (cosine - margin), labels)


def test_the_sample_has_the_classes_of_the_batch():
    labels = torch.tensor([7, 3, 3, 39])
    rows = sampled(labels, CLASSES, 10)
    assert len(rows) == 10
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert {3, 7, 39} <= set(rows.tolist())
    assert sampled(labels, CLASSES, 2).tolist() == [3, 7, 39]
    seen = torch.stack(
        [torch.bincount(sampled(labels, CLASSES, 10), minlength=40) for _ in range(400)]
    )
    share = seen.double().mean(dim=0)
    others = [c for c in range(CLASSES) if c not in (3, 7, 39)]
    assert (share[others] - 7 / 37).abs().max() < 5 * (7 / 37 * 30 / 37 / 400) ** 0.5


def test_a_batch_of_more_classes_than_the_sample():
    head = PartialHead(CLASSES, DIM, CosFace(), rate=0.05)
    optimizer = torch.optim.SGD(head.trained(), **SGD)
    train(head, optimizer, [(torch.randn(20, DIM), torch.arange(20)), *steps(count=1, batch=1)])
    assert torch.isfinite(head.weight).all()
    assert head.momentum[:20].any(dim=1).all()


def test_the_state_has_weights_and_momentum_of_all_classes():
    head = PartialHead(CLASSES, DIM, CosFace(), rate=0.25)
    assert {k: tuple(v.shape) for k, v in head.state_dict().items()} == {
        "weight": (CLASSES, DIM),
        "momentum": (CLASSES, DIM),
    }
    assert list(head.parameters()) == []


def test_the_sample_moves_with_the_head():
    head = PartialHead(CLASSES, DIM, CosFace(), rate=0.25).double()
    assert head.weight.dtype == head.trained()[0].dtype == torch.float64


def test_a_share_that_is_none():
    with pytest.raises(ValueError, match=r"above 0 and at most 1, not 1\.5"):
        PartialHead(CLASSES, DIM, CosFace(), rate=1.5)
