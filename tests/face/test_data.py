import dataclasses
import io
import struct
import zlib

import numpy as np
import pytest
import torch
from face_runs import MAGIC, TINY, png
from PIL import Image

from plateau_face.config import Config
from plateau_face.data.augment import augmented, normalised
from plateau_face.data.faces import FolderFaces, decode, resized
from plateau_face.data.packed import pack_decoded
from plateau_face.data.pairs import drawn_pairs, read_pair_list
from plateau_face.data.sampling import Sampler, batches
from plateau_face.data.synthetic import KeptFaces, SyntheticFaces
from plateau_face.sources import training_faces


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


def test_no_other_program_is_run_for_an_image():
    """Pillow has Ghostscript calculate what this format is a program for."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(ValueError, match=r"^a\.jpg: not a readable image$"):
        decode(program, "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "PPM", "GIF", "TIFF"])
def test_images_of_usual_formats_are_read(kind):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(file, kind)
    assert decode(file.getvalue(), "a").min() > 250


def test_drawn_faces_are_drawn_once(monkeypatch):
    faces = SyntheticFaces(2, 2, 16)
    kept, drawn = KeptFaces(faces), []
    monkeypatch.setattr(faces, "read", lambda i: drawn.append(i) or SyntheticFaces.read(faces, i))
    for index in (1, 3, 1, 0, 3):
        assert np.array_equal(kept.read(index), SyntheticFaces.read(faces, index))
    assert drawn == [1, 3, 0]


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


def test_a_long_tail_has_the_first_images_of_each_identity():
    tailed, whole = SyntheticFaces(5, 8, 16, tail=1.0), SyntheticFaces(5, 8, 16)
    assert np.bincount(tailed.labels).tolist() == [8, 4, 2, 2, 1]
    counts = enumerate([8, 4, 2, 2, 1])
    first = [8 * label + image for label, count in counts for image in range(count)]
    for index, place in enumerate(first):
        np.testing.assert_array_equal(tailed.read(index), whole.read(place))


def test_the_cache_keeps_a_long_tail_apart(tmp_path):
    def found(tail):
        config = dataclasses.replace(TINY, synthetic_cache=str(tmp_path), synthetic_tail=tail)
        return np.bincount(training_faces(config).labels).tolist()

    for _ in range(2):  # drawn, then kept
        assert found(0.0) == [6, 6, 6, 6, 6, 6]
        assert found(1.0) == [6, 3, 2, 1, 1, 1]


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
