"""Faces in tar files, as WebDataset writes them."""

import io
import re
import tarfile

import numpy as np
import pytest
from face_runs import png

from plateau_face.sources import open_faces


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def test_tar_files_as_webdataset_writes_them(tmp_path):
    """In two files, with labels beside the images in two ways, and with what is no image."""
    first = {"./0/a.jpg": png(1)[0], "./0/a.cls": b"70", "1/b.cls": b"9\n", "1/b.png": png(2)[0]}
    second = {"c.png": png(3)[0], "c.json": b'{"label": 70, "more": 1}', "c.txt": b"x"}
    (tmp_path / "set").mkdir()
    write_tar(tmp_path / "set" / "s-000.tar", first)
    write_tar(tmp_path / "set" / "s-001.tar", second)
    faces = open_faces(tmp_path / "set")
    assert (faces.classes, faces.labels.tolist()) == (2, [1, 0, 1])
    for index in range(3):
        assert np.array_equal(faces.read(index), png(index + 1)[1])
        assert faces.encoded(index) == png(index + 1)[0]
    assert open_faces(tmp_path / "set" / "s-001.tar").classes == 1


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.png": b"x"}, "member a.png: no label beside it"),
        ({"a.png": b"x", "a.cls": b"one"}, "member a.cls: no label, a whole number"),
        ({"a.png": b"x", "a.json": b"[1]"}, "member a.json: no label, a whole number"),
        *(
            ({"a.png": b"x", "a.json": text}, "member a.json: no label, a whole number")
            for text in (b'{"label": 1.5}', b'{"label": 1e400}', b'{"label": ' + b"[" * 100_000)
        ),
        ({"a.png": b"x", "a.cls": b"1" * 5000}, "member a.cls: no label, a whole number"),
        ({"a.txt": b"x"}, ": no images"),
        (None, ": not a plain tar file, or damaged"),
    ],
)
def test_tar_files_that_will_not_do(tmp_path, members, message):
    path = tmp_path / "t.tar"
    if members is None:
        path.write_bytes(b"no tar file" * 100)
    else:
        write_tar(path, members)
    with pytest.raises(ValueError, match=re.escape(f"{path}") + ".*" + re.escape(message)):
        open_faces(path)


@pytest.mark.parametrize("content", [b"9" * 20 + b" a=b\n", b"30 size=" + b"9" * 21 + b"\n"])
def test_sizes_that_none_can_be_are_damage(tmp_path, content):
    """As an extended header may have them."""
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w") as tar:
        extended, image = tarfile.TarInfo("x"), tarfile.TarInfo("a.png")
        extended.type, extended.size = tarfile.XHDTYPE, len(content)
        tar.addfile(extended, io.BytesIO(content))
        tar.addfile(image)
    with pytest.raises(ValueError, match=re.escape(f"{path}: not a plain tar file, or damaged")):
        open_faces(path)


def test_an_image_of_a_tar_file_that_cannot_be_read(tmp_path):
    write_tar(tmp_path / "t.tar", {"a.png": b"x", "a.cls": b"1"})
    with pytest.raises(ValueError, match=r"t\.tar member a\.png: not a readable image"):
        open_faces(tmp_path / "t.tar").read(0)
