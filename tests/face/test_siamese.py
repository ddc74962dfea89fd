import copy
import dataclasses

import face_twins as twins
import numpy as np
import pytest
import torch
from torch import nn

from plateau_face.checkpoint import load_checkpoint, load_model
from plateau_face.config import Config
from plateau_face.data.sampling import PairSampler
from plateau_face.margins import CosFace, CurricularFace
from plateau_face.siamese import NOBODY, SiameseHead
from plateau_face.train import start

DIM, INPUTS, QUEUE = 4, 6, 10
SGD = {"lr": 0.2, "momentum": 0.9, "weight_decay": 0.01}
IDENTITIES = [[3, 8, 1], [4, 2, 8], [5, 0, 3], [7, 8, 6], [1, 2, 3]]  # of steps; some come again


def network():
    return nn.Sequential(nn.Linear(INPUTS, 5), nn.BatchNorm1d(5), nn.PReLU(), nn.Linear(5, DIM))


def pictures():
    generator = torch.Generator().manual_seed(1)
    for identities in IDENTITIES:
        shape = (2 * len(identities), INPUTS)
        yield (
            torch.randn(shape, generator=generator, dtype=torch.float64),
            torch.tensor(identities).repeat_interleave(2),
        )


@pytest.mark.parametrize(("chunk", "agents"), [(None, 1), (4, 1), (None, 3)])
def test_steps_are_those_of_the_slow_twin(chunk, agents):
    torch.manual_seed(0)
    probe = network().double()
    head = SiameseHead(probe, DIM, CosFace(0.35, 32.0), QUEUE, 0.9, chunk, agents).double()
    head.queue.copy_(nn.functional.normalize(head.queue))  # in fp32 their length was nearly 1
    twin = SlowTwin(probe, [row.clone() for row in head.queue], agents)
    optimizer = torch.optim.SGD(probe.parameters(), **SGD)
    for head.step, (images, labels) in enumerate(pictures()):
        random = torch.get_rng_state()
        columns = head.gather(labels, optimizer)
        head.look(images)
        optimizer.zero_grad()
        loss = head(probe(images), columns)
        loss.backward()
        optimizer.step()
        head.scatter(optimizer)

        torch.set_rng_state(random)
        assert loss.item() == pytest.approx(twin.step(images, labels[::2].tolist()))
        torch.testing.assert_close(head.queue, torch.stack(twin.queue))
        assert head.classes.tolist() == twin.names
        torch.testing.assert_close(probe.state_dict(), twin.probe.state_dict())
        for mine, its in zip(head.galleries, twin.galleries, strict=True):
            torch.testing.assert_close(mine.state_dict(), its.state_dict())
    assert NOBODY not in head.classes  # the queue has gone round
    assert not torch.equal(head.gallery[0].weight, probe[0].weight)


