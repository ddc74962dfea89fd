"""Fields of protocol buffers, without their schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
SIZES = {FIXED64: 8, FIXED32: 4}


class MessageError(ValueError):
    """Bytes that are no protocol buffer."""


def fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and value of each field: an int, or the bytes as they are."""
    place, end = 0, len(data)
    while place < end:
        key, place = varint(data, place)
        wire = key & 7
        if wire == VARINT:
            value, place = varint(data, place)
            yield key >> 3, wire, value
            continue
        size = SIZES.get(wire)
        if wire == BYTES:
            size, place = varint(data, place)
        if size is None or place + size > end:
            raise MessageError
        yield key >> 3, wire, data[place : place + size]
        place += size


def varint(data: memoryview, place: int) -> tuple[int, int]:
    """Give the number at a place, and the place behind it."""
    value = shift = 0
    while place < len(data) and shift < 64:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise MessageError


def signed(value: int) -> int:
    """Read a number of 64 bits as one with a sign."""
    return value - (1 << 64) if value >> 63 else value
