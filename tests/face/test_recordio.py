"""Faces in RecordIO, as insightface writes them."""

import numpy as np
import pytest
from face_runs import MAGIC, png, record, write_records

from plateau_face.config import Config
from plateau_face.data.recordio import RecordFaces
from plateau_face.sources import training_faces


def test_recordio_as_insightface_writes_it(tmp_path):
    records = {0: record(b"", 4, 6)}
    records |= {key: record(png(key)[0], label) for key, label in [(1, 0), (2, 1), (3, 1)]}
    records |= {key: record(b"", 1, 2) for key in (4, 5)}  # identities
    write_records(tmp_path / "train.rec", records)
    faces = RecordFaces(tmp_path / "train.rec")
    assert faces.labels.tolist() == [0, 1, 1]
    assert faces.classes == 2
    for index in range(3):
        np.testing.assert_array_equal(faces.read(index), png(index + 1)[1])


def test_recordio_plain_with_label_arrays_and_cut_records(tmp_path):
    tail = b"ab" + MAGIC + b"cdef" + MAGIC + MAGIC + b"gh"  # 24 bytes of header: aligned at 26, 34
    contents = [png(5)[0], b"xy" + tail, b"" + tail]
    records = {0: record(contents[0], 2)}
    records |= {1: record(contents[1], 1, 9, 9), 2: record(contents[2], 0)}
    write_records(tmp_path / "train.rec", records)
    faces = RecordFaces(tmp_path / "train.rec")
    assert faces.labels.tolist() == [2, 1, 0]
    assert [faces.encoded(i) for i in range(3)] == contents
    assert (tmp_path / "train.rec").read_bytes().count(MAGIC) > 3


@pytest.mark.parametrize("label", [-1.0, 0.5, 2.0**25, float("nan"), float("inf")])
def test_recordio_with_a_label_out_of_range(tmp_path, label):
    write_records(tmp_path / "t.rec", {0: record(b"x", 0), 1: record(b"x", label)})
    with pytest.raises(ValueError, match=r"t\.rec record 1: label .* no whole number"):
        RecordFaces(tmp_path / "t.rec")


def test_recordio_with_a_label_far_above_all_others(tmp_path):
    records = {key: record(b"x", key % 4) for key in range(7)} | {7: record(b"x", 9_000_000)}
    write_records(tmp_path / "t.rec", records)
    with pytest.raises(
        ValueError, match=r"t\.rec record 7: label 9000000, and .* only 5 have an im"
    ):
        RecordFaces(tmp_path / "t.rec")
    write_records(tmp_path / "t.rec", records | {7: record(b"x", 6)})  # 4 and 5 have none
    assert RecordFaces(tmp_path / "t.rec").classes == 7


def test_one_identity_is_refused_whatever_its_label(tmp_path):
    for label in (0, 1):
        write_records(tmp_path / "t.rec", {key: record(b"x", label) for key in range(4)})
        with pytest.raises(ValueError, match=r"t\.rec: training needs two identities, not one"):
            training_faces(Config(data=(str(tmp_path / "t.rec"),)))


def test_labels_are_read_as_from_whole_records(tmp_path):
    """Whatever is in the records: no label, one or several, and cuts within them."""
    random = np.random.default_rng(0)
    records = {}
    for key in range(300):
        labels = random.integers(0, 40, random.integers(1, 4)).astype(float)
        content = MAGIC * int(random.integers(0, 3)) + bytes(random.integers(0, 9))
        records[key + 1] = record(content, *labels)
    cut = np.frombuffer(MAGIC, "<f4")[0]  # a second label that looks like the mark of a record
    records[400] = record(b"x", 7.0, float(cut))
    write_records(tmp_path / "t.rec", records)
    faces = RecordFaces(tmp_path / "t.rec")
    whole = [faces._record(int(offset))[0][0] for offset in faces._offsets]
    assert faces.labels.tolist() == [int(label) for label in whole]
    lines = (tmp_path / "t.idx").read_text().splitlines()
    (tmp_path / "t.idx").write_text("\n".join([*lines[::-1], lines[3]]) + "\n")
    again = RecordFaces(tmp_path / "t.rec")
    assert again.keys.tolist() == faces.keys.tolist()
    assert again.labels.tolist() == faces.labels.tolist()


def test_recordio_that_is_damaged(tmp_path):
    path = tmp_path / "t.rec"
    write_records(path, {0: record(b"x" * 100, 0), 1: record(b"y" * 100, 1)})
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="the file ends within a record"):
        RecordFaces(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"t\.rec: an empty file"):
        RecordFaces(path)
    path.write_bytes(b"\0" + whole[1:])
    with pytest.raises(ValueError, match="at byte 0: no record begins here"):
        RecordFaces(path)
    path.write_bytes(whole)
    for text in ("0\t0\n1 x\n", "0\t0\n1\n", "0\t0\n1\t2\t3\n", f"0\t0\n1\t{2**70}\n", "0\t0\n\n"):
        path.with_suffix(".idx").write_text(text)
        with pytest.raises(ValueError, match=r"t\.idx line 2: not a key and an offset"):
            RecordFaces(path)
    for offset in (-8, 9, len(whole) - 3, len(whole) + 100):
        path.with_suffix(".idx").write_text(f"0\t0\n1\t{offset}\n")
        with pytest.raises(ValueError, match=f"at byte {offset}: no record begins here"):
            RecordFaces(path)
    path.with_suffix(".idx").write_bytes(b"\xff\x00")
    with pytest.raises(ValueError, match=r"t\.idx: not a text in UTF-8"):
        RecordFaces(path)


@pytest.mark.parametrize("offset", [-1, -8, -(2**62), 2**40, 2**62])
def test_an_index_that_points_outside_is_named(tmp_path, offset):
    write_records(tmp_path / "t.rec", {key: record(b"x", 0) for key in range(3)})
    index = tmp_path / "t.idx"
    index.write_text(f"{index.read_text()}3\t{offset}\n")
    with pytest.raises(ValueError, match=f"byte {offset}: no record begins here"):
        RecordFaces(tmp_path / "t.rec")
