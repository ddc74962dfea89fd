"""``plateau columns``: what was found, what was chosen, why."""

import subprocess
import sys

import pytest

MAIN = "from plateau.cli import main; main()"
LOG = "".join(
    f"step {s} loss {10 / s:.4f} val_loss {11 / s:.4f} avg_loss 1.5 lr {0.1 if s < 50 else 0.01}\n"
    for s in range(1, 100)
)


@pytest.fixture
def columns(tmp_path):
    """Run the command in a folder of these files."""

    def columns(*arguments, **files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        command = [sys.executable, "-c", MAIN, "columns", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    return columns


def line_of(name, text):
    """The cells of a column, and its remarks, which stand below its name."""
    lines = text.splitlines()
    at = next(row for row, line in enumerate(lines) if line.startswith(f"{name} "))
    below = lines[at + 1] if lines[at + 1].startswith("  ") else ""
    return [*lines[at].split(), *below.split()]


def test_columns(columns):
    done = columns("log", log=LOG)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("log (text)\n")
    assert line_of("loss", done.stdout) == ["loss", "99", "10", "0.101", "12.0", "the", "metric"]
    assert line_of("val_loss", done.stdout)[-2:] == ["8.0", "validation"]
    assert line_of("avg_loss", done.stdout)[-1] == "smoothed"
    assert line_of("step", done.stdout)[-2:] == ["x,", "counter"]
    assert "10.0" in line_of("lr", done.stdout)
    assert "metric: loss with 12.0 points; next 'avg_loss' with 10.5; lower is" in done.stdout
    assert "x: step, counts steps\nlearning rate: lr\nruns: 1, of 99 rows" in done.stdout


def test_remarks_stand_whole_beside_numbers_or_below_names(columns, monkeypatch):
    text = "".join(
        f"step {s} response time {9 / s:.4f} best lap {s * 7 % 5}\n" for s in range(1, 40)
    )
    for width in (80, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        told = columns("log", log=text).stdout
        table = told[: told.index("metric: ")].splitlines()
        assert "the metric, what a service is judged by" in " ".join(told.split())
        assert len(table) <= (9 if width == 80 else 5)  # not a line for each word
        assert max(len(line.rstrip()) for line in table) <= width


def test_choices_of_the_user(columns):
    done = columns("log", "--metric", "val_loss", "--mode", "max", log=LOG)
    assert "metric: val_loss with" in done.stdout
    assert "higher is better" in done.stdout


def test_several_logs_and_bad_ones(columns):
    done = columns("a", "b", "none", a=LOG, b="nothing")
    assert done.returncode == 0
    assert done.stdout.count("(text)") == 1
    assert done.stderr.splitlines() == [
        "plateau: b: no series of numbers found",
        "plateau: none: no such file",
    ]
    assert columns("none").returncode == 2


def test_equally_good_metrics_are_told(columns):
    text = "step,a_loss,b_loss\n" + "".join(f"{s},{1 / s},{2 / s}\n" for s in range(1, 50))
    done = columns("log", log=text)
    assert "warning: 'a_loss' was taken as the metric; as good are 'b_loss'" in done.stdout
