import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau_face.data.augment import normalised
from plateau_face.data.pairs import drawn_pairs
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.ijb import pooled, read_media, read_pairs, similarities, tars, templates
from plateau_face.models import make_model
from plateau_face.verify import embed, fold_accuracies, roc, score, tar_at_far, verify


def slow_fold_accuracies(distances, same, folds=10):
    thresholds = [k / 100 for k in range(400)]

    def accuracy(pairs, threshold):
        return sum((distances[i] < threshold) == same[i] for i in pairs) / len(pairs)

    sizes = [len(same) // folds + (k < len(same) % folds) for k in range(folds)]
    starts = [sum(sizes[:k]) for k in range(folds)]
    found = []
    for start, size in zip(starts, sizes, strict=True):
        fold = list(range(start, start + size))
        others = [i for i in range(len(same)) if i not in fold]
        best = max(thresholds, key=lambda t: (accuracy(others, t), -t))
        found.append(accuracy(fold, best))
    return found


def slow_tar_at_far(scores, same, far):
    """Try every score as the threshold, and one above all."""
    best = 0.0
    for threshold in [*scores, max(scores) + 1]:
        false = sum(s >= threshold and not y for s, y in zip(scores, same, strict=True))
        true = sum(s >= threshold and y for s, y in zip(scores, same, strict=True))
        if false <= far * sum(not y for y in same):
            best = max(best, true / sum(same))
    return best


@st.composite
def scored(draw):
    """Scores with ties, of same and different pairs."""
    n = draw(st.integers(20, 40))
    values = draw(st.lists(st.integers(0, 40), min_size=n, max_size=n))
    same = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    same[0], same[1] = True, False
    return np.array(values) / 10 + 0.005, np.array(same)


@given(scored())
@settings(max_examples=10)  # the twin is slow
def test_accuracies_are_those_of_the_slow_twin(drawn):
    distances, same = drawn
    np.testing.assert_allclose(fold_accuracies(distances, same), slow_fold_accuracies(*drawn))


@given(scored(), st.sampled_from([0.0, 0.05, 0.1, 0.37, 1.0]))
def test_tar_at_far_is_that_of_the_slow_twin(drawn, far):
    scores, same = drawn
    assert tar_at_far(scores, same, far) == pytest.approx(slow_tar_at_far(scores, same, far))
    assert tars(scores, same, (far,))[far].at_most == tar_at_far(scores, same, far)


@given(scored())
def test_roc_rises_from_nothing_to_everything(drawn):
    thresholds, far, tar = roc(*drawn)
    assert (far[0], tar[0], far[-1], tar[-1]) == (0, 0, 1, 1)
    assert (np.diff(far) >= 0).all()
    assert (np.diff(tar) >= 0).all()
    assert (np.diff(thresholds) < 0).all()


def test_perfect_and_chance():
    same = np.arange(200) % 2 == 0
    perfect = score(np.where(same, 0.3, 1.7), same)
    assert (perfect.accuracy, perfect.deviation) == (1.0, 0.0)
    assert perfect.tar == {1e-2: 1.0, 1e-3: 1.0}
    assert score(np.ones(200), same).accuracy == 0.5
    with pytest.raises(ValueError, match="10 folds need as many pairs, there are 4"):
        score(np.ones(4), same[:4])


def test_an_image_is_embedded_with_its_mirror_image():
    torch.manual_seed(0)
    model = make_model("narrow", dim=16, image_size=32)
    faces = SyntheticFaces(3, 2, 32)
    embeddings = embed(model, faces.read, 6, 32, batch=4, threads=2)
    assert model.training
    model.eval()
    with torch.no_grad():
        for index in range(6):
            x = normalised(torch.from_numpy(faces.read(index))[None])
            both = (model(x)[0] + model(torch.flip(x, [3]))[0]).double().numpy()
            np.testing.assert_allclose(embeddings[index], both, atol=1e-4)
    model.embedding.linear.bias.data.fill_(torch.nan)
    with pytest.raises(ValueError, match="zero or not finite"):
        embed(model, faces.read, 6, 32)


def test_verify_puts_it_together():
    torch.manual_seed(0)
    model = make_model("narrow", dim=16, image_size=32)
    found = verify(model, drawn_pairs(SyntheticFaces(6, 4, 32), "s", 60, seed=0), 32)
    assert 0.4 < found.accuracy <= 1
    assert found.tar.keys() == {1e-2, 1e-3}


def slow_template(embeddings, scores, template, media, wanted):
    total = 0.0
    for one in {m for t, m in zip(template, media, strict=True) if t == wanted}:
        members = [
            e * s
            for e, s, t, m in zip(embeddings, scores, template, media, strict=True)
            if (t, m) == (wanted, one)
        ]
        total = total + sum(members) / len(members)
    return total / np.sqrt((total**2).sum())


def test_templates_are_those_of_the_slow_twin():
    random = np.random.default_rng(0)
    template = random.choice([3, 8, 11], 40)
    media = random.integers(0, 5, 40)  # the same number in two templates is not the same media
    embeddings, scores = random.normal(size=(40, 6)), random.uniform(size=40)
    ids, unit = templates(embeddings, scores, template, media)
    assert ids.tolist() == [3, 8, 11]
    for row, wanted in zip(unit, ids, strict=True):
        expected = slow_template(embeddings, scores, template, media, wanted)
        np.testing.assert_allclose(row, expected)


def test_a_protocol_from_files_to_rates(ijb):
    media = read_media(ijb)
    pairs = read_pairs(ijb, media)
    assert media.files == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert pairs.same.tolist() == [True, False]
    assert media.scores.tolist() == [0.1, 0.2, 0.3, 0.4]
    torch.manual_seed(0)
    model = make_model("narrow", dim=16, image_size=112)
    faces = SyntheticFaces(4, 1, 112)
    raw = embed(model, faces.read, 4, 112)
    expected = {
        wanted: slow_template(raw, media.scores, media.template, media.media, wanted)
        for wanted in (5, 7, 9)
    }
    found = similarities(pairs, *pooled(model, media, ijb, 112, threads=2))
    np.testing.assert_allclose(
        found, [expected[5] @ expected[9], expected[7] @ expected[5]], atol=1e-6
    )
    rates = tars(found, pairs.same, (0.5,))[0.5]
    assert rates.at_most == float(found[0] > found[1])


def test_a_protocol_that_will_not_do(ijb):
    pairs = ijb / "x_template_pair_label.txt"
    pairs.write_text("5 9 1\n7 6 0\n")
    with pytest.raises(ValueError, match=r"pair_label\.txt: template 6 has no image in the list"):
        read_pairs(ijb, read_media(ijb))
    pairs.write_text("5 9 1\n7 6\n")
    with pytest.raises(ValueError, match=r"pair_label\.txt line 2: 2 fields, not 3"):
        read_pairs(ijb, read_media(ijb))
    pairs.write_text("5 nine 1\n")
    with pytest.raises(ValueError, match="'nine'"):
        read_pairs(ijb, read_media(ijb))
    pairs.write_text("5 9 1\n")
    points = ijb / "x_name_5pts_score.txt"
    points.write_text(points.read_text().partition("\n")[2])
    with pytest.raises(ValueError, match=r"5pts_score\.txt does not list the images of .*tid_mid"):
        read_pairs(ijb, read_media(ijb))
    points.unlink()
    with pytest.raises(ValueError, match=r"needs one file \*_name_5pts_score\.txt, it has 0"):
        read_pairs(ijb, read_media(ijb))


def test_nearest_and_at_most_differ():
    scores = np.arange(10.0)
    same = np.array([0, 0, 0, 0, 1, 0, 0, 1, 1, 1], dtype=bool)
    found = tars(scores, same, (0.49,))[0.49]
    assert (found.at_most, found.nearest) == (1.0, 1.0)
    found = tars(scores, same, (0.3,))[0.3]
    assert (found.at_most, found.nearest) == (0.75, 1.0)


@pytest.mark.parametrize("different", [9_999, 10_000])
def test_low_rates_are_told_where_there_are_pairs_enough(different):
    same = np.arange(different + 100) < 100
    distances = np.random.default_rng(0).uniform(0, 4, len(same))
    wanted = {1e-2, 1e-3} | ({1e-4} if different == 10_000 else set())
    assert score(distances, same).tar.keys() == wanted
