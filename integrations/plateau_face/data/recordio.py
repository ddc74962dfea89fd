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

MAGIC = struct.pack("<I", 0xCED7230A)
HEADER = struct.Struct("<IfQQ")
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
        offsets = read_index(path.with_suffix(".idx"))
        labels, _ = self._record(offsets[0]) if 0 in offsets else (np.zeros(1), b"")
        if len(labels) > 1:
            keys = [key for key in offsets if 1 <= key < int(labels[0])]
        else:
            keys = list(offsets)
        self.keys = sorted(keys)
        self._offsets = [offsets[key] for key in self.keys]
        self.labels = np.array([self._label(i) for i in range(len(self.keys))], dtype=np.int64)
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
        return self._record(self._offsets[index])[1]

    def read(self, index: int) -> Pixels:
        """Return an image, decoded."""
        return decode(self.encoded(index), f"{self.path} record {self.keys[index]}")

    def _label(self, index: int) -> int:
        label = self._first_label(self._offsets[index])
        if not (label.is_integer() and 0 <= label <= LABELS_MOST):
            raise ValueError(
                f"{self.path} record {self.keys[index]}: label {label} is no whole number "
                f"from 0 to {LABELS_MOST}"
            )
        return int(label)

    def _first_label(self, offset: int) -> float:
        start, stop, _ = self._part(offset)
        if stop - start < HEADER.size + 4:  # cut within the header, or no more than that
            return float(self._record(offset)[0][0])
        # Not the whole record: a large set would be read from end to end before training begins.
        count, label, _, _ = HEADER.unpack_from(self._bytes, start)
        if count:
            (label,) = struct.unpack_from("<f", self._bytes, start + HEADER.size)
        return float(label)

    def _record(self, offset: int) -> tuple[NDArray[np.float32], bytes]:
        """Return the labels and the image of the record at `offset`."""
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
        if start > len(self._bytes) or self._bytes[offset : offset + 4] != MAGIC:
            raise ValueError(f"{self.path} at byte {offset}: no record begins here")
        (word,) = struct.unpack("<I", self._bytes[offset + 4 : start])
        stop = start + (word & (2**29 - 1))
        if stop > len(self._bytes):
            raise ValueError(f"{self.path} at byte {offset}: the file ends within a record")
        return start, stop, word >> 29 in (0, 3)


def read_index(path: Path) -> dict[int, int]:
    """Return the offset of each key of an ``.idx`` file."""
    offsets = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            key, offset = map(int, line.split())
        except ValueError:
            raise ValueError(f"{path} line {number}: not a key and an offset") from None
        offsets[key] = offset
    return offsets
