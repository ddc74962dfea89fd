"""TensorBoard event files, written here byte by byte."""

import json
import struct

import numpy as np
import pytest

from plateau.logs import LogError, read_log
from plateau.logs.formats.frames import masked_crc

LOSSES = [round(3 / (i + 1), 4) for i in range(40)]


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def block(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def simple(value):
    return varint(2 << 3 | 5) + struct.pack("<f", value)


def tensor(kind, **how):
    """A scalar tensor: as raw content, or in a list of its type."""
    body = varint(1 << 3) + varint(kind) + block(2, b"")
    return block(8, body + b"".join(block(int(name[1:]), data) for name, data in how.items()))


def event(step, tag=None, content=b"", time=1.7e9):
    body = varint(1 << 3 | 1) + struct.pack("<d", time)
    body += varint(2 << 3) + varint(step % (1 << 64))
    if tag is not None:
        body += block(5, block(1, block(1, tag.encode()) + content))
    return body


def frame(data):
    length = struct.pack("<Q", len(data))
    crcs = (struct.pack("<I", masked_crc(part)) for part in (length, data))
    return length + next(crcs) + data + next(crcs)


def scalars(start=0, stop=40, tag="loss", write=simple, time=1.7e9):
    return b"".join(
        frame(event(10 * i, tag, write(LOSSES[i]), time + i)) for i in range(start, stop)
    )


START = frame(varint(1 << 3 | 1) + struct.pack("<d", 1.7e9) + block(3, b"brain.Event:2"))


def test_checksum_is_the_published_one():
    crc = 0xE3069283  # of "123456789", from the catalogue of CRCs
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_scalars_and_learning_rate(read_run):
    content = START
    for i in range(40):
        content += scalars(i, i + 1)
        content += frame(event(10 * i, "lr", simple(0.5 if i < 20 else 0.25)))
        content += frame(event(10 * i, "weights", block(7, b"no scalar")))
    run = read_run(content, "events.out.tfevents.1")
    assert (run.metric, run.x_name, run.lr_name) == ("loss", "step", "lr")
    np.testing.assert_array_equal(run.values, np.float32(LOSSES))
    assert run.x.tolist() == list(range(0, 400, 10))
    assert run.lr.tolist() == [0.5] * 20 + [0.25] * 20
    assert run.lines[:2].tolist() == [2, 5]
    assert run.counts_steps


@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: tensor(1, _4=struct.pack("<f", v)),
        lambda v: tensor(1, _5=struct.pack("<f", v)),
        lambda v: tensor(2, _4=struct.pack("<d", v)),
        lambda v: tensor(2, _6=struct.pack("<d", v)),
        lambda v: tensor(19, _4=struct.pack("<e", v)),
    ],
)
def test_tensors(read_run, wrap):
    np.testing.assert_allclose(read_run(START + scalars(write=wrap)).values, LOSSES, rtol=1e-3)


def test_whole_numbers(read_run):
    steps = [struct.pack("<q", 5 * i) for i in range(40)]
    content = START + b"".join(
        scalars(i, i + 1) + frame(event(10 * i, "global_step", tensor(9, _4=steps[i])))
        for i in range(40)
    )
    assert read_run(content, x="global_step").x[-1] == 195


def test_tensors_of_several_numbers_are_no_scalars(read):
    with pytest.raises(LogError, match="no series"):
        read(START + scalars(write=lambda v: tensor(1, _4=struct.pack("<2f", v, v))))


def test_numbers_that_are_none(read_run):
    values = [1.0, float("nan"), float("inf"), 0.5]
    content = b"".join(frame(event(i, "loss", simple(v))) for i, v in enumerate(values))
    np.testing.assert_array_equal(read_run(content).values, values)


def test_a_restart_in_one_file(read):
    log = read(START + scalars(0, 30) + scalars(20, 40))
    assert [len(run.values) for run in log.runs] == [30, 20]
    assert "step goes back from 290 to 200" in log.warnings[0]


def test_no_steps(read_run):
    content = b"".join(frame(event(0, "loss", simple(v), 1e9 + i)) for i, v in enumerate(LOSSES))
    assert read_run(content).x_name == "wall_time"


