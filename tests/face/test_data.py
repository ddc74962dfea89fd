import io
import json
import os
import pickle
import re
import struct
import tarfile
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from face_runs import png, write_bin
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from plateau_face.config import Config
from plateau_face.data.augment import augmented, normalised
from plateau_face.data.faces import FolderFaces, decode, resized
from plateau_face.data.packed import PackedFaces, pack, pack_decoded
from plateau_face.data.pairs import drawn_pairs, read_bin, read_pair_list
from plateau_face.data.recordio import RecordFaces
from plateau_face.data.sampling import Sampler, batches
from plateau_face.data.synthetic import KeptFaces, SyntheticFaces
from plateau_face.sources import open_faces, training_faces

MAGIC = struct.pack("<I", 0xCED7230A)


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


def test_a_folder(folder):
    faces = FolderFaces(folder)
    assert faces.classes == 3
    assert faces.labels.tolist() == [0, 1, 1, 2, 2, 2]
    np.testing.assert_array_equal(faces.read(4), png(21)[1])


def test_some_identities_of_a_folder(folder, tmp_path):
    (tmp_path / "ids.txt").write_text("id2\nid0\n")
    assert FolderFaces(folder, tmp_path / "ids.txt").labels.tolist() == [0, 0, 0, 1]
    (tmp_path / "ids.txt").write_text("id9\n")
    with pytest.raises(ValueError, match=r"ids\.txt: no folder .*id9"):
        FolderFaces(folder, tmp_path / "ids.txt")
    (folder / "id1").rename(folder / "id 1")
    (tmp_path / "ids.txt").write_text("id 1\n\nid2 \n")
    assert FolderFaces(folder, tmp_path / "ids.txt").labels.tolist() == [0, 0, 1, 1, 1]
    (tmp_path / "ids.txt").write_text("id2\nid0\nid2\n")
    with pytest.raises(ValueError, match=r"ids\.txt line 3: id2 is in line 1 already"):
        FolderFaces(folder, tmp_path / "ids.txt")
    (tmp_path / "ids.txt").write_bytes(b"id\xff\n")
    with pytest.raises(ValueError, match=r"ids\.txt: not a text in UTF-8"):
        FolderFaces(folder, tmp_path / "ids.txt")


def test_a_folder_that_will_not_do(folder, tmp_path):
    (folder / "id3").mkdir()
    with pytest.raises(ValueError, match="id3: no images of this identity"):
        FolderFaces(folder)
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        FolderFaces(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="id3: no identity folders"):
        FolderFaces(folder / "id3")


def test_an_image_that_cannot_be_read_is_named(folder):
    (folder / "id2" / "1.png").write_bytes(png(21)[0][:60])
    with pytest.raises(ValueError, match=r"1\.png: not a readable image"):
        FolderFaces(folder).read(4)


