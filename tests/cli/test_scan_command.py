"""`plateau scan`: what it prints, chooses, writes, and how it fails."""

import gzip
import io
import json
import re
import sys

import numpy as np
import polars as pl
import pytest
from staircase import RULE, rows


def test_scan_json_is_as_promised(run, log):
    code, out, err = run("scan", log, *RULE, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document) == ["version", "logs"]
    assert document["version"] == 1
    (found,) = document["logs"]
    assert list(found) == ["path", "format", "warnings", "runs"]
    assert (found["path"], found["format"], found["warnings"]) == (str(log), "csv", [])
    (run_found,) = found["runs"]
    plateaus, gain = run_found.pop("plateaus"), run_found.pop("gain")
    assert list(gain) == ["expected", "low", "high", "share"]
    assert gain["low"] <= gain["expected"] <= gain["high"]
    assert run_found.pop("held_out") is None
    assert run_found == {
        "run": "1",
        "metric": "loss",
        "x": "step",
        "mode": "min",
        "points": 900,
        "nonfinite": 0,
    }
    assert [list(p) for p in plateaus] == [
        [
            "start",
            "stop",
            "declared",
            "start_x",
            "stop_x",
            "declared_x",
            "level",
            "slope",
            "noise",
            "closed",
            "kind",
            "level_error",
            "effective",
            "confidence",
            "gain",
        ]
    ] * 2
    first, second = plateaus
    assert list(first["gain"]) == ["expected", "low", "high", "share"]
    assert 0.9 < first["confidence"] <= 1.0
    assert 10 < first["effective"] <= first["stop"] - first["start"]
    assert abs(first["level"] - 3) < 4 * first["level_error"] < 0.05
    assert first["start_x"] == 10 * first["start"] + 10
    assert first["declared_x"] == 10 * first["declared"] + 10
    assert first["stop_x"] == 10 * first["stop"] + 10
    assert (first["closed"], second["closed"]) == (True, False)
    assert (first["kind"], second["kind"]) == ("flat", "flat")
    assert (second["stop"], second["stop_x"]) == (900, 9000)
    assert [p["level"] for p in plateaus] == pytest.approx([3, 1], abs=0.05)
    assert [p["start"] for p in plateaus] == pytest.approx([200, 600], abs=30)


def test_the_flat_formats_hold_the_same(run, log, tmp_path):
    _, out, _ = run("scan", log, *RULE, "--format", "json")
    document = json.loads(out)["logs"][0]
    want = [
        {"path": str(log), "run": "1", "metric": "loss", "x": "step", "mode": "min", **p}
        | {
            ("gain" if name == "expected" else f"gain_{name}"): value
            for name, value in p["gain"].items()
        }
        for p in document["runs"][0]["plateaus"]
    ]
    _, out, _ = run("scan", log, *RULE, "--format", "jsonl")
    assert [json.loads(line) for line in out.splitlines()] == want
    _, out, _ = run("scan", log, *RULE, "--format", "csv")
    assert pl.read_csv(io.BytesIO(out), schema_overrides={"run": pl.String}).to_dicts() == want
    _, out, _ = run("scan", log, *RULE, "--format", "parquet")
    assert pl.read_parquet(io.BytesIO(out)).to_dicts() == want
    target = tmp_path / "out.parquet"
    assert run("scan", log, *RULE, "--format", "parquet", "--output", target)[:2] == (0, b"")
    assert pl.read_parquet(target).to_dicts() == want
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a run.csv", "out.parquet"]


def test_flat_formats_have_their_columns_without_plateaus_too(run, log):
    _, out, _ = run(
        "scan", log, "--window", 200, "--threshold", 1e-9, "--patience", 10**6, "--format", "csv"
    )
    assert out.decode() == (
        "path,run,metric,x,mode,start,stop,declared,start_x,stop_x,declared_x,level,slope,noise,"
        "closed,kind,level_error,effective,confidence,gain,gain_low,gain_high,gain_share\n"
    )


