"""Exit codes by what happened, for CI."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from following import PLATEAU, events_of, staircase, watch
from processes import plateau


@pytest.mark.parametrize(("what", "code"), [("plateau", 1), ("nan", 1), ("worsening", 0)])
def test_fail_on(tmp_path, what, code):
    path = tmp_path / "run.log"
    path.write_text(staircase(6000))
    done = watch(path, "--fail-on", what, "--idle", 0)
    assert done.returncode == code
    assert done.stderr == b""


def test_fail_on_worsening():
    rng = np.random.default_rng(2)
    loss = np.concatenate([np.linspace(5, 1, 1000), np.linspace(1, 4, 1500)])
    lines = [f"step {i} loss {v:.4f}\n" for i, v in enumerate(loss + 0.02 * rng.normal(size=2500))]
    done = watch("-", "--fail-on", "worsening", "--format", "jsonl", stdin="".join(lines).encode())
    assert done.returncode == 1
    assert events_of(done.stdout)[-1]["event"] == "worsening"


def test_few_rows_are_looked_at_when_no_more_come(run, tmp_path):
    path, state, output = tmp_path / "run.log", tmp_path / "state", tmp_path / "events"
    options = (path, "--idle", 0, "--state", state, "--output", output, "--fail-on", "nan")
    path.write_text(staircase(5))
    assert run("watch", *options) == (0, b"", "")
    path.write_text(f"{staircase(5)}step 50 | loss nan | lr 0.1\n")
    assert run("watch", *options) == (1, b"", "")
    assert output.read_text() == (
        f"watching loss of {path} over step, lower is better\n"
        "run 1, loss at step 50: not finite, nan\n"
    )
    assert not state.exists()  # columns chosen from so little are not kept


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, (), "no such file"),
        ("", (), "the file is empty"),
        ("nothing\nto see\n", (), "no series of numbers found"),
        (staircase(500), ("--metric", "los"), "los"),
    ],
    ids=["none", "empty", "words", "metric"],
)
def test_a_gate_does_not_pass_a_log_that_it_cannot_read(run, tmp_path, content, options, said):
    path = tmp_path / "run.log"
    if content is not None:
        path.write_text(content)
    code, out, err = run("watch", path, "--idle", 0, "--fail-on", "nan", *options)
    assert (code, out) == (2, b"")
    assert err.startswith(f"plateau: {path}: ")
    assert said in err
    assert err.count("\n") == 1


def test_the_example_for_github_actions_runs(tmp_path):
    page = Path(__file__).parent.parent.parent / "docs" / "watch.md"
    (example,) = re.findall("```yaml\n(.+?)```", page.read_text(), re.DOTALL)
    lines = re.findall(r"^ +run: (.+)$", example, re.MULTILINE)
    assert len(lines) == 3
    (tmp_path / "train.py").write_text(
        "for i in range(100): print(f'step {i} loss {1 / (i + 1):.4f}', flush=True)\n"
    )
    summary, bin_ = tmp_path / "summary.md", tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "plateau").write_text(f'#!/bin/sh\nexec {shlex.join(PLATEAU)} "$@"\n')
    (bin_ / "plateau").chmod(0o755)
    (bin_ / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{bin_}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(summary)}
    for line in lines:
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", line],
            cwd=tmp_path,
            env=os.environ | environment,
            check=True,
        )
    assert summary.read_text().startswith("### 1 plateau in 1 run, and 1 slow\n")


def test_scan_fails_on_nan(run, tmp_path):
    path = tmp_path / "run.log"
    for text, code in ((staircase(5000), 1), (staircase(1000), 0)):
        path.write_text(text)
        assert run("scan", path, "--quiet", "--fail-on", "nan")[0] == code


def test_a_gate_that_can_never_close_says_so(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"{10 + i % 7 + 50 * (i > 200)}\n" for i in range(400)))
    told = "has no better direction, so --fail-on worsening never fails: give --mode"
    for arguments in (["watch", path, "--idle", 0], ["scan", path, "--quiet"]):
        done = plateau(*arguments, "--fail-on", "worsening")
        assert done.returncode == 0
        assert f"plateau: {path}: numbers {told}\n" in done.stderr
        done = plateau(*arguments, "--fail-on", "worsening", "--mode", "min")
        assert told not in done.stderr
