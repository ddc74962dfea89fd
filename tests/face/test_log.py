import json
import struct

import pytest

from plateau_face.log import Log
from plateau_face.tensorboard import crc32c, event_file


@pytest.mark.parametrize(
    ("content", "crc"),  # RFC 3720, appendix B.4
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),
    ],
)
def test_the_check_is_castagnolis(content, crc):
    assert crc32c(content) == crc


def unmasked(masked):
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def varint(data, place):
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def fields(data):
    """A plain reader of protocol buffers: numbers of fields and what they hold."""
    place, found = 0, []
    while place < len(data):
        key, place = varint(data, place)
        if key & 7 == 0:
            value, place = varint(data, place)
        elif key & 7 == 2:
            size, place = varint(data, place)
            value, place = data[place : place + size], place + size
        else:
            code, size = {1: ("<d", 8), 5: ("<f", 4)}[key & 7]
            (value,) = struct.unpack_from(code, data, place)
            place += size
        found.append((key >> 3, value))
    return found


def events(path):
    data, place = path.read_bytes(), 0
    while place < len(data):
        size, check = struct.unpack_from("<QI", data, place)
        assert unmasked(check) == crc32c(data[place : place + 8])
        content = data[place + 12 : place + 12 + size]
        assert unmasked(*struct.unpack_from("<I", data, place + 12 + size)) == crc32c(content)
        place += 16 + size
        yield dict(fields(content))


def test_rows_and_events(tmp_path):
    log = Log(tmp_path, (0, 0))
    log.write(300, {"loss": 1.5, "verdict": "plateau", "epoch": 2})
    log.write(301, {"loss": 0.25})
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows == [
        {"step": 300, "loss": 1.5, "verdict": "plateau", "epoch": 2},
        {"step": 301, "loss": 0.25},
    ]
    first, one, other = events(event_file(tmp_path))
    assert first[3] == b"brain.Event:2"
    assert (one[2], other[2]) == (300, 301)
    assert one[1] > 1.6e9
    values = [fields(value) for _, value in fields(one[5])]
    assert values == [[(1, b"loss"), (2, 1.5)], [(1, b"epoch"), (2, 2.0)]]


def test_a_log_goes_on_from_where_it_is_cut(tmp_path):
    log = Log(tmp_path, (0, 0))
    log.write(1, {"loss": 3.0})
    sizes = log.sizes()
    log.write(2, {"loss": 2.0})
    again = Log(tmp_path, sizes)
    again.write(2, {"loss": 1.0})
    assert (tmp_path / "log.jsonl").read_text().count("\n") == 2
    _, one, other = events(event_file(tmp_path))
    assert (one[2], other[2]) == (1, 2)
    assert fields(fields(other[5])[0][1])[1] == (2, 1.0)


def test_tensorboard_itself_reads_it(tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    log = Log(tmp_path, (0, 0))
    log.write(7, {"loss": 1.5})
    *_, last = loader.RawEventFileLoader(str(event_file(tmp_path))).Load()
    assert dict(fields(last))[2] == 7
