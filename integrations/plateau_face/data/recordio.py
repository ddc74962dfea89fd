"""RecordIO, the file format of MXNet in which public face sets come, read without MXNet.

A record is one or more parts. A part is the number 0xced7230a, a word with a flag in its upper 3
bits (0 whole; 1, 2, 3 first, middle, last part) and the length in the lower 29, the bytes, and
zeros up to a multiple of 4. A record is cut where its bytes look like that number, which is put
back between parts. The bytes are a header (flag, label, id, id2), as many float32 labels as the
flag says, and an encoded image.
"""

import mmap
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plateau_face.data.faces import Pixels, decode
from plateau_face.files import read_text

MAGIC_NUMBER = 0xCED7230A
MAGIC = struct.pack("<I", MAGIC_NUMBER)
HEADER = struct.Struct("<IfQQ")
HEAD = np.dtype(
    [
        ("magic", "<u4"), ("word", "<u4"),
        ("count", "<u4"), ("label", "<f4"), ("id", "<u8"), ("id2", "<u8"), ("first", "<f4"),
    ]
)  # fmt: skip
"""What a record begins with, up to the first label where there are some."""
HEADS = HEAD.itemsize
LABELS_MOST = 2**24
"""Labels are float32: whole numbers are exact up to here."""


class RecordFaces:
    """Images of a ``.rec`` file, found by the ``.idx`` file beside it.

    Where record 0 has several labels the first is the key after the last image, as insightface
    writes it: later records describe identities. Otherwise every record is an image.

    Parameters
    ----------
    path : Path
        The ``.rec`` file.

    Raises
    ------
    ValueError
        If a file is damaged, a label is not a whole number from 0 to 2²⁴, or no image has most of
        the labels up to the largest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.stat().st_size == 0:
            raise ValueError(f"{path}: an empty file")
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        keys, offsets = read_index(path.with_suffix(".idx"))
        zero = np.flatnonzero(keys == 0)
        labels = self._record(int(offsets[zero[0]]))[0] if len(zero) else np.zeros(1)
        images = (keys >= 1) & (keys < int(labels[0])) if len(labels) > 1 else keys >= 0
        self.keys, self._offsets = keys[images], offsets[images]
        self.labels = self._labels()
        if not len(self.labels):
            raise ValueError(f"{path}: no images")
        self.classes = int(self.labels.max()) + 1
        self._refuse_stray_label()

    def _refuse_stray_label(self) -> None:
        """Refuse labels most of which no image has: a prototype would be made for each."""
        present = len(np.unique(self.labels))
        if 2 * present < self.classes:
            largest = self.keys[int(self.labels.argmax())]
            raise ValueError(
                f"{self.path} record {largest}: label {self.classes - 1}, and of the labels up to "
                f"it only {present} have an image: they must be numbered from 0"
            )

    def encoded(self, index: int) -> bytes:
        """Return an image file as it is in the record."""
        return self._record(int(self._offsets[index]))[1]

    def read(self, index: int) -> Pixels:
        """Return an image, decoded."""
        return decode(self.encoded(index), f"{self.path} record {self.keys[index]}")

    def _labels(self) -> NDArray[np.int64]:
        """Return the label of each image: of all at once, as far as their records are plain.

        Not from the whole records: a large set would be read from end to end before training.
        """
        labels = np.empty(len(self._offsets), dtype=np.float32)
        content = np.frombuffer(self._bytes, dtype=np.uint8)
        for first in range(0, len(labels), 2**20):
            self._refuse_cut()
            part = slice(first, first + 2**20)
            labels[part] = self._some_labels(content, self._offsets[part])
        wrong = (labels != np.floor(labels)) | ~((labels >= 0) & (labels <= LABELS_MOST))
        if wrong.any():
            which = int(wrong.argmax())
            raise ValueError(
                f"{self.path} record {self.keys[which]}: label {labels[which]} is no whole number "
                f"from 0 to {LABELS_MOST}"
            )
        return labels.astype(np.int64)

    def _some_labels(
        self, content: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        inside = (offsets >= 0) & (offsets <= len(content) - HEADS)
        heads = content[np.where(inside, offsets, 0)[:, None] + np.arange(HEADS)].view(HEAD)[:, 0]
        labels = np.where(heads["count"] > 0, heads["first"], heads["label"]).astype(np.float32)
        length = heads["word"] & (2**29 - 1)
        # A record that is cut within its labels, or ends there, or is damaged, is read by itself.
        plain = inside & (heads["magic"] == MAGIC_NUMBER) & (length >= HEADER.size + 4)
        plain &= offsets + 8 + length <= len(content)
        for index in np.flatnonzero(~plain):
            labels[index] = self._record(int(offsets[index]))[0][0]
        return labels

    def _refuse_cut(self) -> None:
        """Refuse a file that was cut since it was opened: reading there would end the process."""
        if self._bytes.size() < len(self._bytes):
            raise ValueError(f"{self.path}: has become shorter since it was opened")

    def _record(self, offset: int) -> tuple[NDArray[np.float32], bytes]:
        """Return the labels and the image of the record at `offset`."""
        self._refuse_cut()
        parts, last, place = [], False, offset
        while not last:
            start, stop, last = self._part(place)
            parts.append(self._bytes[start:stop])
            place = start + -(-(stop - start) // 4) * 4
        record = MAGIC.join(parts)
        if len(record) < HEADER.size:
            raise ValueError(f"{self.path} at byte {offset}: a record without a header")
        count, label, _, _ = HEADER.unpack_from(record)
        if count == 0:
            return np.array([label], dtype=np.float32), record[HEADER.size :]
        end = HEADER.size + 4 * count
        if len(record) < end:
            raise ValueError(f"{self.path} at byte {offset}: a record without its {count} labels")
        return np.frombuffer(record[HEADER.size : end], dtype="<f4"), record[end:]

    def _part(self, offset: int) -> tuple[int, int, bool]:
        """Return where the bytes of a part begin and end, and whether it is the last."""
        start = offset + 8
        if not 8 <= start <= len(self._bytes) or self._bytes[offset : offset + 4] != MAGIC:
            raise ValueError(f"{self.path} at byte {offset}: no record begins here")
        (word,) = struct.unpack("<I", self._bytes[offset + 4 : start])
        stop = start + (word & (2**29 - 1))
        if stop > len(self._bytes):
            raise ValueError(f"{self.path} at byte {offset}: the file ends within a record")
        return start, stop, word >> 29 in (0, 3)


def read_index(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys of an ``.idx`` file, rising, and their offsets; of a key twice the last."""
    rows = [line.split() for line in read_text(path).splitlines()]
    try:
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)[::-1]
    except (ValueError, OverflowError):
        number = next(n for n, row in enumerate(rows, start=1) if not _is_pair(row))
        raise ValueError(f"{path} line {number}: not a key and an offset") from None
    keys, last = np.unique(pairs[:, 0], return_index=True)
    return keys, pairs[last, 1]


def _is_pair(row: list[str]) -> bool:
    try:
        return len(row) == 2 and all(abs(int(field)) < 2**63 for field in row)
    except ValueError:
        return False