def test_the_table_says_what_was_chosen_and_found(run, log):
    code, out, err = run("scan", log, *RULE)
    text = out.decode()
    assert (code, err) == (0, "")
    assert "metric loss (lower is better), x step, learning rate lr; 900 rows" in text
    assert "Haar(window=200, smooth=200), flat below 0.0004 per step for more than 300" in text
    assert "2 plateaus" in text
    assert "the run ends in a plateau" in text
    assert "\x1b" not in text


def test_choices_can_be_overridden(run, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("a,b,c\n" + "".join(f"{i},{100 - i},{i % 7}\n" for i in range(50)))
    arguments = ["--metric", "c", "--x", "a", "--mode", "max", "--unit", "row"]
    _, out, _ = run("scan", path, *arguments, "--format", "json")
    (found,) = json.loads(out)["logs"][0]["runs"]
    assert (found["metric"], found["x"], found["mode"]) == ("c", "a", "max")
    _, out, _ = run("scan", path, "--metric", "c", "--mode", "both", "--format", "json")
    assert json.loads(out)["logs"][0]["runs"][0]["mode"] == "both"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fail-on", "plateau"], 1),
        (["--fail-on", "worsening"], 0),
    ],
)
def test_fail_on(run, log, arguments, code):
    assert run("scan", log, *RULE, *arguments)[0] == code


@pytest.mark.parametrize("patience", [3, 1000])
def test_fail_on_worsening(run, tmp_path, patience):
    path = tmp_path / "log.csv"
    path.write_text("step,loss\n" + "".join(f"{i},{i * i}\n" for i in range(300)))
    code, out, _ = run("scan", path, "--quiet", "--patience", patience, "--fail-on", "worsening")
    assert (code, out) == (1, b"")
    both = ["--fail-on", "worsening", "--fail-on", "plateau"]
    assert run("scan", path, "--patience", patience, *both)[0] == 1
    assert run("scan", path, "--patience", patience, *both[2:])[0] == (patience == 3)
    mode = ["--mode", "max"]
    assert run("scan", path, *mode, "--patience", patience, "--fail-on", "worsening")[0] == 0


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_is_drawn(run, log, tmp_path, suffix):
    picture = tmp_path / f"picture.{suffix}"
    assert run("scan", log, *RULE, "--quiet", "--plot", picture) == (0, b"", "")
    first = picture.read_bytes()
    run("scan", log, *RULE, "--quiet", "--plot", picture)
    assert picture.read_bytes() == first
    assert suffix == "png" or {b"learning rate", b"known", b"plateau"} <= set(
        re.findall(rb"<!-- (.+?) -->", first)
    )
    head = first[:200]
    assert b"PNG" in head if suffix == "png" else b"<?xml" in head


