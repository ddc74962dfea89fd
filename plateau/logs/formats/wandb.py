"""W&B's offline files (``run-*.wandb``): blocks of checked pieces that make records.

A record is a protocol buffer ``Record {history = 2 {item = 1 {key = 1, nested_key = 2,
value_json = 16}, step = 2 {num = 1}}}``; all other kinds are skipped.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from plateau.logs.columns import Contents
from plateau.logs.formats.protobuf import BYTES, VARINT, MessageError, fields, signed
from plateau.logs.records.objects import tables_of_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plateau.logs.files.stream import Stream

MAGIC = b":W&B"
START = 7  # bytes before the first piece
BLOCK = 1 << 15
PIECE = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
STEP = "_step"


def read(stream: Stream, warnings: list[str]) -> Contents:
    """Read what each step logged, as far as the file is sound."""
    records = _logged(stream.whole(), warnings)
    return Contents("wandb", tables_of_records(records), np.arange(1, len(records) + 1))


def _logged(data: bytes, warnings: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    bad: list[int] = []
    for number, record in enumerate(_records(data, warnings), start=1):
        try:
            found += [history for history in _histories(record) if history]
        except (MessageError, ValueError, RecursionError):
            bad.append(number)
    if bad:
        warnings.append(
            f"{len(bad)} records are damaged and were left out, the first is record {bad[0]}"
        )
    return found


def _records(data: bytes, warnings: list[str]) -> Iterator[memoryview]:
    view, place, number = memoryview(data), START, 1
    pieces: list[memoryview] = []
    while place + PIECE.size <= len(view):
        if BLOCK - place % BLOCK < PIECE.size:  # too little for a piece: padding
            place += BLOCK - place % BLOCK
            continue
        checksum, size, kind = PIECE.unpack_from(view, place)
        body = view[place + PIECE.size : place + PIECE.size + size]
        if len(body) < size:
            break
        if zlib.crc32(body, zlib.crc32(bytes([kind]))) != checksum:
            warnings.append(
                f"record {number} at byte {place} is damaged; nothing from there on was read"
            )
            return
        place += PIECE.size + size
        if kind in (FULL, FIRST):
            pieces = []
        pieces.append(body)
        if kind in (FULL, LAST):
            yield memoryview(b"".join(pieces)) if len(pieces) > 1 else body
            pieces, number = [], number + 1
    if place < len(view) or pieces:
        warnings.append(f"record {number} at byte {place} is cut off and was left out")


def _histories(record: memoryview) -> Iterator[dict[str, Any]]:
    for number, wire, value in fields(record):
        if number == 2 and wire == BYTES:
            yield _history(value)


def _history(data: memoryview) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, wire, value in fields(data):
        if number == 1 and wire == BYTES:
            key, text = _item(value)
            found[key] = json.loads(text or "null")
        elif number == 2 and wire == BYTES:
            for inner, kind, step in fields(value):
                if inner == 1 and kind == VARINT:
                    found.setdefault(STEP, signed(step))
    return found


def _item(data: memoryview) -> tuple[str, str]:
    keys, text = [], ""
    for number, wire, value in fields(data):
        if wire == BYTES and number in (1, 2):
            keys.append(bytes(value).decode(errors="replace"))
        elif wire == BYTES and number == 16:
            text = bytes(value).decode(errors="replace")
    return ".".join(keys), text
