import dataclasses

import numpy as np
import pytest
from face_runs import TINY, call, complaint
from PIL import Image

from plateau_face import Embedder
from plateau_face.data.align import TEMPLATE, aligned
from plateau_face.data.points import image_files, read_points
from plateau_face.data.synthetic import SyntheticFaces
from plateau_face.sources import open_faces
from plateau_face.train import start
from plateau_face.verify import embed


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("embedder") / "run"
    start(dataclasses.replace(TINY, epochs=1, val_every=1), out, lambda _: None).run()
    return out


def moved(shift):
    """The template's points in an image of 120 pixels a side, moved."""
    return TEMPLATE + shift


@pytest.fixture
def pictures(tmp_path):
    """Four loose images of two people, a name with a blank, and the points of their faces."""
    faces, lines = SyntheticFaces(2, 2, 120), []
    for index, name in enumerate(["a a/0.png", "a a/1.jpg", "b/0.png", "b/1.png"]):
        path = tmp_path / "loose" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.read(index)).save(path)
        numbers = " ".join(f"{value:.4f}" for value in moved(index).ravel())
        lines.append(f"{name}\t{numbers}\n")
    (tmp_path / "points.txt").write_text("".join(lines))
    (tmp_path / "loose" / ".hidden").touch()
    return tmp_path


def test_embeddings_are_those_of_verification_with_length_1(run):
    embedder = Embedder.load(run)
    assert embedder.size == 16
    faces = SyntheticFaces(3, 2, 40)
    images = [faces.read(index) for index in range(6)]
    found = embedder(images)
    assert found.dtype == np.float32
    raw = embed(embedder._network.model, lambda i: images[i], 6, 16)
    np.testing.assert_allclose(found, raw / np.linalg.norm(raw, axis=1, keepdims=True), atol=1e-6)
    points = [moved(5 * index) for index in range(6)]
    by_hand = [aligned(image, p) for image, p in zip(images, points, strict=True)]
    np.testing.assert_array_equal(embedder(images, points), embedder(by_hand))


def test_what_is_no_image(run):
    embedder = Embedder.load(str(run))
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    for images, points, message in [
        ([], None, "there are no images"),
        ([image[:, :, 0]], None, r"not uint8 of \(8, 8\)"),
        ([image.astype(float)], None, r"not float64 of \(8, 8, 3\)"),
        ([image], [], "1 images need as many points, not 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            embedder(images, points)


def test_embed_match_and_align_agree(run, pictures):
    loose, points = pictures / "loose", pictures / "points.txt"
    told = call("embed", run, loose, pictures / "e.npz", "--points", points)
    assert told == f"{pictures}/e.npz: 4 embeddings of 8 numbers\n"
    with np.load(pictures / "e.npz") as file:
        names, vectors = file["names"], file["embeddings"]
    assert names.tolist() == ["a a/0.png", "a a/1.jpg", "b/0.png", "b/1.png"]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)

    told = call("align", loose, pictures / "cut", "--points", points)
    assert told == f"{pictures}/cut: 4 faces\n"
    faces = open_faces(pictures / "cut")  # a set to train on
    assert (faces.classes, faces.labels.tolist()) == (2, [0, 0, 1, 1])
    assert faces.read(0).shape == (112, 112, 3)
    call("embed", run, pictures / "cut", pictures / "cut.npz")
    with np.load(pictures / "cut.npz") as file:
        np.testing.assert_allclose(file["embeddings"], vectors, atol=1e-6)

    told = call("match", run, pictures / "cut" / "b" / "0.png", pictures / "cut" / "b" / "1.png")
    assert told == f"cosine {vectors[2] @ vectors[3]:.4f}\n"
    here = points.read_text().replace("a a/", f"{loose}/a a/").replace("\nb/", f"\n{loose}/b/")
    (pictures / "here.txt").write_text(here)
    told = call(
        "match", run, loose / "a a" / "0.png", loose / "b" / "0.png",
        "--points", pictures / "here.txt",
    )  # fmt: skip
    assert told == f"cosine {vectors[0] @ vectors[2]:.4f}\n"


def test_what_the_commands_refuse(run, pictures, capsys, monkeypatch):
    def said(*arguments):
        return complaint(capsys, monkeypatch, *arguments).removeprefix("plateau-face: ")

    loose, points = pictures / "loose", pictures / "points.txt"
    one = loose / "b" / "0.png"
    assert said("embed", run, loose, pictures / "e.npy") == (
        f"{pictures}/e.npy: the name must end in .npz\n"
    )
    assert said("match", run, one, one, "--points", points) == (
        f"{one}: the file of points does not name it\n"
    )
    assert said("align", loose, loose, "--points", points) == (
        f"{loose} is there already, and not an empty folder\n"
    )
    twice = points.read_text().replace("b/1.png", "b/0.jpg")
    (pictures / "twice.txt").write_text(twice)
    (loose / "b" / "0.jpg").write_bytes((loose / "b" / "1.png").read_bytes())
    assert said("align", loose, pictures / "cut", "--points", pictures / "twice.txt") == (
        f"{loose}/b/0.jpg: {pictures}/cut/b/0.png is that of another image\n"
    )


def test_points_that_are_none(tmp_path):
    path = tmp_path / "p.txt"
    five = "1 2 3 4 5 6 7 8 9 10"
    for text, message in [
        ("a.png 1 2 3\n", r"p\.txt line 1: not a name and ten numbers"),
        (f"a.png {five}\n\nb.png {five[:-2]}x\n", r"p\.txt line 3: not a name and ten numbers"),
        (f"a.png {five}\na.png {five}\n", r"p\.txt line 2: a\.png is there already"),
        ("a.png" + 10 * " 3", r"p\.txt line 1: no five points of a face"),
        (f"a.png nan {five[2:]}", r"p\.txt line 1: no five points of a face"),
        ("\n", r"p\.txt: no points"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_points(path, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: no images"):
        image_files(tmp_path / "empty")
