"""Verification sets of pickled images: read without running what they hold."""

import os
import pickle
import tracemalloc

import numpy as np
import pytest
from face_runs import png, write_bin
from hypothesis import given, settings
from hypothesis import strategies as st

from plateau_face.data.pairs import read_bin


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