def test_parquet_is_not_printed_on_a_terminal(run, log, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = run("scan", log, "--format", "parquet")
    assert (code, out) == (2, b"")
    assert "give a file with --output" in err


def bad_files(folder):
    (folder / "empty").touch()
    (folder / "junk").write_bytes(np.random.default_rng(0).bytes(5000))
    (folder / "header.csv").write_text("step,loss\n")
    rows = "".join(f"{i},{1 / (i + 1):.9f}\n" for i in range(20_000))
    (folder / "cut.csv.gz").write_bytes(gzip.compress(f"step,loss\n{rows}".encode())[:30])
    return [folder / name for name in ("empty", "junk", "header.csv", "cut.csv.gz", "no")]


@pytest.mark.parametrize("command", ["scan", "replay", "report"])
def test_bad_input_gets_one_line_that_names_it(run, tmp_path, command):
    for path in bad_files(tmp_path):
        code, out, err = run(command, path)
        assert (code, out) == (2, b""), path
        assert err.startswith("plateau: "), err
        assert str(path) in err
        assert err.count("\n") == 1, err


def test_a_bad_log_does_not_stop_the_others(run, log, tmp_path):
    code, out, err = run("scan", tmp_path / "no", log, "--format", "json")
    assert (code, len(json.loads(out)["logs"])) == (0, 1)
    assert err == f"plateau: {tmp_path / 'no'}: no such file\n"


def test_a_folder_gives_a_line_for_each_run(run, tmp_path):
    for number in range(6):
        (tmp_path / f"{number}.csv").write_text(rows(60) * (1 + (number == 3)))
    (tmp_path / "notes.txt").write_text("nothing\n")
    (tmp_path / "bad.csv").write_bytes(np.random.default_rng(0).bytes(5000))
    code, out, err = run("scan", tmp_path)
    text = out.decode()
    assert code == 0
    assert [text.count(f"{tmp_path}/{number}.csv\n") for number in range(6)] == [1] * 6
    assert len([line for line in text.splitlines() if "loss ↓" in line]) == 7
    assert "warning: step goes back from 59 to 0 at line 63" in text
    assert err.splitlines() == [
        f"plateau: {tmp_path}/bad.csv: is not text (it is neither UTF-8 nor UTF-16)",
        f"plateau: 1 file holds no series of numbers and was left out: {tmp_path}/notes.txt",
    ]


def test_the_ticks_of_whole_steps_are_whole(run, tmp_path):
    path = tmp_path / "run.csv"
    path.write_text(rows(500))
    shown = [line.split() for line in run("scan", path)[1].decode().splitlines()]
    assert ["0", "125", "250", "374", "499"] in shown


def test_a_folder_without_logs(run, tmp_path):
    assert run("scan", tmp_path) == (2, b"", f"plateau: {tmp_path}: no logs in this folder\n")
    assert run("scan", f"{tmp_path}/*.csv")[2] == f"plateau: {tmp_path}/*.csv: no file matches\n"


def test_equally_good_metrics_are_all_scanned(run, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(
        "step,a_loss,b_loss\n" + "".join(f"{i},{1 / (i + 1)},{2 + i % 3}\n" for i in range(60))
    )
    found = json.loads(run("scan", path, "--format", "json")[1])["logs"][0]["runs"]
    assert [each["metric"] for each in found] == ["a_loss", "b_loss"]
    chosen = json.loads(run("scan", path, "--metric", "b_loss", "--format", "json")[1])
    assert [each["metric"] for each in chosen["logs"][0]["runs"]] == ["b_loss"]


def test_several_metrics_are_scanned(run, tmp_path):
    log = tmp_path / "m.csv"
    log.write_text("step,loss,acc\n" + "".join(f"{i},{5 - i / 50},{i / 50}\n" for i in range(99)))
    options = ("--metric", "loss", "--metric", "acc", "--metric", "LOSS")
    code, out, err = run("scan", log, *options, "--format", "json")
    assert (code, err) == (0, "")
    (found,) = json.loads(out)["logs"]
    told = [(one["metric"], one["mode"]) for one in found["runs"]]
    assert told == [("loss", "min"), ("acc", "max")]
    for command in (("watch", log, "--idle", 0), ("columns", log), ("replay", log)):
        code, out, err = run(*command, *options)
        assert (code, out) == (2, b"")
        assert "only scan and report take several" in err


def test_names_are_taken_as_they_are_printed(run, tmp_path):
    log = tmp_path / "a.log"
    log.write_text(
        "".join(f"epoch {e} step {s} loss {5 / (1 + e)}\n" for e in range(9) for s in range(9))
    )
    code, out, _ = run("scan", log, "--x", "epoch, step", "--format", "json")
    assert code == 0
    assert json.loads(out)["logs"][0]["runs"][0]["x"] == "epoch, step"
    log.write_text("".join(f"{i}: {5 / (1 + i)}, {6 / (1 + i)} avg\n" for i in range(40)))
    code, out, err = run("scan", log, "--metric", "loss", "--format", "json")
    assert (code, json.loads(out)["logs"][0]["runs"][0]["metric"]) == (0, "loss"), err