@pytest.mark.parametrize("side", [9_500, 14_000])  # Pillow warns of the first, refuses the second
def test_an_image_too_large_to_be_a_face_is_named(side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    with pytest.raises(ValueError, match=r"^huge\.png: not a readable image \(Image size"):
        decode(content, "huge.png")


def record(content, *labels):
    flag = len(labels) if len(labels) > 1 else 0
    head = struct.pack("<IfQQ", flag, 0.0 if flag else labels[0], 0, 0)
    return head + (np.array(labels, "<f4").tobytes() if flag else b"") + content


def write_records(path, records):
    """A slow writer: cuts at every aligned magic number, as dmlc's does."""
    index, out = [], bytearray()
    for key, content in records.items():
        index.append(f"{key}\t{len(out)}")
        cuts = [i for i in range(0, len(content) - 3, 4) if content[i : i + 4] == MAGIC]
        starts, ends = [0, *(i + 4 for i in cuts)], [*cuts, len(content)]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            flag = 0 if not cuts else 1 if number == 0 else 3 if end == len(content) else 2
            part = content[start:end]
            out += MAGIC + struct.pack("<I", flag << 29 | len(part)) + part
            out += b"\0" * (-len(part) % 4)
    path.write_bytes(out)
    path.with_suffix(".idx").write_text("\n".join(index) + "\n")


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


def test_drawn_faces_are_drawn_once(monkeypatch):
    faces = SyntheticFaces(2, 2, 16)
    kept, drawn = KeptFaces(faces), []
    monkeypatch.setattr(faces, "read", lambda i: drawn.append(i) or SyntheticFaces.read(faces, i))
    for index in (1, 3, 1, 0, 3):
        assert np.array_equal(kept.read(index), SyntheticFaces.read(faces, index))
    assert drawn == [1, 3, 0]


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


def test_synthetic_faces_are_the_same_each_time_and_differ_from_each_other():
    faces = SyntheticFaces(4, 3, 32, seed=5)
    again = SyntheticFaces(4, 3, 32, seed=5)
    images = [faces.read(index) for index in range(12)]
    for index in reversed(range(12)):
        np.testing.assert_array_equal(again.read(index), images[index])
    assert len({image.tobytes() for image in images}) == 12
    later = SyntheticFaces(2, 3, 32, seed=5, first=2)
    np.testing.assert_array_equal(later.read(0), images[6])
    assert images[0].shape == (32, 32, 3)


def test_synthetic_identities_are_closer_to_themselves():
    """A network can learn them: even raw pixels tell them apart better than chance."""
    faces = SyntheticFaces(12, 6, 24)
    flat = np.stack([faces.read(i).ravel() for i in range(72)]).astype(float)
    flat -= flat.mean(axis=1, keepdims=True)
    distance = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    same = faces.labels[:, None] == faces.labels[None]
    np.fill_diagonal(same, False)
    other = faces.labels[:, None] != faces.labels[None]
    assert distance[same].mean() < distance[other].mean()


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize("form", [bytes, lambda b: np.frombuffer(b, np.uint8).copy()])
def test_a_bin_set(tmp_path, form, protocol):
    write_bin(
        tmp_path / "lfw.bin", ([form(png(i)[0]) for i in range(4)], [True, np.False_]), protocol
    )
    pairs = read_bin(tmp_path / "lfw.bin")
    assert pairs.name == "lfw"
    assert pairs.same.tolist() == [True, False]
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 2], [1, 3])
    np.testing.assert_array_equal(pairs.read(3), png(3)[1])


class Attack:
    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_bin_set_runs_no_code(tmp_path):
    write_bin(tmp_path / "bad.bin", ([Attack(tmp_path / "made")], [True]))
    with pytest.raises(ValueError, match=r"bad\.bin: no verification set \(it asks for .*mkdir"):
        read_bin(tmp_path / "bad.bin")
    assert not (tmp_path / "made").exists()


