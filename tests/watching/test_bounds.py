"""A watch takes no more memory and time, whatever is written to its log."""

import struct

import pytest

from plateau.logs.choosing.asked import Asked
from plateau.logs.formats.frames import masked_crc
from plateau.logs.model import LogError
from plateau.watching.board import Board
from plateau.watching.columns import Columns
from plateau.watching.lines import HELD, LineLog
from plateau.watching.tail import Tail


def test_a_line_without_end_takes_no_more_memory_than_the_longest(tmp_path, monkeypatch):
    monkeypatch.setattr("plateau.watching.lines.LONGEST", 3 << 20)
    path, told = tmp_path / "a.csv", []
    path.write_bytes(b"step,loss\n" + b"".join(b"%d,%d.5\n" % (i, i % 7) for i in range(200)))
    log = LineLog(Tail(str(path), told.append), Columns(str(path), Asked(), told.append))
    while log.read():
        log.rows()
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + (12 << 20))
    while log.read():
        assert len(log.part) + len(log.left) < 5 << 20
    assert told == [f"{path}: a line is longer than 3 MiB and is left out"]
    with path.open("ab") as file:
        file.write(b"\n200,1.5\n")
    log.read()
    assert log.rows().values.tolist() == [1.5]
    log.source.close()


def test_a_metric_that_falls_silent_is_not_waited_for(tmp_path):
    """Its last row may still get an x from a line to come, but not for ever."""
    path, told = tmp_path / "a.log", []
    lines = [f"iteration {i}\nloss {i % 7}.5\nother words\n" for i in range(700)]
    path.write_text("".join(lines))
    log = LineLog(Tail(str(path), told.append), Columns(str(path), Asked(), told.append))
    while log.read():
        log.rows()
    assert log.columns.chosen.spread
    with path.open("a") as file:
        file.write("".join(f"checked file {i}\n" for i in range(100_000)))
    while log.read():
        log.rows()
        assert len(log.left) <= HELD
    log.source.close()


def test_a_step_that_would_take_years_ends_the_watch(run, tmp_path):
    """A row stands for the steps that x moved on by, where a threshold is given."""
    path = tmp_path / "a.csv"
    rows = "".join(f"{i},{i % 7}.5\n" for i in range(200))
    path.write_text(f"step,loss\n{rows}1000000000000000,1.5\n")
    rule = ["--detector", "ema", "--threshold", "0.1", "--patience", "5"]
    rule += ["--alpha", "0.1", "--beta", "0.1"]
    code, _, err = run("watch", path, "--idle", 0, *rule)
    told = "x moves on by 1,000,000,000,000,001 steps: use --unit row"
    assert (code, err) == (2, f"plateau: {path}: {told}\n")


def test_a_record_that_claims_to_be_huge_is_refused(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    length = struct.pack("<Q", 1 << 40)
    path.write_bytes(length + struct.pack("<I", masked_crc(length)) + bytes(3 << 20))
    board = Board(path, Columns(str(path), Asked(), print))
    with pytest.raises(LogError, match="claims to have 1,099,511,627,776 bytes, more than 64 MiB"):
        board.read()
