"""The command line, run as a user runs it."""

import gzip
import inspect
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import polars as pl
import pytest

from plateau.commands.groups import ColumnOptions, grouped
from plateau.commands.options import Mode, Paths, Quiet
from plateau.export import write_whole

FASTFACE = [
    "--detector",
    "haar",
    "--window",
    "4000",
    "--smooth",
    "4000",
    "--threshold",
    "6e-5",
    "--patience",
    "8000",
]


def plateau(*arguments, **environment):
    """Run it in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", "from plateau.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


def redirected(redirections, *arguments):
    """Run it by a shell, with these redirections."""
    program = [sys.executable, "-c", "from plateau.cli import main; main()"]
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def log(tmp_path):
    """A staircase of two steps, every tenth step logged, with its learning rate."""
    rng = np.random.default_rng(0)
    levels = [np.linspace(9, 3, 200), np.full(300, 3), np.linspace(3, 1, 100), np.full(300, 1)]
    loss = np.concatenate(levels) + 0.02 * rng.normal(size=900)
    lr = np.repeat([0.1, 0.05], [500, 400])
    path = tmp_path / "a run.csv"
    rows = (f"{10 * i + 10},{v:.4f},{r}\n" for i, (v, r) in enumerate(zip(loss, lr, strict=True)))
    path.write_text("step,loss,lr\n" + "".join(rows))
    return path


RULE = ["--window", 200, "--threshold", 4e-4, "--patience", 300]


def test_a_small_log_is_scanned_without_what_is_slow_to_import(log):
    code = "import sys; from plateau.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('polars', 'scipy', 'matplotlib') if sys.modules.get(name)])"
    command = [sys.executable, "-c", code, "scan", str(log)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_a_program_that_calls_the_command_line_keeps_its_modules(log):
    code = "import gc, sys; from plateau.cli import main; before = gc.get_threshold()\n"
    code += "try: main()\nexcept SystemExit as done: assert not done.code\n"
    code += "import scipy.linalg; from numba import njit; import numpy as np\n"
    code += "print(gc.get_threshold() == before, njit(lambda x: np.linalg.det(x))(np.eye(2)))"
    command = [sys.executable, "-c", code, "scan", str(log), "--quiet"]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True 1.0\n"
    )


COLD = """
import sys
sys.stderr.isatty = lambda: {terminal}
from plateau import Ema, ThresholdDetector
detector = ThresholdDetector(Ema(0.5), 0.1, 3)
detector.update_many([1.0] * 9)
detector.update(1.0)
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_compiling_is_told_once_and_on_a_terminal_only(tmp_path, terminal):
    command = [sys.executable, "-c", COLD.format(terminal=terminal)]
    at_once = {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "1", "PLATEAU_INTERPRET": "0"}
    environment = os.environ | at_once
    cold = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    line = "plateau: compiling the detector, which is done once: some seconds\n"
    assert (cold.stdout, cold.stderr) == ("", line if terminal else "")
    warm = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (warm.stdout, warm.stderr) == ("", "")


def test_help_needs_no_numba():
    code = "import sys; from plateau.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([m for m in ('numba', 'numpy', 'polars', 'matplotlib') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
    )
    assert "scan" in done.stdout
    assert done.stdout.endswith("[]\n")


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


def test_help_of_streams_tells_their_mode(run):
    """A stream has no name that a mode could be told by."""
    _, out, _ = run("stream", "--help")
    told = " ".join(out.decode().replace("│", " ").split())
    assert "by its name" not in told
    assert "Which way the samples get better. [default: min]" in told


def test_without_a_command_there_is_help(run):
    code, out, _ = run()
    assert code == 0
    assert b"replay" in out


