"""A column of times is x, and is shown as times everywhere."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from rich.console import Console

from plateau.durations import shown
from plateau.export import LogScan, scan_document, scan_rows
from plateau.logs import read_log
from plateau.offline import scan_run
from plateau.rule import Rule
from plateau.showing import wording
from plateau.showing.report.curves import chart
from plateau.showing.report.tables import plateau_cells
from plateau.showing.terminal import show_scan

START = datetime(2031, 3, 4, 5, 0, 0, tzinfo=UTC)
RULE = Rule("haar", window=4, smooth=1, threshold=0.1, patience=3)
N = 60


@pytest.fixture(autouse=True)
def of_this_place(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")  # an offset of half an hour
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def seconds(i):
    return START.timestamp() + 60 * i


SPELLINGS = {
    "with zone": lambda i: (START + timedelta(minutes=i)).isoformat(),
    "without zone": lambda i: datetime.fromtimestamp(seconds(i)).isoformat(" "),
    "seconds": lambda i: f"{seconds(i):.3f}",
    "milliseconds": lambda i: f"{1000 * seconds(i):.0f}",
}


def scanned(path, spelling):
    rows = [f"{SPELLINGS[spelling](i)},{max(5 - i / 5, 1)}\n" for i in range(N)]
    path.write_text("ts,ms\n" + "".join(rows))
    log = read_log(path)
    assert log.runs[0].clock
    return LogScan(log, [scan_run(log.runs[0], RULE)])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_times_are_shown(tmp_path, spelling):
    scan = scanned(tmp_path / "a.csv", spelling)
    (found,) = scan.runs
    (plateau,) = found.plateaus
    start = f"2031-03-04T10:{30 + plateau.start}:00+05:30"
    (record,) = scan_document([scan])["logs"][0]["runs"][0]["plateaus"]
    assert record["start_time"] == start
    assert record["start_x"] in (seconds(plateau.start), 1000 * seconds(plateau.start))
    assert record["declared_time"].startswith("2031-03-04T1")
    assert "start_time" not in scan_rows([scan])[0]
    shown = start[:19].replace("T", " ")
    assert plateau_cells(found)[0][1] == shown
    console = Console(file=io.StringIO(), width=160)
    show_scan(console, [scan])
    text = console.file.getvalue()
    assert shown in text
    assert "1,930," not in text
    drawn = chart(found, 100)
    assert drawn["clock"]
    at = datetime(1970, 1, 1) + timedelta(milliseconds=drawn["plateaus"][0]["from"])
    assert str(at) == shown


def test_a_plateau_that_nobody_knew_of_has_no_time_of_that(tmp_path):
    scan = scanned(tmp_path / "a.csv", "seconds")
    (found,) = scan.runs
    unknown = [plateau._replace(declared=None) for plateau in found.plateaus]
    scan = LogScan(scan.log, [replace(found, plateaus=unknown)])
    (record,) = scan_document([scan])["logs"][0]["runs"][0]["plateaus"]
    assert record["declared_time"] is None
    assert record["stop_time"].startswith("2031-03-04T1")
    assert plateau_cells(scan.runs[0])[0][2] == "-"


def test_counters_are_no_times(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("step,loss\n" + "".join(f"{10**9 + i},{5 / (1 + i)}\n" for i in range(N)))
    (run,) = read_log(path).runs
    assert not run.clock
    assert wording.place(run, 1e9) == "1,000,000,000"


@pytest.mark.parametrize("x", [np.inf, 1e300, -1e30, np.nan])
def test_what_is_no_time_is_a_number(x):
    assert wording.clock(x) == wording.position(x)


def noisy(path, x, rows=400):
    rng = np.random.default_rng(0)
    lines = (f"{x(i)},{9 * np.exp(-i / 15) + rng.normal():.4f}\n" for i in range(rows))
    path.write_text("ts,ms\n" + "".join(lines))
    return path


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_horizon_in_minutes_is_one_in_rows(tmp_path, spelling):
    (run,) = read_log(noisy(tmp_path / "a.csv", SPELLINGS[spelling])).runs
    told, counted = (scan_run(run, Rule(horizon=each)) for each in ("2h", 120))
    assert told.plateaus
    assert told.detector.horizon == 120
    assert told.plateaus == counted.plateaus
    rule = Rule("haar", window="20m", smooth="5m", threshold=0.1, patience="10m").counted(run)
    assert (rule.window, rule.smooth, rule.patience) == (20, 5, 10)


def test_a_duration_needs_times(tmp_path):
    (run,) = read_log(noisy(tmp_path / "a.csv", lambda i: i)).runs
    with pytest.raises(ValueError, match="horizon 2h is a duration, but x, 'ts', is no time"):
        scan_run(run, Rule(horizon="2h"))
    with pytest.raises(ValueError, match="horizon: '2x' is no duration"):
        Rule(horizon="2x")


def test_how_long_a_plateau_lasts_is_shown(tmp_path):
    scan = scanned(tmp_path / "a.csv", "milliseconds")
    (found,) = scan.runs
    (plateau,) = found.plateaus
    lasted = 60 * (min(plateau.stop, N - 1) - plateau.start)
    (record,) = scan_document([scan])["logs"][0]["runs"][0]["plateaus"]
    assert record["seconds"] == lasted
    assert shown(lasted) in plateau_cells(found)[0]
    console = Console(file=io.StringIO(), width=160)
    show_scan(console, [scan])
    assert f" {shown(lasted)} " in console.file.getvalue()
