"""Event files of TensorBoard, written without TensorBoard.

A file is a sequence of records: length (uint64), masked CRC-32C of that, the bytes, masked CRC-32C
of them. The bytes are a protocol buffer ``Event`` of which three fields are used: wall time (1,
double), step (2, varint) and summary (5), with values (1) of a tag (1, text) and a number (2,
float).
"""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78  # of Castagnoli, bits reversed


def event(step: int, seconds: float, values: Mapping[str, float]) -> bytes:
    """Return a record with numbers of a step."""
    summary = b"".join(
        _message(1, _message(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
        for tag, value in values.items()
    )
    return record(_time(seconds) + b"\x10" + _varint(step) + _message(5, summary))


def header(seconds: float) -> bytes:
    """Return the record that a file begins with: the version of the format (field 3)."""
    return record(_time(seconds) + _message(3, b"brain.Event:2"))


def record(content: bytes) -> bytes:
    """Frame the bytes of a record."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def crc32c(content: bytes) -> int:
    """Return the cyclic redundancy check of Castagnoli (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = int(_TABLE[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def numbers(row: Mapping[str, object]) -> dict[str, float]:
    """Return what can be plotted over the steps of a row of the log."""
    return {name: float(value) for name, value in row.items() if isinstance(value, int | float)}


def event_file(folder: Path) -> Path:
    """Return the event file of a run: always the same, so that a resumed run goes on in it."""
    return folder / "events.out.tfevents.0.plateau"


def _masked(content: bytes) -> bytes:
    crc = crc32c(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _time(seconds: float) -> bytes:
    return b"\x09" + struct.pack("<d", seconds)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _table() -> NDArray[np.uint32]:
    crc = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        crc = np.where(crc & 1, crc >> 1 ^ np.uint32(POLYNOMIAL), crc >> 1)
    return crc


_TABLE = _table()