def test_a_report_is_written(run, log, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    assert run("report", log, *RULE, "-o", page) == (0, f"Report written to {page}\n".encode(), "")
    first = page.read_bytes()
    assert b"2 plateaus in 1 run" in first
    assert run("report", log, *RULE, "-o", page, "--quiet") == (0, b"", "")
    assert page.read_bytes() == first
    monkeypatch.chdir(tmp_path)
    assert run("report", log, *RULE)[:2] == (0, b"Report written to report.html\n")
    assert (tmp_path / "report.html").read_bytes() == first


def test_a_report_in_markdown(run, log, tmp_path):
    code, out, err = run("report", log, *RULE, "--format", "markdown")
    assert (code, err) == (0, "")
    assert out.startswith(b"### 2 plateaus in 1 run\n")
    file = tmp_path / "summary.md"
    assert run("report", log, *RULE, "--format", "markdown", "-o", file, "--quiet")[:2] == (0, b"")
    assert file.read_bytes() == out


@pytest.mark.parametrize("output_format", ["html", "markdown"])
def test_a_report_can_fail_a_job(run, log, tmp_path, output_format):
    file = tmp_path / "report"
    arguments = [*RULE, "--format", output_format, "-o", file, "--fail-on"]
    assert run("report", log, *arguments, "plateau")[0] == 1
    assert file.stat().st_size > 100  # what the job is about is there all the same
    assert run("report", log, *arguments, "worsening")[0] == 0


@pytest.mark.parametrize(
    ("target", "message"),
    [("missing/report.html", "No such file or directory"), ("folder", "Is a directory")],
)
def test_a_report_that_cannot_be_written(run, log, tmp_path, target, message):
    (tmp_path / "folder").mkdir()
    code, out, err = run("report", log, "-o", tmp_path / target)
    assert (code, out, err) == (2, b"", f"plateau: {tmp_path / target}: {message}\n")


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


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "out.json"
    write_whole(target, b"old")
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode
    (tmp_path / "folder").mkdir()
    for name in ("folder", "missing/out.json"):
        with pytest.raises(OSError, match=name) as error:  # and not a file beside it
            write_whole(tmp_path / name, b"new")
        assert error.value.filename == str(tmp_path / name)
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"new", 0o640)
    monkeypatch.setattr(Path, "replace", lambda self, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_whole(target, b"newer")
    assert target.read_bytes() == b"new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "link", "out.json", "plain"]


def test_parquet_is_not_printed_on_a_terminal(run, log, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    code, out, err = run("scan", log, "--format", "parquet")
    assert (code, out) == (2, b"")
    assert "give a file with --output" in err


def test_replay_json_is_as_promised(run, log):
    code, out, err = run("replay", log, *RULE, "--format", "json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    head = {"version": 1, "path": str(log), "metric": "loss", "unit": "step"}
    assert {key: document[key] for key in head} == head
    assert list(document) == [*head, "events", "recorded"]
    assert document["recorded"] == [{"x": 5010, "factor": 0.5, "lr": 0.05}]
    assert document["events"][0] | {"x": 0} == {"x": 0, "factor": 0.5, "lr": 0.05}
    _, out, _ = run("replay", log, *RULE, "--format", "jsonl")
    assert [json.loads(line)["kind"] for line in out.splitlines()][-1] == "recorded"


def test_replay_says_how_far_it_can_be_trusted(run, log):
    _, out, _ = run("replay", log, *RULE)
    text = " ".join(out.decode().split())
    assert "A replay is exact only as far as the log's own schedule agrees with it" in text


def test_a_replay_does_not_claim_to_follow_a_schedule_that_moves_all_the_time(run, tmp_path):
    path = tmp_path / "cosine.csv"
    rows = (f"{i},{9 - i / 100},{0.1 * math.cos(i / 1000):.6f}\n" for i in range(1, 600))
    path.write_text("step,loss,lr\n" + "".join(rows))
    _, out, _ = run("replay", path)
    text = " ".join(out.decode().split())
    assert "of less than 10 % not shown" in text
    assert "agrees with it: here up to " in text


def test_replay_takes_one_run(run, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("step,loss\n" + "".join(f"{i % 50},{50 - i % 50}\n" for i in range(100)))
    code, _, err = run("replay", path)
    assert code == 2
    assert "has 2 runs, choose one with --run: 1, 2" in err
    assert run("replay", path, "--run", "2")[0] == 0


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scan"], "Missing argument"),
        (["scan", "LOG", "--x", "a", "--x", "b"], "--x takes one value and is given 2 times"),
        (["report", "LOG", "-o", "a", "--output", "b"], "--output takes one value and is given 2"),
        (["scan", "LOG", "--window", "3"], "window must be even, not 3"),
        (["scan", "LOG", "--threshold", "-1"], "threshold must be above 0, not -1.0"),
        (["scan", "LOG", "--alpha", "2"], "alpha must be above 0 and at most 1, not 2.0"),
        (["scan", "LOG", "--alpha", "0.1", "--window", "4"], "alpha belongs to the detector ema"),
        (["scan", "LOG", "--metric", "nope"], "nope"),
        (["scan", "LOG", "--run", "7"], "7"),
        (["scan", "LOG", "--plot", "a.gif"], "must end in .png or .svg"),
        (["scan", "LOG", "--plot", "/nowhere/a.png"], "/nowhere/a.png: No such file"),
        (["scan", "LOG", "--output", "a"], "--output needs --format"),
        (["scan", "LOG", "--format", "xml"], "--format"),
        (["demo", "--plot", "a.pdf"], "must end in .png or .svg"),
        (["replay", "LOG", "--initial-lr", "-1"], "initial_lr must be above 0, not -1.0"),
        (["replay", "LOG", "--factor", "2"], "factor must lie between 0 and 1, not 2.0"),
        (["nonsense"], "nonsense"),
        (["scan", "LOG", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_usage_gets_one_line(run, log, arguments, message):
    code, _, err = run(*(log if a == "LOG" else a for a in arguments))
    assert (code, err.count("\n")) == (2, 1), err
    assert message in err


def test_the_demo_finds_the_stairs_and_draws_them(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "from plateau.cli import main; main()", "demo"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "4 plateaus" in done.stdout
    assert done.stderr == ""
    assert (tmp_path / "plateau.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.endswith("Report written to plateau.html: open it in a browser\n")
    assert "4 plateaus in 1 run" in (tmp_path / "plateau.html").read_text()


def test_a_command_has_the_options_of_its_groups():
    given = []

    @grouped
    def command(paths: Paths, columns: ColumnOptions, quiet: Quiet = False) -> None:
        given.append((paths, columns, quiet))

    names = ["paths", "metric", "x", "lr", "mode", "quiet"]
    assert list(inspect.signature(command).parameters) == names
    command(**dict(zip(names, (["a"], "loss", None, "rate", Mode.max, True), strict=True)))
    assert given == [(["a"], ColumnOptions("loss", None, "rate", Mode.max), True)]


def test_the_package_is_a_command(log):
    command = [sys.executable, "-m", "plateau", "scan", str(log), "--fail-on", "no-such"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("plateau: ")
    command[3:] = ["--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == plateau("--version").stdout


def test_version(tmp_path):
    own, others = plateau("--version", NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert own == f"plateau {__import__('plateau').__version__}"
    assert others.startswith(f"numba {numba.__version__}, compiled code in {tmp_path}")
    tmp_path.chmod(0o777)
    _, others = plateau("--version", NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert others.startswith(f"numba {numba.__version__}, compiled code in no folder: ")


def test_the_published_run_from_the_shell(published_log):
    policy = [
        "--factor",
        "0.5",
        "--max-reductions",
        "1000",
        "--restart-after",
        "3",
        "--restart-factor",
        "4",
    ]
    done = plateau(
        "replay", published_log, *FASTFACE, "--unit", "step", *policy, "--format", "json"
    )
    document = json.loads(done.stdout)
    events, recorded = document["events"], document["recorded"]
    assert len(events) == len(recorded) == 12
    for event, change in zip(events, recorded, strict=True):
        assert event["factor"] == change["factor"]
        assert abs(event["x"] - change["x"]) <= 20


def rows(count):
    return "step,loss\n" + "".join(f"{i},{1 / (i + 1):.6f}\n" for i in range(count))


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


def test_standard_input(log):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from plateau.cli import main; main()",
            "scan",
            "-",
            "--format",
            "json",
        ],
        input=log.read_bytes(),
        capture_output=True,
        check=True,
    )
    (found,) = json.loads(done.stdout)["logs"]
    assert (found["path"], found["runs"][0]["metric"]) == ("-", "loss")


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file here stands for a full disk")
def test_a_full_disk_is_one_line(tmp_path):
    log = tmp_path / "a.csv"
    log.write_text("step,loss\n" + "".join(f"{i},{i}.5\n" for i in range(60)))
    command = [sys.executable, "-c", "from plateau.cli import main; main()", "scan", log]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "plateau: No space left on device\n")


def test_a_file_with_a_hole_of_a_terabyte_is_one_line(run, tmp_path):
    log = tmp_path / "a.csv"
    log.write_text("step,loss\n" + "".join(f"{i},{i}.5\n" for i in range(60)))
    os.truncate(log, 2**40)
    code, out, err = run("scan", log)
    assert (code, out, err) == (2, b"", f"plateau: {log}: a line is longer than 64 MiB\n")


@pytest.mark.skipif(os.name != "posix", reason="there is no such shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", [["scan", "--format", "json", "-o"], ["watch", "--output"]])
def test_standard_streams_may_be_closed(closed, command, log, tmp_path):
    """The next files that are opened must not be taken for them."""
    before, out = log.read_bytes(), tmp_path / "out"
    rest = ["--idle", 0, "--horizon", 24] if command[0] == "watch" else []
    done = redirected(closed, command[0], log, *command[1:], out, *rest)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert out.read_bytes().startswith(b'{"version"' if command[0] == "scan" else b"watching loss")
    assert log.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="there is no such shell")
def test_what_nobody_can_read_is_not_printed(log):
    assert redirected(">&-", "scan", log, "--format", "json").returncode == 0
    done = redirected("<&-", "scan", "-")
    assert (done.returncode, done.stderr) == (2, "plateau: -: the file is empty\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device is always full here")
def test_a_full_standard_error_changes_no_exit_code():
    assert redirected("2>/dev/full", "scan", "--nonsense").returncode == 2


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{interrupt}", 130),
        ("def main(): {interrupt}", 130),
        ("import atexit\ndef main(): atexit.register(lambda: {interrupt})", -signal.SIGINT),
    ],
    ids=["importing", "running", "ending"],
)
def test_an_interrupt_is_no_traceback_at_any_moment(text, code, tmp_path):
    interrupt = "signal.raise_signal(signal.SIGINT)"
    (tmp_path / "program.py").write_text("import signal\n" + text.format(interrupt=interrupt))
    run = "import sys; sys.path.insert(0, sys.argv[1]); from plateau.program import run"
    command = [sys.executable, "-c", f"{run}; run('program')", tmp_path]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (code, b"")