class SlowTwin:
    """The method, one image and one prototype at a time."""

    def __init__(self, probe, queue, agents, decay=0.9):
        self.probe, *self.galleries = (copy.deepcopy(probe) for _ in range(1 + agents))
        self.steps, decay = 0, 1 - agents * (1 - decay)
        self.optimizer = torch.optim.SGD(self.probe.parameters(), **SGD)
        self.queue, self.names, self.place, self.decay = queue, [NOBODY] * len(queue), 0, decay

    def step(self, images, identities):
        gallery = self.galleries[self.steps % len(self.galleries)]
        self.steps += 1
        with torch.no_grad():
            made = [twins.unit(row) for row in gallery(images)]
        places = [(self.place + k) % len(self.queue) for k in range(len(identities))]
        losses = []
        for k, embedding in enumerate(self.probe(images)):
            queue, names = list(self.queue), list(self.names)
            for place, identity, other in zip(places, identities, range(0, 99, 2), strict=False):
                queue[place], names[place] = made[other + 1 - k % 2], identity
            losses.append(self.loss(embedding, places[k // 2], identities[k // 2], queue, names))
        loss = sum(losses) / len(losses)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for new, old in zip(self.probe.parameters(), gallery.parameters(), strict=True):
                old.copy_(self.decay * old + (1 - self.decay) * new)
        taken = 0 if torch.rand(()) < 0.5 else 1
        for k, place in enumerate(places):
            self.queue[place], self.names[place] = made[2 * k + taken], identities[k]
        self.place = (self.place + len(places)) % len(self.queue)
        return loss.item()

    def loss(self, embedding, place, identity, queue, names):
        cosines = [twins.unit(embedding) @ prototype for prototype in queue]
        right = torch.exp(32 * (cosines[place] - 0.35))
        wrong = [torch.exp(32 * c) for c, n in zip(cosines, names, strict=True) if n != identity]
        return -torch.log(right / (right + sum(wrong)))


def test_agents_take_turns():
    """Who makes the prototypes alone changes: numbers, statistics and all."""
    torch.manual_seed(0)
    probe = network().double()
    head = SiameseHead(probe, DIM, CosFace(), QUEUE, 0.9, agents=3).double()
    with torch.no_grad():
        next(probe.parameters()).add_(0.1)  # as if the optimizer had been there
    for head.step, (images, labels) in enumerate(pictures()):
        before = copy.deepcopy([dict(agent.state_dict()) for agent in head.galleries])
        head.gather(labels, torch.optim.SGD(probe.parameters()))
        head.look(images)
        head.scatter(torch.optim.SGD(probe.parameters()))
        for number, (agent, old) in enumerate(zip(head.galleries, before, strict=True)):
            changed = {
                k for k, value in agent.state_dict().items() if not torch.equal(value, old[k])
            }
            if number == head.step % 3:
                assert {"0.weight", "1.running_mean", "1.num_batches_tracked"} <= changed
            else:
                assert not changed


def test_parts_of_a_batch_see_the_prototypes_of_the_whole():
    torch.manual_seed(0)
    probe = network().double().eval()
    head = SiameseHead(probe, DIM, CosFace(), QUEUE).double()
    images, labels = next(pictures())
    columns = head.gather(labels, torch.optim.SGD(probe.parameters()))
    head.look(images)
    whole = head(probe(images), columns)
    parts = [
        head(probe(some), places)
        for some, places in zip(images.split([2, 4]), columns.split([2, 4]), strict=True)
    ]
    torch.testing.assert_close((parts[0] + 2 * parts[1]) / 3, whole)


def test_logits_are_computed_again_with_the_statistics_of_their_own_direction():
    """Those that the other direction has moved on by then would give another gradient."""
    found = []
    for chunk in (None, 3):
        torch.manual_seed(0)
        probe = network().double().eval()
        margin = CurricularFace(weight=0.5, scale=4.0)
        head = SiameseHead(probe, DIM, margin, QUEUE, chunk=chunk).double()
        images, labels = next(pictures())
        columns = head.gather(labels, torch.optim.SGD(probe.parameters()))
        head.look(images)
        embeddings = probe(images).detach().requires_grad_()
        head(embeddings, columns).backward()
        found.append(embeddings.grad)
    torch.testing.assert_close(*found)


def test_the_gallery_keeps_its_own_statistics_and_drops_nothing():
    probe = nn.Sequential(nn.Dropout(0.5), network())
    head = SiameseHead(probe, DIM, CosFace(), QUEUE)
    head.look(torch.ones(4, INPUTS) + torch.arange(4)[:, None])
    again = head._first
    head.look(torch.ones(4, INPUTS) + torch.arange(4)[:, None])
    torch.testing.assert_close(head._first, again)
    assert head.gallery[1][1].num_batches_tracked == 2
    assert probe[1][1].num_batches_tracked == 0
    assert not any(parameter.requires_grad for parameter in head.gallery.parameters())


def test_the_state_has_gallery_and_queue_but_not_the_probe():
    head = SiameseHead(network(), DIM, CurricularFace(), QUEUE)
    names = head.state_dict().keys()
    assert {"queue", "classes", "place", "margin.progress"} <= names
    others = names - {"queue", "classes", "place", "margin.progress"}
    assert all(name.startswith("galleries.0.") for name in others)


def test_each_identity_comes_once_in_an_epoch_with_two_of_its_images():
    labels = np.array([5, 2, 2, 9, 5, 5, 3, 2])  # 9 and 3 have one image
    sampler = PairSampler(labels, 4, seed=0)
    assert sampler.steps == 2
    seen = set()
    for epoch in range(60):
        pairs = np.concatenate([sampler.at(2 * epoch + s) for s in range(2)]).reshape(-1, 2)
        one, other = labels[pairs].T
        assert (one == other).all()
        assert sorted(one) == [2, 3, 5, 9]
        assert [a == b for a, b in pairs] == [labels[a] in (3, 9) for a, _ in pairs]
        seen |= {tuple(pair) for pair in pairs.tolist()}
    assert len(seen) == 2 * 6 + 2  # every ordered pair
    assert PairSampler(labels, 4, seed=0).at(3).tolist() == sampler.at(3).tolist()
    by_image = PairSampler(np.array([5, 2, 2, 9, 5, 5, 3, 2, 2, 2]), 4, seed=0, by_image=True)
    labels_of = np.array([5, 2, 2, 9, 5, 5, 3, 2, 2, 2])
    assert (by_image.images, by_image.steps) == (10, 2)
    seen = set()
    for epoch in range(60):
        order = by_image._shuffled(np.random.default_rng(epoch)).reshape(-1, 2)
        one, other = labels_of[order].T
        assert (one == other).all()
        assert sorted(one) == [2, 2, 3, 5, 9]
        twice = [a for a, b in order if a == b]
        assert sorted(labels_of[twice]) == [3, 9]
        different = [image for a, b in order if a != b for image in (a, b)]
        assert len({*different}) == 6
        seen |= {*different}
    assert len(seen) == 8  # also those that an odd number leaves over in some epochs
    with pytest.raises(ValueError, match="needs two images of 5 identities, there are 4"):
        PairSampler(labels, 10, seed=0)


TINY = Config(
    synthetic=True, siamese=True, synthetic_identities=40, synthetic_images=2, image_size=16,
    dim=16, batch=20, queue=64, decay=0.9, epochs=12, threads=2, val_every=12, log_every=8, lr=0.05,
)  # fmt: skip


def test_two_images_an_identity_can_be_learned(tmp_path):
    rows = []
    start(TINY, tmp_path / "run", rows.append).run()
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < 0.8 * losses[0]
    assert rows[-1]["val_synthetic_accuracy"] > 0.55
    state = load_checkpoint(tmp_path / "run")
    model, _ = load_model(tmp_path / "run")
    torch.testing.assert_close(model.state_dict(), state["model"])  # the probe's


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"batch": 6, "accumulate": 2},
            "siamese needs an even number of images in a part, batch=6",
        ),
        ({"queue": 9}, "queue must hold the 10 identities of a batch, not 9"),
        ({"decay": 1.5}, "decay must be at most 1, not 1.5"),
        ({"agents": 3, "decay": 0.5}, "decay must be at least 0.6667 with 3 agents, not 0.5"),
        ({"pairs_of": "people"}, "pairs_of must be one of identity, image, not 'people'"),
        ({"sub_centres": 2}, "siamese learns no prototypes: leave sub_centres at 1"),
        ({"sample_rate": 0.5}, "siamese has no classes to sample: leave sample_rate at 1"),
    ],
)
def test_configurations_that_will_not_do(values, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **values)