@pytest.mark.parametrize("missing", [1, 3, 20, 40])
def test_cut(read, missing):
    log = read((START + scalars())[:-missing])
    assert len(log.runs[0].values) == 39
    assert log.warnings[0].startswith("record 41 at byte ")
    assert log.warnings[0].endswith("is cut off and was left out")


def test_cut_before_the_first_scalar(read):
    with pytest.raises(LogError, match="no series"):
        read((START + scalars())[: len(START) + 20])


def test_a_bit_of_the_data_is_wrong(read):
    content = bytearray(START + scalars())
    content[len(START) + 5 * len(scalars(0, 1)) - 10] ^= 1
    log = read(bytes(content))
    assert len(log.runs[0].values) == 39
    assert log.warnings == (
        "1 records have a wrong checksum and were left out, the first is record 6",
    )


def test_a_bit_of_a_length_is_wrong(read):
    content = bytearray(START + scalars())
    at = len(START) + sum(len(scalars(i, i + 1)) for i in range(20))
    content[at] ^= 1
    log = read(bytes(content))
    assert len(log.runs[0].values) == 20
    assert f"record 22 at byte {at} is damaged" in log.warnings[0]


def test_files_of_a_folder_are_one_run(tmp_path):
    (tmp_path / "events.out.tfevents.9").write_bytes(START + scalars(0, 20, time=1e9))
    (tmp_path / "events.out.tfevents.1").write_bytes(START + scalars(20, 40, time=2e9))
    (tmp_path / "notes.txt").write_text("loss 3 of another kind\n" * 5)
    (run,) = read_log(tmp_path).runs
    assert run.x.tolist() == list(range(0, 400, 10))


def test_files_written_side_by_side_are_several_runs(tmp_path):
    (tmp_path / "events.out.tfevents.a").write_bytes(START + scalars(time=1e9))
    (tmp_path / "events.out.tfevents.b").write_bytes(START + scalars(time=1e9 + 0.5))
    log = read_log(tmp_path)
    assert [run.name for run in log.runs] == ["events.out.tfevents.a", "events.out.tfevents.b"]
    assert [len(run.values) for run in log.runs] == [40, 40]


@pytest.mark.parametrize("files", [1, 2])
def test_a_run_that_is_logged_twice_is_scanned_once(run, tmp_path, files):
    for number in range(files):
        part = scalars(20 * number, 20 * number + 40 // files, time=1e9)
        (tmp_path / f"events.out.tfevents.{number}").write_bytes(START + part)
    rows = [json.dumps({"step": 10 * i, "loss": loss}) for i, loss in enumerate(LOSSES)]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(rows))
    code, out, err = run("scan", tmp_path, "--format", "json")
    (scanned,) = json.loads(out)["logs"]
    events = tmp_path / "events.out.tfevents.0" if files == 1 else tmp_path
    assert (code, scanned["path"]) == (0, str(events))
    assert err == f"plateau: {log}: the same rows as in {events}, which stands for both\n"
    log.write_text("\n".join(rows[:-1]))
    assert len(json.loads(run("scan", tmp_path, "--format", "json")[1])["logs"]) == 2


def test_logs_that_are_named_are_scanned_though_they_are_alike(run, tmp_path):
    events, log = tmp_path / "events.out.tfevents.0", tmp_path / "log.csv"
    events.write_bytes(START + scalars())
    log.write_text("step,loss\n" + "".join(f"{10 * i},{v}\n" for i, v in enumerate(LOSSES)))
    assert len(json.loads(run("scan", events, log, "--format", "json")[1])["logs"]) == 2


def test_real_files(real_logs):
    (run,) = read_log(real_logs / "catboost-ocd/learn/events.out.tfevents").runs
    (table,) = read_log(real_logs / "catboost-ocd/learn_error.tsv").runs
    assert run.metric == table.metric == "Quantile:alpha=0.7"
    np.testing.assert_array_equal(run.values, np.float32(table.values))
    (run,) = read_log(next((real_logs / "yolov5-oral").glob("events*"))).runs
    (table,) = read_log(real_logs / "yolov5-oral/results.csv").runs
    assert (run.metric, run.x_name, run.lr_name) == ("train/box_loss", "step", "x/lr0")
    np.testing.assert_allclose(run.values, table.values, rtol=1e-3)
    np.testing.assert_allclose(run.lr, table.lr, rtol=1e-2)
