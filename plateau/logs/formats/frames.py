"""Record frames, as TensorFlow writes them: length, its checksum, data, their checksum."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER, FOOTER = struct.Struct("<QI"), struct.Struct("<I")
POLYNOMIAL = 0x82F63B78  # CRC-32C, reversed
SMALL = 4096  # bytes; a larger record without a scalar (a picture) is not worth checking


@dataclass(frozen=True)
class Frame:
    """A record and what its checksum should be."""

    number: int
    data: memoryview
    checksum: int

    @property
    def sound(self) -> bool:
        """Whether the data are as they were written."""
        return masked_crc(self.data) == self.checksum


def frames(data: bytes, warnings: list[str], name: str) -> Iterator[Frame]:
    """Yield the frames of a file; say where it is cut or damaged, and stop there."""
    view, place, number = memoryview(data), 0, 0
    while place < len(view):
        number += 1
        body = place + HEADER.size
        if body > len(view):
            warnings.append(f"{name}record {number} at byte {place} is cut off and was left out")
            return
        length, checksum = HEADER.unpack_from(view, place)
        if masked_crc(view[place : place + 8]) != checksum:
            warnings.append(
                f"{name}record {number} at byte {place} is damaged; nothing from there on was read"
            )
            return
        end = body + length
        if end + FOOTER.size > len(view):
            warnings.append(f"{name}record {number} at byte {place} is cut off and was left out")
            return
        yield Frame(number, view[body:end], FOOTER.unpack_from(view, end)[0])
        place = end + FOOTER.size


def is_framed(data: bytes) -> bool:
    """Whether a file begins with a frame."""
    return len(data) >= HEADER.size and masked_crc(data[:8]) == HEADER.unpack_from(data)[1]


def masked_crc(data: bytes | memoryview) -> int:
    """CRC-32C, turned and shifted so that a checksum of checksums is no trivial one."""
    table, crc = _table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@cache
def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = (entry >> 1) ^ (POLYNOMIAL if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)
