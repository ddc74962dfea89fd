"""`plateau report`: files, formats and exit codes."""

import pytest
from staircase import RULE


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