class Ask:
    """Asks the unpickler for a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class Pointers(np.ndarray):
    """An array whose state says that its bytes are objects."""

    def __reduce__(self):
        make, _, _ = np.zeros(1).__reduce__()
        state = (1, (4,), np.dtype("O"), False, b"\x41" * 32)
        return make, (np.ndarray, (0,), b"b"), state


@pytest.mark.parametrize(
    "item",
    [
        Ask(np.ndarray, ((4,), np.dtype("O"), b"\x41" * 32)),
        np.zeros(1).view(Pointers),
        np.zeros(4),  # of a type that no encoded image has
        np.zeros((2, 2), np.uint8),
        2**40,  # bytes of a number allocate as many
        ["a"],
    ],
)
def test_an_image_is_bytes_and_nothing_else(tmp_path, item):
    path = tmp_path / "evil.bin"
    write_bin(path, ([item] * 20, [True, False] * 5))
    with pytest.raises(ValueError, match=r"evil\.bin: no verification set \("):
        read_bin(path)


@pytest.mark.parametrize(
    "form",
    [list, tuple, np.array, lambda same: np.array(same, ">i8"), lambda same: [*map(int, same)]],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_answers_of_a_bin_set(tmp_path, form, protocol):
    path, same = tmp_path / "a.bin", [True, False, False, True]
    write_bin(path, ([b"x"] * 8, form(same)), protocol)
    assert read_bin(path).same.tolist() == same


@pytest.mark.parametrize(
    "program",
    [
        b"N" + b"\x85" * 1_000_000 + b"}" + b"2N",  # a key too deep to be hashed
        b"Nr\xff\xff\xff\x7f",  # room for two thousand million things to remember
        b"\x96" + (2**36).to_bytes(8, "little"),  # as many zero bytes
        b"]cnumpy\nndarray\n(N}\x8c\x01aNs\x86tb",  # changes what the next pickle finds
    ],
)
def test_a_bin_set_takes_neither_the_stack_nor_the_memory(tmp_path, program):
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x80\x05" + program + b".")
    with pytest.raises(ValueError, match=r"a\.bin: no verification set \("):
        read_bin(path)


def again_and_again(first, each, times):
    """A pickle of images that it makes of one thing each time, and of as many pairs."""
    images = b"(" + first + b"q\x010" + each * times + b"l"
    return b"\x80\x05(" + images + b"\x88q\x020(" + b"h\x02" * (times // 2) + b"lt."


TEXT = b"X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20)
BYTES = b"\x96" + (1 << 20).to_bytes(8, "little") + b"a" * (1 << 20)
ENCODED = b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86R"


@pytest.mark.parametrize(
    ("first", "each"),
    [(BYTES, b"h\x01"), (TEXT, ENCODED)],
    ids=["bytes", "texts"],
)
def test_images_that_a_bin_set_names_again_take_no_more_room(tmp_path, first, each):
    """Some megabytes of steps would copy what they name into terabytes."""
    path = tmp_path / "a.bin"
    path.write_bytes(again_and_again(first, each, 2000))
    tracemalloc.start()
    pairs = read_bin(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pairs.images == 2000
    assert most < 20 << 20


def test_an_answer_is_one_number(tmp_path):
    """Thousands of answers, each a look through the same million zeros, would take hours."""
    write_bin(tmp_path / "a.bin", ([b"x"] * 4, [np.zeros(9, np.uint8)] * 2))
    with pytest.raises(ValueError, match="an answer that is several numbers"):
        read_bin(tmp_path / "a.bin")


@given(st.integers(0, 2**32), st.sampled_from([0, 2, 4, 5]))
@settings(max_examples=60)
def test_a_damaged_bin_set_is_read_or_refused(tmp_path_factory, seed, protocol):
    random = np.random.default_rng(seed)
    form = [bytes, bytearray, lambda b: np.frombuffer(b, np.uint8).copy()][seed % 3]
    content = bytearray(pickle.dumps(([form(b"12345")] * 4, [True, np.False_]), protocol))
    for place in random.integers(len(content), size=1 + seed % 4):
        content[place] = random.integers(256)
    path = tmp_path_factory.mktemp("bin") / "a.bin"
    path.write_bytes(content)
    try:
        pairs = read_bin(path)
    except ValueError:
        return
    assert pairs.images == 2 * len(pairs.same)


def test_a_bin_set_that_is_none(tmp_path):
    path = tmp_path / "a.bin"
    write_bin(path, ([b"1", b"2"], [True, False]))
    with pytest.raises(ValueError, match="2 images do not go with 2 pairs"):
        read_bin(path)
    unknown_encoding = b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00xyz\x86R."
    endless = b"\x8e" + (2**62).to_bytes(8, "little")
    for content in (b"nonsense", unknown_encoding, endless, b"", b"\x80\x02]e."):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.bin: no verification set"):
            read_bin(path)


def test_a_pair_list(folder, tmp_path):
    path = tmp_path / "pairs.tsv"
    two = ["1\tid2/0.png\tid2/2.png", "0\tid2/0.png\tid0/0.png"]
    rows = ["fold\tsame\tpath1\tpath2", *(f"{fold}\t{pair}" for fold in range(10) for pair in two)]
    path.write_text("\n".join(rows) + "\n")
    pairs = read_pair_list(path, folder)
    assert pairs.images == 3
    assert pairs.same.tolist() == [True, False] * 10
    np.testing.assert_array_equal(pairs.read(pairs.second[1]), png(0)[1])
    path.write_text("\n".join([rows[0], *rows[1::2], *rows[2::2]]) + "\n")  # not fold by fold
    assert read_pair_list(path, folder).same.tolist() == [True, False] * 10
    path.write_text("\n".join(rows[:-1]) + "\n")  # the last fold, and so any, may be smaller by one
    assert read_pair_list(path, folder).same.tolist() == [True, False] * 9 + [True]
    for some in (rows[:-2], rows[:-3], [*rows, rows[1], rows[1]]):
        path.write_text("\n".join(some) + "\n")
        with pytest.raises(
            ValueError, match=r"pairs\.tsv: the column fold must have 10 folds of the s"
        ):
            read_pair_list(path, folder)
    path.write_bytes(MAGIC)
    with pytest.raises(ValueError, match=r"pairs\.tsv: not a text in UTF-8"):
        read_pair_list(path, folder)
    path.write_text(rows[0] + "\n1\t2\tid2/0.png\tid2/2.png\n")
    with pytest.raises(ValueError, match=r"pairs\.tsv line 2: not a pair"):
        read_pair_list(path, folder)
    path.write_text(rows[0] + "\n\n1\t1\tid2/0.png\tid2/7.png\n")
    with pytest.raises(ValueError, match=r"pairs\.tsv line 3: no file .*7\.png"):
        read_pair_list(path, folder)


def test_lfws_own_list(tmp_path):
    for name in ("A/A_0001", "A/A_0012", "B/B_0003"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.jpg").write_bytes(png(1)[0])
    (tmp_path / "pairs.txt").write_text("10\t1\nA\t1\t12\nA\t12\tB\t3\n")
    pairs = read_pair_list(tmp_path / "pairs.txt", tmp_path)
    assert pairs.same.tolist() == [True, False]
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 1], [1, 2])


def test_drawn_pairs_say_the_truth():
    faces = SyntheticFaces(5, 4, 8)
    pairs = drawn_pairs(faces, "s", 100, seed=1)
    assert (faces.labels[pairs.first] == faces.labels[pairs.second]).tolist() == list(pairs.same)
    assert (pairs.first != pairs.second).all()
    assert pairs.same.sum() == 50
    with pytest.raises(ValueError, match="pairs need two identities"):
        drawn_pairs(SyntheticFaces(1, 4, 8), "s", 10, seed=1)
    with pytest.raises(ValueError, match="one with two images"):
        drawn_pairs(SyntheticFaces(4, 1, 8), "s", 10, seed=1)


def test_an_epoch_has_each_image_once_and_the_next_another_order():
    sampler = Sampler(23, 5, seed=1)
    epochs = [np.concatenate([sampler.at(4 * e + s) for s in range(4)]) for e in range(2)]
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()
    assert Sampler(23, 5, seed=1).at(6).tolist() == epochs[1][10:15].tolist()
    assert Sampler(23, 5, seed=2).at(0).tolist() != epochs[0][:5].tolist()
    with pytest.raises(ValueError, match="a batch of 30 needs as many images, there are 23"):
        Sampler(23, 30, seed=1)


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_can_begin_anywhere(threads):
    faces = SyntheticFaces(4, 3, 16)
    sampler = Sampler(12, 5, seed=0)
    whole = list(batches(faces, sampler, 16, 0, 9, threads))
    assert len(whole) == 9
    for step, batch in zip(range(7, 9), batches(faces, sampler, 16, 7, 9, threads), strict=True):
        assert torch.equal(batch.images, whole[step].images)
        assert torch.equal(batch.labels, whole[step].labels)
        for image, index in zip(batch.images, sampler.at(step), strict=True):
            np.testing.assert_array_equal(image.numpy(), faces.read(int(index)))


def test_a_bad_image_ends_the_batches(folder):
    (folder / "id2" / "2.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"2\.png: not a readable image"):
        list(batches(FolderFaces(folder), Sampler(6, 3, seed=0), 8, 0, 2, 2))


def test_grey_images_become_rgb_and_same_sizes_stay():
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(buffer, "png")
    pixels = decode(buffer.getvalue(), "grey")
    assert pixels.shape == (8, 8, 3)
    assert resized(pixels, 8) is pixels


def test_normalised_is_the_published_formula():
    images = torch.randint(0, 256, (2, 4, 4, 3), dtype=torch.uint8)
    wanted = (images.double() / 255 - 0.5) / 0.5
    torch.testing.assert_close(normalised(images).double(), wanted.permute(0, 3, 1, 2))


def test_without_strength_images_are_mirrored_or_not():
    images = torch.randint(0, 256, (40, 6, 6, 3), dtype=torch.uint8)
    x, plain = augmented(images, 0.0, torch.Generator().manual_seed(1)), normalised(images)
    mirrored = [torch.equal(a, b.flip(2)) for a, b in zip(x, plain, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(x, plain, strict=True)]
    assert all(m != k for m, k in zip(mirrored, kept, strict=True))
    assert 8 < sum(mirrored) < 32


def test_augmentation_repeats_and_stays_near():
    faces = SyntheticFaces(8, 2, 32)
    images = torch.from_numpy(np.stack([faces.read(i) for i in range(16)]))
    x = augmented(images, 1.0, torch.Generator().manual_seed(1))
    assert torch.equal(x, augmented(images, 1.0, torch.Generator().manual_seed(1)))
    assert not torch.equal(x, augmented(images, 1.0, torch.Generator().manual_seed(2)))
    assert x.shape == (16, 3, 32, 32)
    assert x.abs().max() <= 1
    small = augmented(images, 1e-4, torch.Generator().manual_seed(1))
    mirror = augmented(images, 0.0, torch.Generator().manual_seed(1))
    assert (small - mirror).abs().max() < 0.05  # goes over into mirroring only


def test_the_real_sets_can_be_read(shared_data):
    root = shared_data / "faces"
    faces = FolderFaces(root / "celeba266", root / "celeba266_train_ids.txt")
    assert (faces.classes, len(faces.labels)) == (206, 4217)
    assert faces.read(0).shape == (112, 112, 3)
    pairs = read_pair_list(root / "celeba266_val_pairs.tsv", root / "celeba266")
    assert (len(pairs.same), pairs.same.sum()) == (6000, 3000)
    assert FolderFaces(root / "orl").classes == 40


def test_several_sets_are_one(folder, tmp_path):
    faces = SyntheticFaces(2, 3, 8)
    pack_decoded(faces, tmp_path / "p", 8, lambda _: None)
    found = training_faces(Config(data=(str(folder), str(tmp_path / "p"), str(folder))))
    assert found.classes == 3 + 2 + 3
    assert found.labels.tolist() == [0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 6, 6, 7, 7, 7]
    alone = FolderFaces(folder)
    for index in range(6):
        assert np.array_equal(found.read(index), alone.read(index))
        assert np.array_equal(found.read(6 + index), faces.read(index))
        assert np.array_equal(found.read(12 + index), alone.read(index))


def test_identities_with_too_few_images_are_left_out(folder):
    found = training_faces(Config(data=(str(folder),), least_images=2))
    assert (found.classes, found.labels.tolist()) == (2, [0, 0, 1, 1, 1])
    assert np.array_equal(found.read(0), FolderFaces(folder).read(1))
    with pytest.raises(ValueError, match="faces: training needs two identities, not one"):
        training_faces(Config(data=(str(folder),), least_images=3))
    with pytest.raises(ValueError, match="faces: no identity has 4 images"):
        training_faces(Config(data=(str(folder),), least_images=4))


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


def test_an_image_of_a_tar_file_that_cannot_be_read(tmp_path):
    write_tar(tmp_path / "t.tar", {"a.png": b"x", "a.cls": b"1"})
    with pytest.raises(ValueError, match=r"t\.tar member a\.png: not a readable image"):
        open_faces(tmp_path / "t.tar").read(0)


def test_coarse_images(tmp_path):
    """Some of them become coarser, by at most a fifth of a side; the others stay as they are."""
    images = torch.randint(0, 256, (64, 20, 20, 3), dtype=torch.uint8)
    plain = augmented(images, 0.0, torch.Generator().manual_seed(1))
    found = augmented(images, 0.0, torch.Generator().manual_seed(1), coarse=0.5)
    same = (found == plain).flatten(1).all(dim=1)
    assert 16 < same.sum() < 48
    rough = found[~same].diff(dim=3).abs().mean(dim=(1, 2, 3))
    assert (rough < plain[~same].diff(dim=3).abs().mean(dim=(1, 2, 3))).all()
    assert rough.max() > 3 * rough.min()  # of several sizes
    torch.testing.assert_close(
        found[~same].mean(dim=(1, 2, 3)), plain[~same].mean(dim=(1, 2, 3)), atol=0.05, rtol=0
    )


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


@pytest.mark.parametrize("offset", [-1, -8, -(2**62), 2**40, 2**62])
def test_an_index_that_points_outside_is_named(tmp_path, offset):
    write_records(tmp_path / "t.rec", {key: record(b"x", 0) for key in range(3)})
    index = tmp_path / "t.idx"
    index.write_text(f"{index.read_text()}3\t{offset}\n")
    with pytest.raises(ValueError, match=f"byte {offset}: no record begins here"):
        RecordFaces(tmp_path / "t.rec")
