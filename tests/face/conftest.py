import pytest

pytest.importorskip("torch", reason="the trainer needs plateau-detect[face]")

from face_runs import png
from PIL import Image

from plateau_face.data.align import TEMPLATE
from plateau_face.data.synthetic import SyntheticFaces


@pytest.fixture
def ijb(tmp_path):
    """A protocol of three templates, with images that are aligned already."""
    names = [f"{k}.jpg" for k in range(1, 5)]
    places = " ".join(f"{value:.4f}" for value in TEMPLATE.ravel())
    ids = zip(names, ["5 1", "5 1", "9 2", "7 3"], strict=True)
    write(tmp_path / "x_face_tid_mid.txt", [" ".join(row) for row in ids])
    write(tmp_path / "x_template_pair_label.txt", ["5 9 1", "7 5 0"])
    write(tmp_path / "x_name_5pts_score.txt", [f"{name} {places} 0.{name[0]}" for name in names])
    faces = SyntheticFaces(4, 1, 112)
    for index, name in enumerate(names):
        Image.fromarray(faces.read(index)).save(tmp_path / name, "png")
    return tmp_path


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path):
    """Three identities with 1, 2 and 3 images, and things to pass over."""
    root = tmp_path / "faces"
    for identity in range(3):
        (root / f"id{identity}").mkdir(parents=True)
        for image in range(identity + 1):
            content, _ = png(10 * identity + image)
            (root / f"id{identity}" / f"{image}.png").write_bytes(content)
    (root / "id1" / ".hidden").write_text("x")
    (root / "readme.txt").write_text("x")
    return root
