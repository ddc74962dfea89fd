"""Faces packed in one file, which is mapped."""

import json
import os

import numpy as np
import pytest
import torch
from face_runs import png, record, write_records

from plateau_face.data.faces import FolderFaces, resized
from plateau_face.data.packed import PackedFaces, pack, pack_decoded
from plateau_face.data.recordio import RecordFaces
from plateau_face.data.sampling import Sampler, batches
from plateau_face.data.synthetic import SyntheticFaces


def test_a_file_of_decoded_images_gives_a_batch_at_once(tmp_path, monkeypatch):
    faces = SyntheticFaces(5, 4, 12)
    pack_decoded(faces, tmp_path / "p", 12, lambda _: None)
    packed = PackedFaces(tmp_path / "p")
    sampler = Sampler(20, 6, seed=0)
    wanted = list(batches(faces, sampler, 12, 0, 7, 2))
    resized = list(batches(packed, sampler, 8, 0, 3, 2))  # of another size one by one
    monkeypatch.setattr(PackedFaces, "read", None)
    found = list(batches(packed, sampler, 12, 0, 7, 2))
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    assert resized[0].images.shape == (6, 8, 8, 3)


@pytest.mark.parametrize("size", [None, 8, 6])
def test_packing_changes_nothing_but_the_size(folder, tmp_path, size):
    faces, told = FolderFaces(folder), []
    pack(faces, tmp_path / "packed", size, told.append)
    packed = PackedFaces(tmp_path / "packed")
    assert told == [1, 2, 3, 4, 5, 6]
    assert packed.labels.tolist() == faces.labels.tolist()
    assert packed.classes == 3
    for index in range(6):
        wanted = faces.read(index) if size is None else resized(faces.read(index), size)
        np.testing.assert_array_equal(packed.read(index), wanted)
        if size is None:
            assert packed.encoded(index) == faces.encoded(index)


def test_a_packed_file_is_whole_or_not_there(folder, tmp_path):
    (folder / "id2" / "2.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"2\.png: not a readable image"):
        pack(FolderFaces(folder), tmp_path / "packed", None, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_a_file_that_is_not_packed(folder, tmp_path):
    pack(FolderFaces(folder), tmp_path / "packed", None, lambda _: None)
    whole = (tmp_path / "packed").read_bytes()
    (tmp_path / "packed").write_bytes(whole[:-3])
    with pytest.raises(ValueError, match="not a packed file, or cut off"):
        PackedFaces(tmp_path / "packed")
    (tmp_path / "packed").write_bytes(b"")
    with pytest.raises(ValueError, match="packed: an empty file"):
        PackedFaces(tmp_path / "packed")


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b"[1]",
        b"{not JSON",
        b'"\xff"',
        b'{"version": 1, "images": 6, "classes": 3}',
        b'{"version": 1, "images": 6, "classes": "x", "size": null}',
        b'{"version": 1, "images": 6, "classes": 1%s, "size": null}' % (b"0" * 30),
        b'{"version": ' + b"[" * 100_000,
        b'{"version": 1, "images": 99999, "classes": 3, "size": null}',
        b'{"version": 1, "images": 5, "classes": 3, "size": null}',
        b'{"version": 1, "images": 6, "classes": 3, "size": 4}',
    ],
)
def test_a_packed_file_that_is_damaged(folder, tmp_path, text):
    path = tmp_path / "packed"
    pack(FolderFaces(folder), path, None, lambda _: None)
    whole = path.read_bytes()
    body = whole[: -16 - int.from_bytes(whole[-16:-8], "little")]
    path.write_bytes(body + text + len(text).to_bytes(8, "little") + b"PLATFACE")
    with pytest.raises(ValueError, match=r"packed: damaged: "):
        PackedFaces(path)


def test_a_packed_file_with_its_length_or_offsets_damaged(folder, tmp_path):
    path = tmp_path / "packed"
    pack(FolderFaces(folder), path, None, lambda _: None)
    whole = path.read_bytes()
    description = json.dumps({"version": 1, "images": 6, "classes": 3, "size": None}).encode()
    assert description in whole
    index = len(whole) - 16 - len(description) - 8 * 13
    offset = whole[:index] + b"\xff" * 7 + b"\x7f" + whole[index + 8 :]
    for damaged in (
        whole[:-16] + b"\xff" * 8 + whole[-8:],
        whole[:-16] + bytes(8) + whole[-8:],
        offset,
    ):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"packed: damaged: "):
            PackedFaces(path)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_packed_file_with_a_label_out_of_range(folder, tmp_path, label):
    faces = FolderFaces(folder)
    faces.labels[4] = label
    pack(faces, tmp_path / "packed", None, lambda _: None)
    with pytest.raises(ValueError, match=f"packed image 4: label {label} is none of the 3 from 0"):
        PackedFaces(tmp_path / "packed")


def test_a_mapped_file_that_is_cut_is_one_line(tmp_path):
    """Reading where the file is no more would end the process."""
    records = {key: record(png(key)[0] * 40, key % 3) for key in range(40)}
    write_records(tmp_path / "t.rec", records)
    faces = RecordFaces(tmp_path / "t.rec")
    pack(faces, tmp_path / "encoded", None, lambda _: None)
    pack(faces, tmp_path / "decoded", 8, lambda _: None)
    encoded, decoded = (PackedFaces(tmp_path / name) for name in ("encoded", "decoded"))
    for each in (faces, encoded, decoded):
        os.truncate(each.path, 100)
        with pytest.raises(ValueError, match="has become shorter since it was opened"):
            each.read(39)
    with pytest.raises(ValueError, match="has become shorter"):
        decoded.read_many(np.array([39]))
